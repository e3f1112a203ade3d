package controllers

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// The lengths, in characters, at which the API cuts what we write.
const (
	maxColumn  = 128
	maxPath    = 256
	maxMessage = 512
)

// shortZones writes zones as a table does: "imaging-a, -b".
func shortZones(names []string) string {
	parts := make([]string, 0, len(names))
	for i, name := range names {
		if i > 0 {
			name = withoutShared(names[0], name)
		}
		parts = append(parts, name)
	}
	return shorten(strings.Join(parts, ", "), maxColumn)
}

// withoutShared returns a name without the words that it shares with the first
// one: "-b" for imaging-b after imaging-a.
func withoutShared(first, name string) string {
	shared := 0
	for shared < len(first) && shared < len(name) && first[shared] == name[shared] {
		shared++
	}
	if cut := strings.LastIndexByte(name[:shared], '-'); cut > 0 {
		return name[cut:]
	}
	return name
}

// shortServices writes services as a table does: "dicom:4242, TCP:2000-2010".
// The ports of a catalogue name are shown where the conduit replaces them.
func shortServices(services []medfencev1alpha1.ConduitService) string {
	parts := make([]string, 0, len(services))
	for i := range services {
		parts = append(parts, shortService(&services[i]))
	}
	return shorten(strings.Join(parts, ", "), maxColumn)
}

func shortService(s *medfencev1alpha1.ConduitService) string {
	name := s.Name
	if name == "" {
		name = string(s.Protocol)
	}
	switch {
	case s.ICMPType != nil:
		return name + ":" + strconv.Itoa(int(*s.ICMPType))
	case s.Port != nil && s.EndPort != nil && *s.EndPort != *s.Port:
		return fmt.Sprintf("%s:%d-%d", name, *s.Port, *s.EndPort)
	case s.Port != nil:
		return name + ":" + strconv.Itoa(int(*s.Port))
	}
	return name
}

// shortTime writes a time that a table can show: a date column shows one to
// come as invalid.
func shortTime(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// located says where a device is: "2 pods, 1 address".
func located(f *deviceFacts) string {
	var parts []string
	if f.Workload {
		parts = append(parts, counted(f.Pods, "pod", "pods"))
	}
	if f.Addresses > 0 {
		parts = append(parts, counted(f.Addresses, "address", "addresses"))
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ")
	case f.Zone != "":
		return "zone"
	}
	return ""
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// shorten cuts a text to a number of characters, and leaves out of it what is no
// part of a line: names come from people, and a terminal obeys some of what may
// stand in them.
func shorten(text string, limit int) string {
	text = oneLine(text)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-3]) + "..."
}

// shortenBytes cuts a text to a number of bytes, at a whole character.
func shortenBytes(text string, limit int) string {
	text = oneLine(text)
	if len(text) <= limit {
		return text
	}
	end := limit - 3
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// oneLine returns what can be printed of a text, on one line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}
