package object

import (
	"cmp"
	"maps"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Direction is that of a flow, seen from the pods of a policy. Its text is
// the word with which a permission begins.
type Direction string

// The directions.
const (
	Ingress Direction = "from"
	Egress  Direction = "to"
)

// A Link is one conduit in one direction, seen from one workload. It holds only
// what the target can express, and it has at least one peer and one service.
type Link struct {
	Direction Direction
	Conduit   *plan.Conduit
	// Peers are the ends on the other side, by zone.
	Peers    []plan.End
	Services []flow.Service

	// peers are those of the ends, joined: equal for all workloads of a side.
	peers Peers
}

// An Index finds what a policy needs in a plan. It is built once for a plan.
type Index struct {
	Plan      *plan.Plan
	zones     map[string]*plan.Zone
	workloads map[plan.WorkloadKey]*plan.Workload
	groups    map[string]*plan.Group
	links     map[plan.WorkloadKey][]Link
	// of are the workloads of a zone, and naming those whose rules name a group,
	// in the order of the plan.
	of, naming map[string][]*plan.Workload
}

// NewIndex returns the index of a plan.
func NewIndex(p *plan.Plan) *Index {
	ix := &Index{
		Plan:      p,
		zones:     make(map[string]*plan.Zone, len(p.Zones)),
		workloads: make(map[plan.WorkloadKey]*plan.Workload, len(p.Workloads)),
		groups:    make(map[string]*plan.Group, len(p.Groups)),
		links:     make(map[plan.WorkloadKey][]Link, len(p.Workloads)),
		of:        make(map[string][]*plan.Workload, len(p.Zones)),
		naming:    map[string][]*plan.Workload{},
	}
	for i := range p.Zones {
		ix.zones[p.Zones[i].Name] = &p.Zones[i]
	}
	for i := range p.Workloads {
		w := &p.Workloads[i]
		ix.workloads[w.WorkloadKey] = w
		ix.of[w.Zone] = append(ix.of[w.Zone], w)
	}
	for i := range p.Groups {
		if len(p.Groups[i].Prefixes) > 0 {
			ix.groups[p.Groups[i].Name] = &p.Groups[i]
		}
	}
	for i := range p.Conduits {
		ix.addConduit(&p.Conduits[i])
	}
	for _, links := range ix.links {
		slices.SortStableFunc(links, func(a, b Link) int {
			return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Conduit.Name, b.Conduit.Name))
		})
	}
	ix.addNames()
	return ix
}

// addNames notes which workloads name which groups.
func (ix *Index) addNames() {
	for i := range ix.Plan.Workloads {
		w := &ix.Plan.Workloads[i]
		for _, l := range ix.links[w.WorkloadKey] {
			for _, g := range l.peers.Groups {
				if named := ix.naming[g]; len(named) == 0 || named[len(named)-1] != w {
					ix.naming[g] = append(named, w)
				}
			}
		}
	}
}

// addConduit links the workloads of each side with the ends of the other.
func (ix *Index) addConduit(c *plan.Conduit) {
	services := expressibleServices(ix.Plan.Target, c.Services)
	if !c.Permits() || len(services) == 0 {
		return
	}
	to, from := map[string][]plan.End{}, map[string][]plan.End{}
	for _, pair := range c.Pairs() {
		if !ix.segmented(pair.From.Zone) && !ix.segmented(pair.To.Zone) {
			continue // peers are restricted only towards devices
		}
		to[pair.From.Zone] = append(to[pair.From.Zone], pair.To)
		from[pair.To.Zone] = append(from[pair.To.Zone], pair.From)
	}
	for _, end := range c.From {
		link := Link{Direction: Egress, Conduit: c, Services: services}
		link.Peers = ix.expressibleEnds(to[end.Zone], Egress)
		ix.addLink(end.Workloads, link)
	}
	for _, end := range c.To {
		link := Link{Direction: Ingress, Conduit: c, Services: services}
		link.Peers = ix.expressibleEnds(from[end.Zone], Ingress)
		ix.addLink(end.Workloads, link)
	}
}

// segmented reports whether a zone is a Device zone.
func (ix *Index) segmented(zone string) bool {
	z := ix.zones[zone]
	return z != nil && z.Role == medfencev1alpha1.RoleDevice
}

// addLink gives the link to the workloads, unless it has no peers.
func (ix *Index) addLink(keys []plan.WorkloadKey, link Link) {
	if len(link.Peers) == 0 {
		return
	}
	link.peers = peersOf(link.Peers)
	for _, key := range keys {
		if ix.workloads[key] != nil {
			ix.links[key] = append(ix.links[key], link)
		}
	}
}

// expressibleEnds returns the ends, by zone, with what the target can express,
// without those that are empty then.
func (ix *Index) expressibleEnds(ends []plan.End, d Direction) []plan.End {
	byName := ix.Plan.Target == snapshot.Cilium
	out := make([]plan.End, 0, len(ends))
	for _, e := range ends {
		end := plan.End{Zone: e.Zone}
		end.Workloads = keep(e.Workloads, func(k plan.WorkloadKey) bool { return ix.workloads[k] != nil })
		end.Groups = keep(e.Groups, func(g string) bool { return ix.groups[g] != nil })
		if byName {
			end.Entities = keep(e.Entities, knownEntity)
		}
		if byName && d == Egress {
			end.FQDNs = keep(e.FQDNs, expressibleName)
		}
		if !end.Empty() {
			out = append(out, end)
		}
	}
	slices.SortStableFunc(out, func(a, b plan.End) int { return cmp.Compare(a.Zone, b.Zone) })
	return out
}

// keep returns the items for which ok holds, as a new list.
func keep[T any](items []T, ok func(T) bool) []T {
	var out []T
	for _, item := range items {
		if ok(item) {
			out = append(out, item)
		}
	}
	return out
}

// Zone returns a zone that is to be rendered: nil for one that is unknown or
// released, since all that it owns is to be removed.
func (ix *Index) Zone(name string) *plan.Zone {
	z := ix.zones[name]
	if z == nil || z.Released {
		return nil
	}
	return z
}

// ZoneNames returns the names of all zones, sorted.
func (ix *Index) ZoneNames() []string {
	return slices.Sorted(maps.Keys(ix.zones))
}

// Group returns a group that has addresses, or nil.
func (ix *Index) Group(name string) *plan.Group { return ix.groups[name] }

// Links returns the links of a workload, by direction and conduit.
func (ix *Index) Links(key plan.WorkloadKey) []Link { return ix.links[key] }

// Workloads returns the workloads of a zone in whose namespaces objects can
// stand: those that exist. What stands in one that is being deleted stays as long
// as its pods do.
func (ix *Index) Workloads(z *plan.Zone) []*plan.Workload {
	unborn := map[string]bool{}
	for _, n := range z.Namespaces {
		unborn[n.Name] = !n.Exists
	}
	return keep(ix.of[z.Name], func(w *plan.Workload) bool { return !unborn[w.Namespace] })
}

// Of returns all workloads of a zone, in the order of the plan.
func (ix *Index) Of(zone string) []*plan.Workload { return ix.of[zone] }

// Naming returns the workloads whose rules name the group, in the order of the
// plan.
func (ix *Index) Naming(group string) []*plan.Workload { return ix.naming[group] }

// Groups returns the groups of a zone that have addresses. The rest of an
// enforced Device zone, which no conduit holds, is named by its moat alone.
func (ix *Index) Groups(z *plan.Zone) []*plan.Group {
	var out []*plan.Group
	for i := range ix.Plan.Groups {
		g := &ix.Plan.Groups[i]
		if g.Zone == z.Name && len(g.Prefixes) > 0 && (len(g.Ends) > 0 || z.Enforce) {
			out = append(out, g)
		}
	}
	return out
}
