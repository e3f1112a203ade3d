package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Side is a side of a conduit.
type Side int

// The sides of a conduit, from initiator to responder.
const (
	From Side = iota
	To
)

// A Part says which part of a zone a Class is.
type Part string

// The parts of a zone.
const (
	// Devices are accepted devices, by their pods and addresses.
	Devices Part = "Devices"
	// Addresses are those of a Device zone that belong to no device.
	Addresses Part = "Addresses"
	// Unregistered are pods of a Device zone's namespaces that no device selects.
	Unregistered Part = "Unregistered"
	// Members is a zone of another role as a whole.
	Members Part = "Members"
)

// A Class is a part of a zone whose members take part in the same conduits on
// the same sides, so that one answer holds for all of them.
type Class struct {
	Zone string
	Part Part
	// Devices are the devices of the class, by namespace and name.
	Devices []*plan.Device
	// ends are the conduit ends that the members take part in.
	ends []end
}

// An end is a zone's share of a conduit's side. Peer zones may share pods, so
// that one pod can have ends of several zones.
type end struct {
	conduit string
	side    Side
	zone    string
}

func (e end) compare(o end) int {
	return cmp.Or(cmp.Compare(e.conduit, o.conduit), cmp.Compare(e.side, o.side), cmp.Compare(e.zone, o.zone))
}

// A Reach is a plan made ready for questions. It is not for concurrent use.
type Reach struct {
	Snapshot *snapshot.Snapshot
	Plan     *plan.Plan
	Problems []plan.Problem
	// Guards are those of the plan.
	Guards *guard.Guards

	zones    map[string]*plan.Zone
	conduits map[string]*plan.Conduit
	devices  map[string]*plan.Device
	labels   map[string]map[string]string // of devices
	classes  map[string][]Class           // by zone
	spaces   []owned                      // all prefixes of zones, sorted
	groups   map[string][]*plan.Group     // by zone
	work     map[plan.WorkloadKey]*plan.Workload
	spots    map[string]map[plan.WorkloadKey][]end
	sites    map[string][]end // by group name

	judge           *judge
	intrusions      []Intrusion
	touched         map[string]bool              // zones that others touch
	sparing         bool                         // only these are judged
	workIn          map[string][]*plan.Workload  // by namespace
	namespaces      map[string]map[string]string // labels
	podsByNamespace map[string][]int
	probed          map[string][]*Place         // by zone
	worked          map[string][]*plan.Workload // by zone
}

// owned is a prefix of a zone, or of a group.
type owned struct {
	prefix netip.Prefix
	owner  string
}

// New compiles a snapshot and makes it ready for questions.
func New(s *snapshot.Snapshot) *Reach {
	compiled := compile.Compile(s)
	r := Of(s, compiled.Plan, compiled.Problems)
	r.Guards = compiled.Guards
	return r
}

// Of makes a plan ready for questions.
func Of(s *snapshot.Snapshot, p *plan.Plan, problems []plan.Problem) *Reach {
	r := &Reach{
		Snapshot: s, Plan: p, Problems: problems, Guards: guard.New(p),
		zones: map[string]*plan.Zone{}, conduits: map[string]*plan.Conduit{}, devices: map[string]*plan.Device{},
		labels: map[string]map[string]string{}, classes: map[string][]Class{}, groups: map[string][]*plan.Group{},
		work: map[plan.WorkloadKey]*plan.Workload{}, spots: map[string]map[plan.WorkloadKey][]end{}, sites: map[string][]end{},
	}
	for i := range p.Zones {
		z := &p.Zones[i]
		r.zones[z.Name] = z
		for _, prefix := range z.Prefixes {
			r.spaces = append(r.spaces, owned{prefix, z.Name})
		}
	}
	slices.SortFunc(r.spaces, func(a, b owned) int { return flow.ComparePrefixes(a.prefix, b.prefix) })
	for i := range p.Conduits {
		r.conduits[p.Conduits[i].Name] = &p.Conduits[i]
	}
	for i := range p.Groups {
		r.groups[p.Groups[i].Zone] = append(r.groups[p.Groups[i].Zone], &p.Groups[i])
	}
	for i := range p.Workloads {
		r.work[p.Workloads[i].WorkloadKey] = &p.Workloads[i]
	}
	for _, d := range s.Devices {
		r.labels[d.Key()] = d.Labels
	}
	r.indexEnds()
	r.classify()
	return r
}

// indexEnds notes for each workload and group the ends that hold it.
func (r *Reach) indexEnds() {
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		if c.Standing == plan.Absent {
			continue
		}
		for side, ends := range [][]plan.End{From: c.From, To: c.To} {
			for _, e := range ends {
				r.indexEnd(end{c.Name, Side(side), e.Zone}, e)
			}
		}
	}
}

func (r *Reach) indexEnd(at end, e plan.End) {
	spots := r.spots[e.Zone]
	if spots == nil {
		spots = map[plan.WorkloadKey][]end{}
		r.spots[e.Zone] = spots
	}
	for _, key := range e.Workloads {
		spots[key] = append(spots[key], at)
	}
	for _, name := range e.Groups {
		r.sites[name] = append(r.sites[name], at)
	}
}

// classify parts every zone into classes.
func (r *Reach) classify() {
	devices := map[string][]*plan.Device{}
	for i := range r.Plan.Devices {
		d := &r.Plan.Devices[i]
		r.devices[d.Namespace+"/"+d.Name] = d
		if d.Zone != "" && d.Standing != plan.Absent {
			devices[d.Zone] = append(devices[d.Zone], d)
		}
	}
	for i := range r.Plan.Zones {
		z := &r.Plan.Zones[i]
		if r.Segmented(z.Name) {
			r.classes[z.Name] = r.classesOf(z, devices[z.Name])
			continue
		}
		r.classes[z.Name] = []Class{{Zone: z.Name, Part: Members, ends: r.endsOfPeer(z.Name)}}
	}
}

// classesOf parts a Device zone: its devices by the ends that they take part in,
// the rest of its addresses alike, and the pods that nobody registered.
func (r *Reach) classesOf(z *plan.Zone, devices []*plan.Device) []Class {
	var out []Class
	bySign := map[string]int{}
	add := func(part Part, ends []end) *Class {
		sign := string(part) + sign(ends)
		i, ok := bySign[sign]
		if !ok {
			i = len(out)
			bySign[sign] = i
			out = append(out, Class{Zone: z.Name, Part: part, ends: ends})
		}
		return &out[i]
	}
	space := r.groupSpace(z.Name)
	var taken []netip.Prefix
	for _, d := range devices {
		c := add(Devices, r.endsOfDevice(d, space))
		c.Devices = append(c.Devices, d)
		taken = append(taken, d.Prefixes...)
	}
	taken = flow.MergePrefixes(taken)
	for _, g := range r.groups[z.Name] {
		if len(flow.SubtractPrefixes(g.Prefixes, taken)) > 0 {
			add(Addresses, unique(slices.Clone(r.sites[g.Name])))
		}
	}
	if z.Unregistered > 0 {
		add(Unregistered, nil)
	}
	return out
}

// groupSpace returns the prefixes of a zone's groups, sorted. They are disjoint.
func (r *Reach) groupSpace(zone string) []owned {
	var out []owned
	for _, g := range r.groups[zone] {
		for _, p := range g.Prefixes {
			out = append(out, owned{p, g.Name})
		}
	}
	slices.SortFunc(out, func(a, b owned) int { return flow.ComparePrefixes(a.prefix, b.prefix) })
	return out
}

// endsOfDevice returns the ends of a device's pods and addresses.
func (r *Reach) endsOfDevice(d *plan.Device, space []owned) []end {
	ends := slices.Clone(r.spots[d.Zone][d.Workload])
	for _, p := range d.Prefixes {
		for _, o := range meeting(space, p) {
			ends = append(ends, r.sites[o.owner]...)
		}
	}
	return unique(ends)
}

// meeting returns the entries of a sorted, disjoint list that share addresses
// with p.
func meeting(sorted []owned, p netip.Prefix) []owned {
	i, found := slices.BinarySearchFunc(sorted, p, func(o owned, p netip.Prefix) int {
		if o.prefix.Overlaps(p) {
			return 0
		}
		return o.prefix.Addr().Compare(p.Addr())
	})
	if !found {
		return nil
	}
	j := i
	for j < len(sorted) && sorted[j].prefix.Overlaps(p) {
		j++
	}
	return sorted[i:j]
}

func (r *Reach) endsOfPeer(zone string) []end {
	var ends []end
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		for side, list := range [][]plan.End{From: c.From, To: c.To} {
			for _, e := range list {
				if e.Zone == zone && !e.Empty() && c.Standing != plan.Absent {
					ends = append(ends, end{c.Name, Side(side), zone})
				}
			}
		}
	}
	return unique(ends)
}

func unique(ends []end) []end {
	slices.SortFunc(ends, end.compare)
	return slices.Compact(ends)
}

func sign(ends []end) string {
	var b strings.Builder
	for _, e := range ends {
		b.WriteString("\n" + strconv.Itoa(int(e.side)) + e.conduit + "\t" + e.zone)
	}
	return b.String()
}

// Segmented reports whether a zone is a Device zone.
func (r *Reach) Segmented(zone string) bool {
	z := r.zones[zone]
	return z != nil && z.Role == medfencev1alpha1.RoleDevice
}

// Enforced reports whether a zone denies what no conduit permits.
func (r *Reach) Enforced(zone string) bool {
	z := r.zones[zone]
	return z != nil && z.Role == medfencev1alpha1.RoleDevice && z.Enforce
}

// Classes returns the classes of a zone.
func (r *Reach) Classes(zone string) []Class { return r.classes[zone] }

// has reports whether the class takes part in a conduit on a side.
func (c *Class) has(conduit string, side Side) bool {
	_, found := slices.BinarySearchFunc(c.ends, end{conduit, side, c.Zone}, end.compare)
	return found
}

// joins reports whether a conduit joins two zones in this direction.
func joins(c *plan.Conduit, from, to string) bool {
	return slices.ContainsFunc(c.Pairs(), func(p plan.Pair) bool { return p.From.Zone == from && p.To.Zone == to })
}
