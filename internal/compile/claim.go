package compile

import (
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// A claim is something that only one zone can have.
type claim struct {
	namespace string
	prefix    netip.Prefix
}

// A dispute is a claim of several zones, who has the best right to it first.
type dispute struct {
	claim      claim
	contenders []*zone
}

// settleZones resolves conflicts between zones. Each round computes what the
// specs in force claim, and puts losers back to their last accepted specs; it
// ends since each zone gives way only so often.
//
// Only a zone that is certain to lose gives way in a round: to one that had the
// claim before, to an accepted device, or, when nobody does any more, to the
// most senior of all newcomers in a dispute. Otherwise a newcomer that is
// refused in the end could have driven out others on its way.
func (c *compiler) settleZones() {
	for {
		c.computeClaims()
		disputes := c.disputes()
		if !c.settleIncumbents(disputes) && !c.settleDevicePrefixes(disputes) && !c.settleNewcomers(disputes) {
			return
		}
	}
}

// disputes returns what two or more zones claim, in a stable order.
func (c *compiler) disputes() []dispute {
	claimants := map[claim][]*zone{}
	var order []claim
	add := func(k claim, z *zone) {
		if claimants[k] == nil {
			order = append(order, k)
		}
		claimants[k] = append(claimants[k], z)
	}
	for _, z := range c.zones {
		if !z.usable() {
			continue
		}
		if z.segmented() {
			for _, n := range z.closed() {
				add(claim{namespace: n}, z)
			}
		}
		for _, p := range z.prefixes {
			add(claim{prefix: p}, z)
		}
	}
	var out []dispute
	for _, k := range order {
		contenders := claimants[k]
		if len(contenders) < 2 {
			continue
		}
		slices.SortFunc(contenders, func(a, b *zone) int {
			if x, y := a.had(k), b.had(k); x != y {
				if x {
					return -1
				}
				return 1
			}
			return a.senior.compare(b.senior)
		})
		out = append(out, dispute{k, contenders})
	}
	return out
}

// settleIncumbents settles the disputes in which somebody had the claim before:
// those over namespaces first, since a zone that is being deleted has prefixes
// for as long as it holds a namespace. It reports whether there were any.
func (c *compiler) settleIncumbents(disputes []dispute) bool {
	settled := false
	for _, namespaces := range []bool{true, false} {
		for _, d := range disputes {
			if (d.claim.namespace != "") == namespaces && d.contenders[0].had(d.claim) {
				c.settle(d)
				settled = true
			}
		}
		if settled {
			return true
		}
	}
	return false
}

// settleNewcomers settles the disputes of the most senior zone in them, which
// loses none. It reports whether there were any.
func (c *compiler) settleNewcomers(disputes []dispute) bool {
	if len(disputes) == 0 {
		return false
	}
	first := slices.MinFunc(disputes, func(a, b dispute) int {
		return a.contenders[0].senior.compare(b.contenders[0].senior)
	}).contenders[0]
	for _, d := range disputes {
		if d.contenders[0] == first {
			c.settle(d)
		}
	}
	return true
}

// settle lets the first contender keep a claim. The others fall back to their
// last accepted specs; one whose accepted spec has the claim as well loses it.
func (c *compiler) settle(d dispute) {
	winner := d.contenders[0]
	for _, loser := range d.contenders[1:] {
		c.problems = append(c.problems, loser.lost(d.claim, winner))
		loser.stripped[d.claim] = loser.standing != plan.Current || loser.had(d.claim)
		loser.stand(true)
	}
}

// had reports whether the claim is part of the last accepted spec, or of what
// the zone keeps closed while pods run in it.
func (z *zone) had(k claim) bool {
	if k.namespace == "" {
		return slices.Contains(z.acceptedPrefixes(), k.prefix)
	}
	return z.acceptedNamespaces[k.namespace] || z.closedBefore[k.namespace] && slices.Contains(z.holds, k.namespace)
}

// lost words the problem of a zone that lost a claim.
func (z *zone) lost(k claim, winner *zone) plan.Problem {
	if k.namespace == "" {
		return z.problem(medfencev1alpha1.ReasonPrefixTaken, "spec.members.cidrs",
			sentence("%s already belongs to zone %s; remove it from one of the two zones", k.prefix, winner.in.Name))
	}
	if slices.Contains(winner.held, k.namespace) {
		return z.problem(medfencev1alpha1.ReasonNamespaceTaken, "spec.members.namespaces",
			sentence("namespace %s is still held by zone %s while pods run in it; end its pods, or set deletionPolicy: Release there",
				k.namespace, winner.in.Name))
	}
	return z.problem(medfencev1alpha1.ReasonNamespaceTaken, "spec.members.namespaces",
		sentence("namespace %s already belongs to zone %s; remove it from one of the two zones", k.namespace, winner.in.Name))
}
