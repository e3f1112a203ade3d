package guard

import (
	"slices"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// moat returns what keeps all other pods from the addresses of the zone, and
// these from them: everything for pods that are in no conduit with an address,
// and all but what is permitted for those that are. The zone's own pods have
// its guard.
func (b *builder) moat() []Spec {
	groups := b.groups()
	if len(groups) == 0 {
		return nil
	}
	b.denies = func(members []*plan.Workload, d object.Direction) []Deny {
		return b.moatDenies(groups, members, d)
	}
	b.shared, b.many = NoteMoatShared, NoteMoatShared
	own := b.namespaces()
	peers := slices.DeleteFunc(b.moatPeers(), func(w *plan.Workload) bool { return slices.Contains(own, w.Namespace) })
	spaces := make([]string, 0, len(peers))
	for _, w := range peers {
		spaces = append(spaces, w.Namespace)
	}
	slices.Sort(spaces)
	spaces = slices.Compact(spaces)
	outside := slices.Concat(own, spaces)
	slices.Sort(outside)
	return b.specs(append([]subject{{pods: PodSet{Namespaces: slices.Compact(outside), Outside: true}}}, b.subjects(spaces, peers)...))
}

// groups returns the names of the zone's groups, the rest of the zone's
// addresses among them.
func (b *builder) groups() []string {
	var out []string
	for _, g := range b.ix.Groups(b.zone) {
		out = append(out, object.GroupName(g.Name))
	}
	slices.Sort(out)
	return out
}

// moatPeers returns the workloads that are in a conduit with a group.
func (b *builder) moatPeers() []*plan.Workload {
	var out []*plan.Workload
	seen := map[*plan.Workload]bool{}
	for _, g := range b.ix.Groups(b.zone) {
		for _, w := range b.ix.Naming(g.Name) {
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	return sortWorkloads(out)
}

// moatDenies denies the groups of the zone to some pods.
func (b *builder) moatDenies(groups []string, members []*plan.Workload, d object.Direction) []Deny {
	p := b.permits(members, d)
	p.keys = slices.DeleteFunc(p.keys, func(k keyPermit) bool {
		return k.key.Kind != GroupKey || !slices.Contains(groups, k.key.Name)
	})
	permitted := keysOf(p.keys, func(int) bool { return true })
	var closed Deny
	for _, g := range groups {
		if k := (Key{GroupKey, g}); !slices.Contains(permitted, k) {
			closed.Addresses = append(closed.Addresses, AddressSet{Has: &k, Lacks: permitted})
		}
	}
	var out []Deny
	if len(closed.Addresses) > 0 {
		out = append(out, closed)
	}
	accesses := make([]access, 0, len(p.keys))
	for _, k := range p.keys {
		accesses = append(accesses, k.access)
	}
	for _, c := range classes(accesses) {
		if sets := addressSets(p.keys, c.to); len(sets) > 0 {
			out = append(out, b.rules(&c, Deny{Addresses: sets})...)
		}
	}
	return out
}
