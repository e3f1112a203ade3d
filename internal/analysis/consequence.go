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
	was, is := before.Intruders(), after.Intruders()
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
	for _, c := range d.Opened {
		if policy, ok := c.does(before, c.From.Before, c.To.Before, verdict.Allow); ok {
			c.note("it passes already: %s allows it", policy)
		}
		if policy, ok := c.does(after, c.From.After, c.To.After, verdict.Deny); ok {
			c.note("it stays closed: %s stops it", policy)
		}
	}
	for _, c := range d.Cut {
		if policy, ok := c.does(after, c.From.After, c.To.After, verdict.Allow); ok {
			c.note("it still passes: %s allows it", policy)
		}
		if policy, ok := c.does(before, c.From.Before, c.To.Before, verdict.Deny); ok {
			c.note("it was closed already: %s stops it", policy)
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

func (c *FlowChange) note(format, policy string) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, policy))
}

// does reports whether somebody else's policy makes the decision about a packet
// of the flow, and which. Where nobody else has a policy near, the conduits decide.
func (c *FlowChange) does(r *Reach, from, to string, decision verdict.Decision) (string, bool) {
	if !r.touched[from] && !r.touched[to] {
		return "", false
	}
	a, b := c.From.place(from), c.To.place(to)
	if a == nil || b == nil {
		return "", false
	}
	effect := verdict.Allows
	if decision == verdict.Deny {
		effect = verdict.Denies
	}
	for _, packet := range c.Permission.packets(mostPackets) {
		v, ok := r.judged(a, b, packet)
		if !ok || v.Decision != decision {
			continue
		}
		for _, s := range v.Steps {
			_, ours := r.judge.ours[s.Policy]
			if !ours && s.Policy != (verdict.Policy{}) && (s.Effect == effect || decision == verdict.Deny && s.Effect == verdict.Isolates) {
				return s.Policy.String(), true
			}
		}
	}
	return "", false
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
