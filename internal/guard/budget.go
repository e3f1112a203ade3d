package guard

import (
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// DefaultMapMax is bpf-policy-map-max of a stock install of Cilium.
const DefaultMapMax = 16384

// A Budget is what the guard of a zone costs: entries in the policy map of the
// endpoint that has the most. The estimate is from above: it counts an entry
// twice where two rules need the same.
type Budget struct {
	// Known is false where the number of identities is not.
	Known bool
	// Exact is the estimate for the exact guard, Written for what is rendered.
	Exact, Written int
	// Max is how many entries there can be.
	Max int
}

// Within reports whether the exact guard takes no more than half of the map.
// The other half is for the policies of others, and for growth.
func (b Budget) Within() bool { return b.Exact <= b.Max/2 }

// A detail is how much a guard tells apart.
type detail int

// The details: each leaves more open than the one before, and costs less.
const (
	exact   detail = iota
	noPeers        // peers' namespaces are open to all their pods, on all ports
	noPods         // pods are not denied at all
)

// entries returns how many entries the specs cost at most: what is denied, and
// what is permitted to the pods beside.
func (b *builder) entries(specs []Spec) int {
	most := 0
	for _, s := range specs {
		most = max(most, b.cost(s.Ingress)+b.cost(s.Egress)+s.permitted)
	}
	return most + ownEntries
}

// ownEntries is more than what Cilium itself puts into every map: the own host,
// and each direction's entry for everybody (seen: 4).
const ownEntries = 16

// cost returns the entries of the rules of one direction. Of rules about the
// same identity one that denies everything makes the others needless.
func (b *builder) cost(denies []Deny) int {
	total, blocks := 0, map[string]int{}
	strangers := b.crowd("")
	for _, d := range denies {
		ports := blocksOf(d)
		for _, set := range d.Pods {
			for _, n := range set.Namespaces {
				if !set.Outside {
					blocks[n] += ports
				}
			}
			if set.Outside {
				for _, n := range set.Namespaces {
					strangers -= b.crowd(n)
				}
				total += max(strangers, 0)
			}
		}
		for _, set := range d.Addresses {
			total += ports * b.addresses(set)
		}
		total += ports * (b.addresses(AddressSet{})*count01(d.World) + 4*count01(d.Strangers) + 2*len(d.Nodes))
	}
	for n, ports := range blocks {
		total += b.crowd(n) * ports
	}
	return total
}

func count01(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// addresses returns how many identities a set of addresses has: addresses that
// are in the same groups share one. Prefixes and names that others write into
// their policies have identities too, which nobody counts: a few are allowed for.
func (b *builder) addresses(set AddressSet) int {
	const world, named = 3, 8 // the world of each family and of none
	if set.Has != nil && len(set.Lacks) == 0 && set.Has.Kind == GroupKey {
		return 2 // one of each family
	}
	return 2*b.settings.Crowd.Groups + world + named
}

// crowd returns the identities of a namespace's pods, of all with "".
func (b *builder) crowd(namespace string) int {
	total := 0
	for _, c := range b.settings.Crowd.Pods {
		if c.Namespace == namespace {
			return c.Count
		}
		total += c.Count
	}
	if namespace == "" {
		return total
	}
	return 0
}

// blocksOf returns the entries that a rule costs for one identity: ranges of
// ports are kept as blocks of a power of two.
func blocksOf(d Deny) int {
	if len(d.Ports) == 0 && !d.ICMPv4 && !d.ICMPv6 {
		return 1
	}
	return portBlocks(d.Ports) + count01(d.ICMPv4) + count01(d.ICMPv6)
}

func portBlocks(ports []object.Port) int {
	total := 0
	for _, p := range ports {
		if p.Range.Port <= 1 && p.Range.End == 65535 {
			total++
			continue
		}
		for first, last := int(p.Range.Port), int(p.Range.End); first <= last; total++ {
			size := 1
			for first%(2*size) == 0 && first+2*size-1 <= last {
				size *= 2
			}
			first += size
		}
	}
	return total
}

// allowed returns the entries that what is permitted to the members costs.
func (b *builder) allowed(members []*plan.Workload) int {
	if b.settings.Crowd == nil {
		return 0
	}
	total := 0
	for _, d := range []object.Direction{object.Ingress, object.Egress} {
		p := b.permits(members, d)
		for _, peer := range p.pods {
			total += b.crowd(peer.namespace) * peer.blocks()
		}
		for _, peer := range p.keys {
			total += 2 * peer.blocks()
		}
		for _, a := range p.patterns {
			total += 2 * a.blocks()
		}
		for _, a := range []*access{p.host, p.nodes, p.servers} {
			if a != nil {
				total += 2 * a.blocks()
			}
		}
	}
	return total
}

// maxTypes is more ICMP types than any conduit permits.
const maxTypes = 16

func (a *access) blocks() int {
	var ports []object.Port
	for protocol, set := range a.ports {
		for _, r := range set {
			ports = append(ports, object.Port{Protocol: protocol, Range: r})
		}
	}
	return portBlocks(ports) + maxTypes*(count01(a.v4)+count01(a.v6))
}

// fit returns the specs of the greatest detail that takes no more than half of
// the map, and what they cost.
func (b *builder) fit() ([]Spec, Budget) {
	budget := Budget{Max: b.settings.MapMax, Known: b.settings.Crowd != nil}
	if budget.Max <= 0 {
		budget.Max = DefaultMapMax
	}
	specs := b.guard()
	if !budget.Known {
		return specs, budget
	}
	budget.Exact = b.entries(specs)
	budget.Written = budget.Exact
	for _, d := range []detail{noPeers, noPods} {
		if budget.Written <= budget.Max/2 {
			break
		}
		b.detail = d
		specs = b.guard()
		budget.Written = b.entries(specs)
	}
	switch b.detail {
	case noPeers:
		b.note(NoteBudgetPeers)
	case noPods:
		b.note(NoteBudgetPods)
	}
	return specs, budget
}
