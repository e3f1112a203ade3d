package verdict

import "slices"

// A bucket holds the specs that can only select pods with one label.
type bucket struct{ source, key, value string }

// An index finds the specs that may select an endpoint without looking at all:
// by namespace, and in it by one label that the selector requires.
type index struct {
	byNamespace map[string]map[bucket][]*spec
}

// anywhere is the namespace of specs that may select pods of every one.
const anywhere = ""

func (x *index) add(s *spec) {
	spaces := []string{anywhere}
	if s.namespace != "" {
		spaces = []string{s.namespace}
	} else if names, bound := s.subject.namespaces(); bound {
		spaces = names
	}
	for _, ns := range spaces {
		if x.byNamespace[ns] == nil {
			x.byNamespace[ns] = map[bucket][]*spec{}
		}
		for _, b := range s.buckets() {
			x.byNamespace[ns][b] = append(x.byNamespace[ns][b], s)
		}
	}
}

// namespaces returns the names that a selector is bound to.
func (s selector) namespaces() (names []string, bound bool) {
	for _, t := range s {
		if t.key == namespaceKey && t.operator == opIn && (t.source == sourceK8s || t.source == sourceAny) {
			return t.values, true
		}
	}
	return nil, false
}

// buckets returns where the spec is kept: under each value of a label that its
// subject must have, or under none.
func (s *spec) buckets() []bucket {
	for _, t := range s.subject {
		if t.operator != opIn || t.key == namespaceKey || t.key == serviceAccountKey {
			continue
		}
		var out []bucket
		for _, v := range slices.Compact(slices.Sorted(slices.Values(t.values))) {
			out = append(out, bucket{t.source, t.key, v})
		}
		return out
	}
	return []bucket{{}}
}

// candidates returns the specs that may select the party, in order.
func (x *index) candidates(p *party) []*spec {
	var out []*spec
	spaces := []string{anywhere}
	if p.Namespace != "" {
		spaces = append(spaces, p.Namespace)
	}
	for _, ns := range spaces {
		kept := x.byNamespace[ns]
		out = append(out, kept[bucket{}]...)
		for k, l := range p.labels.labels {
			out = append(out, kept[bucket{l.source, k, l.value}]...)
			out = append(out, kept[bucket{sourceAny, k, l.value}]...)
		}
	}
	slices.SortFunc(out, func(a, b *spec) int { return a.order - b.order })
	return slices.Compact(out)
}
