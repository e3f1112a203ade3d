package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// The states of a zone or conduit on the map.
const (
	StateEnforced = "enforced"
	StateObserved = "observed"
	StateProblem  = "problem"
	StateOpening  = "opening"
	StatePeer     = "peer"
	StateWaiting  = "waiting"
)

// A Room is a zone on the map.
type Room struct {
	*plan.Zone
	State    string
	Classes  []Class
	Problems []plan.Problem
	// Sustaining and PHI count devices.
	Sustaining, PHI int
	// Open is what the policies let pass beyond the conduits, in words.
	Open []string
	// Cut is what policies of others stop of the conduits, and Stopped what they
	// would let pass, were it not for the guard.
	Cut, Stopped []string
}

// A Link is a conduit on the map, from one zone to another.
type Link struct {
	*plan.Conduit
	From, To string
	State    string
	Problems []plan.Problem
	// PHI is true where patient data passes.
	PHI bool
	// Members are who takes part on each side, in words.
	Senders, Receivers []Contact
}

// A Chart is all that the map shows.
type Chart struct {
	Rooms []Room
	Links []Link
	reach *Reach
}

// Chart returns what the map shows.
func (r *Reach) Chart() *Chart {
	out := &Chart{reach: r}
	problems := map[string][]plan.Problem{}
	for _, p := range r.Problems {
		problems[p.Object()] = append(problems[p.Object()], p)
	}
	m := r.Matrix()
	for _, z := range m.Zones {
		out.Rooms = append(out.Rooms, r.room(m, z, problems))
	}
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		out.Links = append(out.Links, r.links(c, problems[plan.KindConduit+"/"+c.Name])...)
	}
	slices.SortStableFunc(out.Links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// room returns a zone as the map shows it.
func (r *Reach) room(m *Matrix, z *plan.Zone, problems map[string][]plan.Problem) Room {
	room := Room{Zone: z, Classes: r.classes[z.Name], Problems: problems[plan.KindZone+"/"+z.Name]}
	for _, c := range room.Classes {
		for _, d := range c.Devices {
			if lifeSustaining(d) {
				room.Sustaining++
			}
			if d.Spec.DataClass == medfencev1alpha1.DataPHI {
				room.PHI++
			}
			room.Problems = append(room.Problems, problems[plan.KindDevice+"/"+deviceKey(d)]...)
		}
	}
	r.invade(&room, m)
	room.State = r.stateOf(&room)
	return room
}

// invade adds what the policies of others do to a room.
func (r *Reach) invade(room *Room, m *Matrix) {
	if r.Enforced(room.Name) {
		room.Open = append(room.Open, m.Voids...)
	}
	for _, i := range m.Intruders {
		if i.Zone != room.Name {
			continue
		}
		text := strings.TrimSpace(i.Object + " " + i.Rule)
		switch i.State {
		case string(medfencev1alpha1.OpeningBlocked):
			room.Stopped = append(room.Stopped, text+": "+i.What)
		case StateClosed:
			room.Cut = append(room.Cut, text+": conduit "+i.What)
		case string(medfencev1alpha1.OpeningPossible):
			room.Open = append(room.Open, text+", perhaps: "+i.What)
		default:
			room.Open = append(room.Open, text+": "+i.What)
		}
	}
	if r.Segmented(room.Name) && len(m.Intruders)+len(m.Voids) == 0 { // else named above, in the zone that is open
		m.differences(room)
	}
}

// differences adds where the policies do not what is intended, from and to a
// zone, in words.
func (m *Matrix) differences(room *Room) {
	for _, other := range m.Zones {
		for _, cell := range []*Cell{m.At(room.Name, other.Name), m.At(other.Name, room.Name)} {
			text := fmt.Sprintf("%s to %s: %s", cell.From, cell.To, cell.Effective)
			switch {
			case strings.HasPrefix(cell.Effective, wordOpen):
				room.Open = append(room.Open, text)
			case cell.Differs:
				room.Cut = append(room.Cut, text)
			}
		}
	}
	slices.Sort(room.Open)
	room.Open = slices.Compact(room.Open)
	slices.Sort(room.Cut)
	room.Cut = slices.Compact(room.Cut)
}

func (r *Reach) stateOf(room *Room) string {
	switch {
	case len(room.Open) > 0:
		return StateOpening
	case len(room.Cut) > 0, slices.ContainsFunc(room.Problems, refuses):
		return StateProblem
	case !r.Segmented(room.Name):
		return StatePeer
	case r.Enforced(room.Name):
		return StateEnforced
	}
	return StateObserved
}

func refuses(p plan.Problem) bool { return p.Severity() == medfencev1alpha1.SeverityRefuse }

// links returns a conduit's arrows, one for each pair of zones.
func (r *Reach) links(c *plan.Conduit, problems []plan.Problem) []Link {
	var out []Link
	for _, p := range c.Pairs() {
		l := Link{Conduit: c, From: p.From.Zone, To: p.To.Zone, Problems: problems, PHI: c.Spec.DataClass == medfencev1alpha1.DataPHI}
		l.Senders, l.Receivers = r.parts(c, l.From, From), r.parts(c, l.To, To)
		l.State = r.stateOfLink(&l, p.From.Empty() || p.To.Empty())
		if r.zones[l.From] != nil && r.zones[l.To] != nil {
			out = append(out, l)
		}
	}
	return out
}

func (r *Reach) stateOfLink(l *Link, empty bool) string {
	watched := func(zone string) bool { return r.Segmented(zone) && !r.Enforced(zone) }
	switch {
	case slices.ContainsFunc(l.Problems, refuses):
		return StateProblem
	case !l.Permits() || empty:
		return StateWaiting
	case watched(l.From) || watched(l.To):
		return StateObserved
	}
	return StateEnforced
}

// RowsOf returns what a class reaches and what reaches it.
func (c *Chart) RowsOf(class *Class) []Row { return c.reach.rowsOf(class) }

// Words returns the members of a contact: "3 devices", "all of the zone".
func (c Contact) Words() string {
	switch c.Part {
	case Members:
		return "all of the zone"
	case Addresses:
		return "addresses without a device"
	case Unregistered:
		return "unregistered pods"
	}
	return plural(len(c.Devices), "device", "devices")
}
