package analysis

import (
	"cmp"
	"maps"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Default tells what becomes of a flow between two zones that no conduit
// permits.
type Default string

// The defaults.
const (
	// Denied: an enforced Device zone denies it.
	Denied Default = "Denied"
	// Observed: a Device zone is concerned, but it is in Observe: it passes now,
	// and would not once the zone is enforced.
	Observed Default = "Observed"
	// Network: no end is a pod that the cluster could isolate; the hospital's
	// switches must deny it.
	Network Default = "Network"
	// Unrestricted: no Device zone is concerned.
	Unrestricted Default = "Unrestricted"
)

// A Cell is one direction between two zones.
type Cell struct {
	From, To string
	// Default is what becomes of all that the grants do not permit.
	Default Default
	// Grants are what conduits permit, by conduit; not all members of the zones
	// need take part.
	Grants []Grant
	// Effective is what the policies themselves do, whoever wrote them; empty
	// where nobody asked them. Differs is true where that is not what is intended.
	Effective string
	Differs   bool
}

// A Matrix is zones by zones.
type Matrix struct {
	// Zones are by role (Device zones first) and name.
	Zones []*plan.Zone
	// Intruders are what others do to the zones.
	Intruders []Intruder
	// Voids say what defeats every policy.
	Voids []string
	cells map[[2]string]*Cell
}

// Matrix returns what is permitted between the zones.
func (r *Reach) Matrix() *Matrix {
	m := &Matrix{cells: map[[2]string]*Cell{}}
	m.Intruders, m.Voids = r.Intruders(), r.Voids()
	for i := range r.Plan.Zones {
		if r.Plan.Zones[i].Standing != plan.Absent {
			m.Zones = append(m.Zones, &r.Plan.Zones[i])
		}
	}
	slices.SortStableFunc(m.Zones, func(a, b *plan.Zone) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		if !c.Permits() {
			continue
		}
		for _, p := range c.Pairs() {
			if !p.From.Empty() && !p.To.Empty() {
				cell := m.cell(r, p.From.Zone, p.To.Zone)
				cell.Grants = append(cell.Grants, grant(c))
			}
		}
	}
	for _, a := range m.Zones {
		for _, b := range m.Zones {
			r.judgeCell(m.cell(r, a.Name, b.Name))
		}
	}
	return m
}

// cell returns the cell of a direction, and makes it on first sight.
func (m *Matrix) cell(r *Reach, from, to string) *Cell {
	key := [2]string{from, to}
	if m.cells[key] == nil {
		m.cells[key] = &Cell{From: from, To: to, Default: r.Default(from, to)}
	}
	return m.cells[key]
}

func rank(z *plan.Zone) int {
	if z.Role == medfencev1alpha1.RoleDevice {
		return 0
	}
	return 1
}

// At returns the cell of a direction.
func (m *Matrix) At(from, to string) *Cell { return m.cells[[2]string{from, to}] }

// Cells returns all cells, by zones.
func (m *Matrix) Cells() []*Cell {
	keys := slices.SortedFunc(maps.Keys(m.cells), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	out := make([]*Cell, 0, len(keys))
	for _, k := range keys {
		out = append(out, m.cells[k])
	}
	return out
}

// Default tells what becomes of a flow from one zone to another that no conduit
// permits.
func (r *Reach) Default(from, to string) Default {
	if !r.Segmented(from) && !r.Segmented(to) {
		return Unrestricted
	}
	denies := r.denies(from) || r.denies(to) || r.moats(from, to) || r.moats(to, from)
	observes := r.observes(from) || r.observes(to)
	switch {
	case denies:
		return Denied
	case observes:
		return Observed
	}
	return Network
}

// denies reports whether a zone isolates pods.
func (r *Reach) denies(zone string) bool {
	return r.Enforced(zone) && len(r.zones[zone].Namespaces) > 0
}

// moats reports whether a zone keeps pods of the other from its addresses.
func (r *Reach) moats(zone, other string) bool {
	far := r.zones[other]
	return r.Plan.Target == snapshot.Cilium && r.Enforced(zone) && len(r.groups[zone]) > 0 && far != nil && len(far.Namespaces) > 0
}

// observes reports whether a zone would isolate pods, and does not yet.
func (r *Reach) observes(zone string) bool {
	return r.Segmented(zone) && !r.Enforced(zone) && len(r.zones[zone].Namespaces) > 0
}

// A Row is what a conduit permits a class of a zone, in one direction.
type Row struct {
	// Zone and Device are those of the row: the device is empty for members of a
	// zone that are not devices.
	Zone, Device, Part string
	Criticality        string
	// Direction is "to" where the device opens the connection, "from" where it
	// is reached.
	Direction string
	// Peer is the zone at the far end, and Parties are how many of its devices
	// take part (all of them where it has none).
	Peer  string
	Grant Grant
}

// Rows returns what each device reaches and what reaches it. Time and size are
// linear in devices and their conduits.
func (r *Reach) Rows() []Row {
	var out []Row
	for _, zone := range slices.Sorted(maps.Keys(r.classes)) {
		if !r.Segmented(zone) {
			continue
		}
		for i := range r.classes[zone] {
			c := &r.classes[zone][i]
			rows := r.rowsOf(c)
			if c.Part != Devices {
				out = append(out, rows...)
				continue
			}
			for _, d := range c.Devices {
				for _, row := range rows {
					row.Device, row.Criticality = d.Namespace+"/"+d.Name, string(d.Spec.Criticality)
					out = append(out, row)
				}
				if len(rows) == 0 {
					out = append(out, Row{Zone: zone, Device: d.Namespace + "/" + d.Name, Part: string(c.Part), Criticality: string(d.Spec.Criticality)})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Device, b.Device), cmp.Compare(b.Direction, a.Direction),
			cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Grant.Conduit, b.Grant.Conduit))
	})
	return out
}

// rowsOf returns the rows of a class.
func (r *Reach) rowsOf(c *Class) []Row {
	var out []Row
	for _, e := range c.ends {
		conduit := r.conduits[e.conduit]
		if conduit == nil || !conduit.Permits() {
			continue
		}
		for _, p := range conduit.Pairs() {
			if p.From.Empty() || p.To.Empty() {
				continue
			}
			if e.side == From && p.From.Zone == c.Zone {
				out = append(out, Row{Zone: c.Zone, Part: string(c.Part), Direction: "to", Peer: p.To.Zone, Grant: grant(conduit)})
			}
			if e.side == To && p.To.Zone == c.Zone {
				out = append(out, Row{Zone: c.Zone, Part: string(c.Part), Direction: "from", Peer: p.From.Zone, Grant: grant(conduit)})
			}
		}
	}
	return out
}

// Keep leaves out the cells that concern none of the zones, and the zones of
// which no cell is left.
func (m *Matrix) Keep(zones []string) {
	near := map[string]bool{}
	maps.DeleteFunc(m.cells, func(key [2]string, c *Cell) bool {
		keep := slices.Contains(zones, key[0]) || slices.Contains(zones, key[1])
		if keep && len(c.Grants) > 0 {
			near[key[0]], near[key[1]] = true, true
		}
		return !keep
	})
	for _, z := range zones {
		near[z] = true
	}
	m.Intruders = slices.DeleteFunc(m.Intruders, func(i Intruder) bool { return !slices.Contains(zones, i.Zone) })
	m.Zones = slices.DeleteFunc(m.Zones, func(z *plan.Zone) bool { return !near[z.Name] })
	maps.DeleteFunc(m.cells, func(key [2]string, _ *Cell) bool { return !near[key[0]] || !near[key[1]] })
	for _, a := range m.Zones {
		for _, b := range m.Zones {
			if m.cells[[2]string{a.Name, b.Name}] == nil {
				m.cells[[2]string{a.Name, b.Name}] = &Cell{From: a.Name, To: b.Name, Default: Unrestricted}
			}
		}
	}
}
