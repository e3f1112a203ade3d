package guard

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// merge joins specs that deny the same to pods which differ in one respect: in
// their namespaces, or in one label of which each spec lists the values. A zone
// mostly permits the same to all its devices: without this its guard would grow
// with each of them, past what the API server can store.
func merge(specs []Spec) []Spec {
	out := make([]mergeable, 0, len(specs))
	keys := map[string]bool{}
	for _, s := range specs {
		out = append(out, mergeable{Spec: s, denies: text([][]Deny{s.Ingress, s.Egress})})
		for _, t := range s.Subject.Terms {
			if t.Operator == metav1.LabelSelectorOpIn {
				keys[t.Key] = true
			}
		}
	}
	out = mergeBy(out, spacesOf)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		out = mergeBy(out, func(p *PodSet) *[]string { return valuesOf(p, key) })
	}
	merged := make([]Spec, 0, len(out))
	for i := range out {
		merged = append(merged, out[i].Spec)
	}
	return sortedBy(merged, func(s *Spec) string { return text(s.Subject) })
}

// A mergeable is a spec with what it denies as text.
type mergeable struct {
	Spec
	denies string
}

// spacesOf returns where a set of pods lists its namespaces; nil where it lists
// those that are not its own.
func spacesOf(p *PodSet) *[]string {
	if p.Outside {
		return nil
	}
	return &p.Namespaces
}

// valuesOf returns where a set of pods lists the values of a label; nil where it
// does not, or does twice.
func valuesOf(p *PodSet, key string) *[]string {
	var out *[]string
	for i := range p.Terms {
		switch t := &p.Terms[i]; {
		case t.Key != key:
		case out != nil || t.Operator != metav1.LabelSelectorOpIn:
			return nil
		default:
			out = &t.Values
		}
	}
	return out
}

// mergeBy joins specs that differ in one list of their subjects alone.
func mergeBy(specs []mergeable, list func(*PodSet) *[]string) []mergeable {
	var out []mergeable
	at := map[string]int{}
	for _, s := range specs {
		s.Subject.Terms = slices.Clone(s.Subject.Terms)
		values := list(&s.Subject)
		if values == nil || len(*values) == 0 {
			out = append(out, s)
			continue
		}
		own := *values
		*values = nil
		k := s.denies + text(s.Subject)
		*values = own
		i, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, s)
			continue
		}
		into := list(&out[i].Subject)
		*into = slices.Concat(*into, own)
		slices.Sort(*into)
		*into = slices.Compact(*into)
		out[i].permitted = max(out[i].permitted, s.permitted)
	}
	return out
}
