package compile

import (
	"fmt"
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A claim is something that only one zone can have.
type claim struct {
	namespace string
	prefix    netip.Prefix
}

// settleClaims finds two zones with one namespace or one prefix and makes the
// newcomers give way. It reports whether anything changed.
func (c *compiler) settleClaims() bool {
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
	changed := false
	for _, k := range order {
		if contenders := claimants[k]; len(contenders) > 1 {
			changed = true
			c.settle(k, contenders)
		}
	}
	return changed
}

// settle lets the incumbent keep a claim. The others fall back to their last
// accepted specs; one whose accepted spec has the claim as well loses just it.
func (c *compiler) settle(k claim, contenders []*zone) {
	slices.SortFunc(contenders, func(a, b *zone) int {
		if x, y := a.had(k), b.had(k); x != y {
			if x {
				return -1
			}
			return 1
		}
		return a.senior.compare(b.senior)
	})
	winner := contenders[0]
	for _, loser := range contenders[1:] {
		c.problems = append(c.problems, loser.lost(k, winner))
		loser.stripped[k] = loser.standing != plan.Current || loser.had(k)
		loser.stand(true)
	}
}

// had reports whether the claim is part of what was accepted before, or of what
// the zone holds.
func (z *zone) had(k claim) bool {
	if slices.Contains(z.held, k.namespace) {
		return true
	}
	if z.in.Accepted == nil {
		return false
	}
	if k.namespace != "" {
		return z.acceptedNamespaceNames[k.namespace]
	}
	return slices.Contains(z.parsedPrefixes(z.in.Accepted.Spec.Members.CIDRs), k.prefix)
}

// lost words the problem of a zone that lost a claim.
func (z *zone) lost(k claim, winner *zone) plan.Problem {
	if k.namespace == "" {
		return z.problem(medfencev1alpha1.ReasonPrefixTaken, "spec.members.cidrs",
			fmt.Sprintf("%s already belongs to zone %s; remove it from one of the two zones", k.prefix, winner.in.Name))
	}
	if slices.Contains(winner.held, k.namespace) {
		return z.problem(medfencev1alpha1.ReasonNamespaceTaken, "spec.members.namespaces",
			fmt.Sprintf("namespace %s is still held by zone %s while pods run in it; end its pods, or set deletionPolicy: Release there",
				k.namespace, winner.in.Name))
	}
	return z.problem(medfencev1alpha1.ReasonNamespaceTaken, "spec.members.namespaces",
		fmt.Sprintf("namespace %s already belongs to zone %s; remove it from one of the two zones", k.namespace, winner.in.Name))
}

// settleDevicePrefixes finds accepted devices whose address would leave their
// zone through somebody's edit of a zone, and makes that edit give way. It
// reports whether anything changed.
func (c *compiler) settleDevicePrefixes() bool {
	if !c.prefixesChanged() {
		return false
	}
	for i := range c.sorted {
		d := &c.sorted[i]
		home := c.homeOf(d)
		if home == nil {
			continue
		}
		for _, text := range d.Accepted.Spec.Addresses {
			p, err := parseAddress(text)
			if err != nil || !slices.Contains(d.Spec.Addresses, text) {
				continue
			}
			if c.settleAddress(home, d.Key(), p) {
				return true
			}
		}
	}
	return false
}

// prefixesChanged reports whether any zone's prefixes differ from those that
// were accepted; otherwise no edit can have moved an address.
func (c *compiler) prefixesChanged() bool {
	return slices.ContainsFunc(c.zones, func(z *zone) bool {
		if !z.usable() || z.in.Accepted == nil {
			return len(z.prefixes) > 0
		}
		return !slices.Equal(z.prefixes, z.parsedPrefixes(z.in.Accepted.Spec.Members.CIDRs))
	})
}

// homeOf returns the zone of an accepted device that means to stay where it is.
func (c *compiler) homeOf(d *snapshot.Device) *zone {
	if d.Deleting || d.Accepted == nil || d.Spec.Zone != d.Accepted.Spec.Zone {
		return nil
	}
	home := c.byName[d.Spec.Zone]
	if !home.usable() {
		return nil
	}
	return home
}

// settleAddress makes the edit give way that took an accepted device's address
// from its zone: a more specific prefix elsewhere, or a cidr removed at home.
func (c *compiler) settleAddress(home *zone, device string, p netip.Prefix) bool {
	owner, outer := c.ownerOf(p)
	if owner == home {
		return false
	}
	if owner != nil && owner.standing == plan.Current && !owner.had(claim{prefix: outer}) {
		c.problems = append(c.problems, owner.problem(medfencev1alpha1.ReasonPrefixTakesDevice, "spec.members.cidrs",
			fmt.Sprintf("%s would take the address %s of device %s from zone %s; move the device first, or narrow the prefix",
				outer, addressText(p), device, home.in.Name)))
		owner.stand(true)
		return true
	}
	if home.standing != plan.Current || home.in.Accepted == nil {
		return false
	}
	for _, had := range home.parsedPrefixes(home.in.Accepted.Spec.Members.CIDRs) {
		if flow.Covers(had, p) {
			c.problems = append(c.problems, home.problem(medfencev1alpha1.ReasonDeviceStranded, "spec.members.cidrs",
				fmt.Sprintf("without %s the address %s of device %s would leave the zone; move or delete the device first",
					had, addressText(p), device)))
			home.stand(true)
			return true
		}
	}
	return false
}
