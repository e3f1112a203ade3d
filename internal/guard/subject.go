package guard

import (
	"slices"

	"github.com/medfence/medfence/internal/plan"
)

// A subject are pods to which the same is permitted: that of all its members.
// Without members it is nothing.
type subject struct {
	pods    PodSet
	members []*plan.Workload
}

// subjects parts the pods of the namespaces by the workloads that select them.
func (b *builder) subjects(namespaces []string, workloads []*plan.Workload) []subject {
	var out []subject
	for _, n := range namespaces {
		var in []*plan.Workload
		for _, w := range workloads {
			if w.Namespace == n {
				in = append(in, w)
			}
		}
		out = append(out, b.subjectsOf(n, in)...)
	}
	return out
}

func (b *builder) subjectsOf(namespace string, workloads []*plan.Workload) []subject {
	selectors := selectorsOf(workloads)
	rest, ok := complement(selectors)
	if !ok {
		b.note(b.many, namespace)
		return []subject{{pods: PodSet{Namespaces: []string{namespace}}, members: workloads}}
	}
	var out []subject
	for _, terms := range rest {
		out = append(out, subject{pods: PodSet{Namespaces: []string{namespace}, Terms: terms}})
	}
	for _, family := range families(workloads, selectors) {
		if !b.alike(family) {
			b.note(b.shared, namespace)
		}
		for _, w := range family {
			pods := PodSet{Namespaces: []string{namespace}, Terms: termsOf(w.Selector)}
			out = append(out, subject{pods: pods, members: family})
		}
	}
	return out
}

func selectorsOf(workloads []*plan.Workload) [][]Term {
	out := make([][]Term, 0, len(workloads))
	for _, w := range workloads {
		out = append(out, termsOf(w.Selector))
	}
	return out
}

// families joins workloads that may share a pod, directly or by way of others.
func families(workloads []*plan.Workload, selectors [][]Term) [][]*plan.Workload {
	var out [][]int
	for i := range workloads {
		joined := []int{i}
		out = slices.DeleteFunc(out, func(family []int) bool {
			if !slices.ContainsFunc(family, func(o int) bool { return !disjoint(selectors[i], selectors[o]) }) {
				return false
			}
			joined = append(joined, family...)
			return true
		})
		out = append(out, joined)
	}
	families := make([][]*plan.Workload, 0, len(out))
	for _, family := range out {
		var members []*plan.Workload
		for _, i := range family {
			members = append(members, workloads[i])
		}
		families = append(families, members)
	}
	return families
}

// alike reports whether the same is permitted to all members of a family, so
// that their union leaves nothing more open.
func (b *builder) alike(family []*plan.Workload) bool {
	if len(family) < 2 {
		return true
	}
	first := b.grants(family[0])
	return !slices.ContainsFunc(family[1:], func(w *plan.Workload) bool { return b.grants(w) != first })
}
