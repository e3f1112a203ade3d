package analysis

import (
	"fmt"
	"slices"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/verdict"
)

// mostPackets is how many packets of a flow are asked for.
const mostPackets = 8

// judge adds what the policies make of a change, whoever wrote them: what others
// open and close that they did not before, and where a flow that a conduit opens
// or cuts passes, or does not, for a policy of somebody else's.
func (d *Difference) judge(before, after *Reach) {
	if before.judge == nil || after.judge == nil {
		return
	}
	d.compareIntruders(before.Intruders(), after.Intruders())
	for _, c := range d.Opened {
		c.noteOf(before, c.From.Before, c.To.Before, verdict.Allow, "it passes already: %s allows it")
		c.noteOf(after, c.From.After, c.To.After, verdict.Deny, "it stays closed: %s stops it")
	}
	for _, c := range d.Cut {
		c.noteOf(after, c.From.After, c.To.After, verdict.Allow, "it still passes: %s allows it")
		c.noteOf(before, c.From.Before, c.To.Before, verdict.Deny, "it was closed already: %s stops it")
	}
}

func (d *Difference) compareIntruders(was, is []Intruder) {
	for _, i := range is {
		if i.Harms() && !slices.ContainsFunc(was, func(o Intruder) bool { return o.same(i) && i.traffic.Minus(o.traffic).Empty() }) {
			d.Intruders = append(d.Intruders, i)
		}
	}
	for _, i := range was {
		if i.Harms() && !slices.ContainsFunc(is, i.same) {
			d.Gone = append(d.Gone, i)
		}
	}
}

// same reports whether both are the same rule with the same effect.
func (i Intruder) same(o Intruder) bool {
	return i.Zone == o.Zone && i.State == o.State && i.Object == o.Object && i.Rule == o.Rule
}

// Harms reports whether the intruder opens something, or may, or cuts something.
func (i Intruder) Harms() bool { return i.State != stateBlocked }

// Cuts reports whether the intruder cuts something.
func (i Intruder) Cuts() bool { return i.State == StateClosed }

// noteOf notes whose policy makes a decision about a packet of the flow, where it
// is somebody else's. Where nobody else has a policy near, the conduits decide.
func (c *FlowChange) noteOf(r *Reach, from, to string, decision verdict.Decision, format string) {
	a, b := c.From.place(from), c.To.place(to)
	if a == nil || b == nil || !r.touched[from] && !r.touched[to] {
		return
	}
	for _, packet := range c.Permission.packets(mostPackets) {
		v, ok := r.judged(a, b, packet)
		if !ok || v.Decision != decision {
			continue
		}
		if i := slices.IndexFunc(v.Steps, func(s verdict.Step) bool { return r.decides(s, decision) }); i >= 0 {
			c.Notes = append(c.Notes, fmt.Sprintf(format, v.Steps[i].Policy))
			return
		}
	}
}

// decides reports whether a step is by somebody else's policy, and for the
// decision.
func (r *Reach) decides(s verdict.Step, decision verdict.Decision) bool {
	if _, ours := r.judge.ours[s.Policy]; ours || s.Policy == (verdict.Policy{}) {
		return false
	}
	if decision == verdict.Allow {
		return s.Effect == verdict.Allows
	}
	return s.Effect == verdict.Denies || s.Effect == verdict.Isolates
}

// place returns an endpoint of the party, as a member of a zone.
func (p *Party) place(zone string) *Place {
	switch {
	case len(p.keys) > 0:
		key := plan.WorkloadKey{Zone: zone, Namespace: p.keys[0][0], Selector: p.keys[0][1]}
		return &Place{Zone: zone, workloads: []plan.WorkloadKey{key}}
	case len(p.Prefixes) > 0:
		return &Place{Zone: zone, Prefix: p.Prefixes[0]}
	}
	return nil
}
