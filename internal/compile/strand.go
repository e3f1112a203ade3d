package compile

import (
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// settleDevicePrefixes finds accepted devices whose address would leave their
// zone through somebody's edit of a zone, and makes that edit give way. It
// reports whether anything changed.
func (c *compiler) settleDevicePrefixes(disputes []dispute) bool {
	unsure := map[*zone]bool{}
	for _, d := range disputes {
		for _, z := range d.contenders {
			unsure[z] = true
		}
	}
	for i := range c.sorted {
		d := &c.sorted[i]
		home := c.homeOf(d)
		if home == nil {
			continue
		}
		for _, p := range c.lostAddresses(d, home, !unsure[home]) {
			if c.clings(d, home, p) && c.settleAddress(home, d.Key(), p) {
				return true
			}
		}
	}
	return false
}

// homeOf returns the zone in which a device was accepted, if there still is one.
func (c *compiler) homeOf(d *snapshot.Device) *zone {
	if d.Deleting || d.Accepted == nil {
		return nil
	}
	home := c.byName[d.Accepted.Spec.Zone]
	if !home.usable() || !home.segmented() {
		return nil
	}
	return home
}

// lostAddresses returns the accepted addresses of a device that its zone lists,
// or did when it was accepted, and does not have. What a newcomer lists counts
// once nobody disputes it (sure).
func (c *compiler) lostAddresses(d *snapshot.Device, home *zone, sure bool) []netip.Prefix {
	rights := home.acceptedPrefixes()
	if sure {
		rights = append(rights, home.prefixes...)
	}
	rights = flow.MergePrefixes(rights)
	var out []netip.Prefix
	for _, text := range d.Accepted.Spec.Addresses {
		if p, err := parseAddress(text); err == nil && !coveredBy(home.space, p) && coveredBy(rights, p) {
			out = append(out, p)
		}
	}
	return out
}

// clings reports whether a device needs an address that was accepted: its
// current spec names it still, or would be refused even if no zone had been
// edited, so that the last accepted spec is in force. Any other device has left
// the address, or its zone, by itself.
func (c *compiler) clings(d *snapshot.Device, home *zone, p netip.Prefix) bool {
	if d.Spec.Zone == home.in.Name && slices.ContainsFunc(d.Spec.Addresses, func(text string) bool {
		q, err := parseAddress(text)
		return err == nil && q == p
	}) {
		return true
	}
	c.byName[home.in.Name] = home.unedited()
	defer func() { c.byName[home.in.Name] = home }()
	return refused(c.checkDevice(&device{in: *d}))
}

// unedited returns a zone that has what it has, and what it had before.
func (z *zone) unedited() *zone {
	out := *z
	if a := z.in.Accepted; a != nil {
		out.listed = uniqueSorted(slices.Concat(z.listed, a.Spec.Members.Namespaces))
		out.spec.Members.InventoryNamespaces = slices.Concat(z.spec.Members.InventoryNamespaces, a.Spec.Members.InventoryNamespaces)
	}
	out.prefixes = slices.Concat(z.prefixes, z.acceptedPrefixes())
	out.space = flow.MergePrefixes(slices.Concat(z.space, out.prefixes))
	return &out
}

// settleAddress makes the edit give way that took an accepted device's address
// from its zone: a cidr removed at home or, if it is still there, a more
// specific prefix elsewhere.
func (c *compiler) settleAddress(home *zone, device string, p netip.Prefix) bool {
	dropped := home.standing == plan.Current && !coveredBy(flow.MergePrefixes(home.prefixes), p)
	for _, had := range home.acceptedPrefixes() {
		if dropped && had.Overlaps(p) && !slices.Contains(home.prefixes, had) {
			c.problems = append(c.problems, home.problem(medfencev1alpha1.ReasonDeviceStranded, "spec.members.cidrs",
				sentence("without %s the address %s of device %s would leave the zone; move or delete the device first",
					had, addressText(p), device)))
			home.stand(true)
			return true
		}
	}
	changed := false
	for _, o := range c.takers(home, p) {
		if o.zone.standing != plan.Current || o.zone.had(claim{prefix: o.prefix}) {
			continue
		}
		c.problems = append(c.problems, o.zone.problem(medfencev1alpha1.ReasonPrefixTakesDevice, "spec.members.cidrs",
			sentence("%s would take the address %s of device %s from zone %s; move the device first, or narrow the prefix",
				o.prefix, addressText(p), device, home.in.Name)))
		o.zone.stand(true)
		changed = true
	}
	return changed
}

// takers returns the prefixes of other zones that have all or part of an
// address: the longest that covers it, and those inside it.
func (c *compiler) takers(home *zone, p netip.Prefix) []owned {
	outer := c.ownersOf(p)
	out := slices.Concat(outer, inside(c.owners, p))
	return slices.DeleteFunc(out, func(o owned) bool { return o.zone == home || !o.prefix.Overlaps(p) })
}

// ownersOf returns the zones that list the longest prefix that covers p: more
// than one while they dispute it.
func (c *compiler) ownersOf(p netip.Prefix) []owned {
	_, outer := c.ownerOf(p)
	if !outer.IsValid() {
		return nil
	}
	first, _ := slices.BinarySearchFunc(c.owners, outer, func(o owned, p netip.Prefix) int {
		return flow.ComparePrefixes(o.prefix, p)
	})
	last := first
	for last < len(c.owners) && c.owners[last].prefix == outer {
		last++
	}
	return slices.Clone(c.owners[first:last])
}
