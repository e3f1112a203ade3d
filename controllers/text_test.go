package controllers

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestZonesAreWrittenShort(t *testing.T) {
	for want, names := range map[string][]string{
		"":                           nil,
		"infusion":                   {"infusion"},
		"imaging-a, -b":              {"imaging-a", "imaging-b"},
		"imaging-a, -b, pacs":        {"imaging-a", "imaging-b", "pacs"},
		"icu-beds-1, -2":             {"icu-beds-1", "icu-beds-2"},
		"ward, ward-2":               {"ward", "ward-2"},
		"ward-2, ward":               {"ward-2", "ward"},
		"imaging, imagination-north": {"imaging", "imagination-north"},
	} {
		if got := shortZones(names); got != want {
			t.Errorf("shortZones(%v) = %q, want %q", names, got, want)
		}
	}
}

func TestServicesAreWrittenShort(t *testing.T) {
	services := []medfencev1alpha1.ConduitService{
		{Name: "dicom"},
		{Name: "dicom", Port: new(int32(4242))},
		{Protocol: "TCP", Port: new(int32(2000)), EndPort: new(int32(2010))},
		{Protocol: "ICMP", ICMPType: new(int32(8))},
	}
	if got, want := shortServices(services), "dicom, dicom:4242, TCP:2000-2010, ICMP:8"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLongTextsAreCutAtWholeCharacters(t *testing.T) {
	got := shorten(strings.Repeat("ä", 200), maxColumn)
	if n := utf8.RuneCountInString(got); n != maxColumn || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
		t.Errorf("%d characters: %q", n, got)
	}
}

func TestNothingIsShownThatATerminalObeys(t *testing.T) {
	for name, want := range map[string]string{
		"icu\nNAME   READY": "icu NAME   READY", "a\tb": "a b", "\x1b[31mred\x07": "[31mred", "\u202egnp.exe": "gnp.exe", "\ufeffa\u200b": "a", "\xff": "", "日本": "日本",
	} {
		if got := shortZones([]string{name}); got != want {
			t.Errorf("zone %q is shown as %q, want %q", name, got, want)
		}
		if got := shortServices([]medfencev1alpha1.ConduitService{{Name: name}}); got != want {
			t.Errorf("service %q is shown as %q, want %q", name, got, want)
		}
		list := setCondition(nil, medfencev1alpha1.ConditionReady, yes("Enforced", name), 1, metav1.Time{})
		if got := list[0].Message; got != want {
			t.Errorf("%q becomes the message %q, want %q", name, got, want)
		}
	}
}

// The API server counts the bytes of an event's note (1,024), not its characters,
// and refuses one that is longer: the event would be lost.
func TestNotesOfEventsAreCutByBytes(t *testing.T) {
	for _, text := range []string{strings.Repeat("日", 400), "a" + strings.Repeat("🩺", 300), "ab" + strings.Repeat("é", 600), strings.Repeat("x", 1024), "short"} {
		got := shortenBytes(text, maxNote)
		if len(got) > maxNote || !utf8.ValidString(got) || len(got) < min(len(text), maxNote-6) {
			t.Errorf("%d bytes of %d: %q", len(got), len(text), got)
		}
		if (got == text) != (len(text) <= maxNote) {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
	}
}

func TestAnExpiryIsShownInUTC(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	at := metav1.NewTime(time.Date(2027, 1, 1, 0, 0, 0, 0, berlin))
	if got, want := shortTime(&at), "2026-12-31T23:00:00Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDevicesAreLocatedInWords(t *testing.T) {
	for want, facts := range map[string]deviceFacts{
		"2 pods":           {Zone: "z", Workload: true, Pods: 2},
		"1 pod, 1 address": {Zone: "z", Workload: true, Pods: 1, Addresses: 1},
		"0 pods":           {Zone: "z", Workload: true},
		"3 addresses":      {Zone: "z", Addresses: 3},
		"zone":             {Zone: "z"},
		"":                 {},
	} {
		if got := located(&facts); got != want {
			t.Errorf("located(%+v) = %q, want %q", facts, got, want)
		}
	}
}
