package guard

import (
	"cmp"
	"slices"
)

// A NoteKind is a reason for which a guard leaves more open than the conduits.
type NoteKind int

// The kinds of notes.
const (
	// NoteSharedPods: selectors of devices in a namespace may match one pod.
	NoteSharedPods NoteKind = iota
	// NoteManySelectors: the devices of a namespace have too many selectors.
	NoteManySelectors
	// NoteManyPeers: the peers in a namespace have too many selectors.
	NoteManyPeers
	// NoteMoatShared: selectors of peers in a namespace may match one pod, or are
	// too many, so the moat permits each of these pods what any of them may do.
	NoteMoatShared
	// NoteOtherClusters: nobody knows the own cluster's name.
	NoteOtherClusters
	// NotePatterns: a name with wildcards stands for any address on its ports.
	NotePatterns
	// NoteCIDRMatch: prefixes match nodes or pods.
	NoteCIDRMatch
	// NoteICMPTypes: one type of ICMP opens all of its family.
	NoteICMPTypes
	// NoteNoICMP: Cilium takes no rules about ICMP.
	NoteNoICMP
	// NoteBudgetPeers: the exact guard costs too much, so every pod of a peer's
	// namespace may use every port.
	NoteBudgetPeers
	// NoteBudgetPods: even so it costs too much, so pods are not denied.
	NoteBudgetPods
)

// A Note is something that a guard leaves open, once a policy of somebody else
// allows it.
type Note struct {
	Kind NoteKind
	// Namespace is where, if it is in one.
	Namespace string
}

func (b *builder) note(kind NoteKind, namespaces ...string) {
	if len(namespaces) == 0 {
		b.notes = append(b.notes, Note{Kind: kind})
	}
	for _, n := range namespaces {
		b.notes = append(b.notes, Note{kind, n})
	}
}

func sortNotes(notes []Note) []Note {
	slices.SortFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace))
	})
	return slices.Compact(notes)
}

// noteTypes notes what ICMP stays open: all types of a family where one is
// permitted, and every type where Cilium takes no rule about it.
func (b *builder) noteTypes(c *collector) {
	typed := false
	see := func(a *access) { typed = typed || a.v4 || a.v6 }
	for _, p := range c.pods {
		see(&p.access)
	}
	for _, p := range c.keys {
		see(&p.access)
	}
	for _, a := range c.patterns {
		see(a)
	}
	for _, a := range c.entities {
		see(a)
	}
	if typed {
		b.note(NoteICMPTypes)
	}
	if b.settings.NoICMP && len(c.pods)+len(c.keys)+len(c.patterns)+len(c.entities) > 0 {
		b.note(NoteNoICMP)
	}
}
