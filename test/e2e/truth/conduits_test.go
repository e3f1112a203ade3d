package truth

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/ward"
)

var ranges = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/48")}

// cast gives everybody the addresses that the lab would.
func cast() []ward.Party {
	parties := ward.Everybody()
	four, six := netip.MustParseAddr("10.244.1.10"), netip.MustParseAddr("fd00:10:244:1::10")
	for i := range parties {
		if parties[i].Kind == ward.Outside {
			continue
		}
		parties[i].Addresses = []netip.Addr{four, six}
		four, six = four.Next(), six.Next()
	}
	return parties
}

func TestEveryPairOfWhichAnAgentSeesThePacketsIsAsked(t *testing.T) {
	got := Questions(cast(), ward.Services())
	seen := map[Question]bool{}
	for _, q := range got {
		if seen[q] || q.From == q.To || q.From.Kind != ward.Pod && q.To.Kind != ward.Pod || q.Source.Is4() != q.Destination.Is4() {
			t.Fatalf("%s is asked, or asked twice", q)
		}
		seen[q] = true
	}
	pods, others, six := 17, 18, 2+4 // nodes and those outside with IPv6
	want := len(ward.Services()) * (2*pods*(pods-1) + 2*pods*others + 2*pods*six)
	if len(got) != want {
		t.Errorf("%d questions, want %d", len(got), want)
	}
}

// What a person reads from the sample.
func TestTheSampleSaysWhoMayTalk(t *testing.T) {
	parties := cast()
	cases := []struct {
		from, to string
		service  ward.Service
		cilium   string // why it passes, or does not
		netpol   string
	}{
		{"pump-gw-a", "pump-icu-1", ward.Service{Protocol: flow.TCP, Port: 3613}, "Conduit/gateway-to-pumps", "Conduit/gateway-to-pumps"},
		{"pump-gw-a", "pump-new", ward.Service{Protocol: flow.TCP, Port: 3613}, NoConduit, NoConduit},
		{"pump-gw-a", "pump-icu-1", ward.Service{Protocol: flow.TCP, Port: 445}, NoConduit, NoConduit},
		{"pump-gw-a", "pump-gw-b", ward.Service{Protocol: flow.TCP, Port: 3613}, NoConduit, NoConduit},
		{"pump-gw-a", "dns", ward.Service{Protocol: flow.UDP, Port: 53}, ClusterDNS, ClusterDNS},
		{"inf-stray", "dns", ward.Service{Protocol: flow.UDP, Port: 53}, NoConduit, NoConduit},
		{"pump-icu-7", "drug-lib", ward.Service{Protocol: flow.TCP, Port: 3613}, "Conduit/pumps-to-drug-library", Unrestricted},
		{"impostor", "pump-icu-1", ward.Service{Protocol: flow.TCP, Port: 3613}, NoConduit, Unrestricted},
		{"hl7-dash", "central-gw", ward.Service{Protocol: flow.TCP, Port: 6662}, NoConduit, NoConduit},
		{"nurses-pc", "central-gw", ward.Service{Protocol: flow.TCP, Port: 8443}, "Conduit/nurses-to-central", "Conduit/nurses-to-central"},
		{"node-1", "pump-gw-a", ward.Service{Protocol: flow.TCP, Port: 445}, OwnNode, OwnNode},
		{"node-2", "pump-gw-a", ward.Service{Protocol: flow.TCP, Port: 445}, NoConduit, NoConduit},
		{"pump-gw-a", "node-1", ward.Service{Protocol: flow.TCP, Port: 445}, NoConduit, NoConduit},
		{"pump-gw-a", "hl7-engine", ward.Service{Protocol: flow.ICMP}, NoConduit, NoConduit},
		{"archive", "ehr", ward.Service{Protocol: flow.TCP, Port: 445}, Unrestricted, Unrestricted},
		{"laptop", "dicom-rtr", ward.Service{Protocol: flow.TCP, Port: 445}, Unrestricted, Unrestricted}, // Observe
	}
	for target, why := range map[snapshot.TargetKind]func(int) string{
		snapshot.Cilium: func(i int) string { return cases[i].cilium }, snapshot.Netpol: func(i int) string { return cases[i].netpol },
	} {
		conduits, err := ReadConduits(target, ranges, "../../../config/samples/hospital")
		if err != nil {
			t.Fatal(err)
		}
		for i, tc := range cases {
			party := func(name string) *ward.Party {
				return &parties[slices.IndexFunc(parties, func(p ward.Party) bool { return p.Name == name })]
			}
			q := Question{From: party(tc.from), To: party(tc.to), Service: tc.service}
			q.Source, q.Destination = q.From.Addresses[0], q.To.Addresses[0]
			passes, got := conduits.Says(q)
			if got != why(i) || passes == (got == NoConduit) {
				t.Errorf("%s: %s: %t, %s; want %s", target, q, passes, got, why(i))
			}
		}
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for _, path := range []string{"absent.yaml", "conduits_test.go"} {
		if _, err := ReadConduits(snapshot.Cilium, ranges, path); err == nil {
			t.Errorf("%s is read", path)
		}
	}
}
