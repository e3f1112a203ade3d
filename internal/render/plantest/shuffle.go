package plantest

import (
	"github.com/medfence/medfence/internal/plan"
)

// Shuffle returns the same plan with its lists in another order. The services
// of a conduit keep theirs: it is the user's.
func Shuffle(p *plan.Plan, d *Dice) *plan.Plan {
	out := *p
	out.Zones = shuffled(d, p.Zones)
	for i := range out.Zones {
		out.Zones[i].Namespaces = shuffled(d, out.Zones[i].Namespaces)
	}
	out.Workloads = shuffled(d, p.Workloads)
	out.Groups = shuffled(d, p.Groups)
	for i := range out.Groups {
		out.Groups[i].Prefixes = shuffled(d, out.Groups[i].Prefixes)
		out.Groups[i].Ends = shuffled(d, out.Groups[i].Ends)
	}
	out.Conduits = shuffled(d, p.Conduits)
	for i := range out.Conduits {
		c := &out.Conduits[i]
		c.From, c.To = shuffledEnds(d, c.From), shuffledEnds(d, c.To)
	}
	out.DNS.Ports = shuffled(d, p.DNS.Ports)
	out.DNS.NodeLocal = shuffled(d, p.DNS.NodeLocal)
	return &out
}

func shuffledEnds(d *Dice, ends []plan.End) []plan.End {
	out := shuffled(d, ends)
	for i := range out {
		out[i].Workloads = shuffled(d, out[i].Workloads)
		out[i].Groups = shuffled(d, out[i].Groups)
		out[i].FQDNs = shuffled(d, out[i].FQDNs)
		out[i].Entities = shuffled(d, out[i].Entities)
	}
	return out
}
