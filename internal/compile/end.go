package compile

import (
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A sideEnd is one zone's share of one side of a conduit.
type sideEnd struct {
	conduit  *conduit
	side     string // "from" or "to"
	selector *metav1.LabelSelector
}

// id returns "from imaging-pacs".
func (e sideEnd) id() string { return e.side + " " + e.conduit.in.Name }

// selects reports whether the end takes in a device.
func (e sideEnd) selects(d *device) bool {
	if e.selector == nil {
		return true
	}
	selector, err := parseSelector(e.selector)
	return err == nil && !emptySelector(e.selector) && selector.Matches(labelSet(d.in.Labels))
}

// A part is a set of addresses of a zone that are in the same conduit ends.
type part struct {
	ends     []string
	prefixes []netip.Prefix
}

// partAddresses parts the addresses of each zone by the conduit ends that hold
// them. The parts of all zones are pairwise disjoint.
func (c *compiler) partAddresses() {
	for _, z := range c.zones {
		if z.usable() && len(z.reach) > 0 {
			c.partZone(z)
		}
	}
}

func (c *compiler) partZone(z *zone) {
	var base []string
	var selecting []sideEnd
	for _, e := range z.sideEnds {
		if e.selector == nil {
			base = append(base, e.id())
		} else if z.segmented() {
			selecting = append(selecting, e)
		}
	}
	parts := map[string]*part{}
	var apart []netip.Prefix
	for _, d := range z.devices {
		own, selected := clip(d.prefixes, z.reach), endsOf(d, selecting)
		if len(own) == 0 || len(selected) == 0 {
			continue
		}
		addPart(parts, slices.Concat(base, selected), own)
		apart = append(apart, own...)
	}
	if len(base) > 0 || c.moated(z) {
		addPart(parts, base, flow.SubtractPrefixes(z.reach, apart))
	}
	for _, p := range parts {
		if len(p.prefixes) > 0 {
			c.groups = append(c.groups, plan.Group{
				Zone: z.in.Name, Name: groupName(z.in.Name, p.ends), Ends: p.ends, Prefixes: flow.MergePrefixes(p.prefixes),
			})
		}
	}
}

// moated reports whether a zone gets a moat, which takes in the addresses that
// are in no conduit too.
func (c *compiler) moated(z *zone) bool {
	return c.in.Target.Kind == snapshot.Cilium && z.enforce()
}

// endsOf returns the ends, of those that select devices, that take in a device.
func endsOf(d *device, selecting []sideEnd) []string {
	var out []string
	for _, e := range selecting {
		if e.selects(d) {
			out = append(out, e.id())
		}
	}
	return out
}

func addPart(parts map[string]*part, ends []string, prefixes []netip.Prefix) {
	ends = uniqueSorted(ends)
	key := strings.Join(ends, "\x00")
	if parts[key] == nil {
		parts[key] = &part{ends: ends}
	}
	parts[key].prefixes = append(parts[key].prefixes, prefixes...)
}

// clip returns what of prefixes lies in a merged list.
func clip(prefixes, merged []netip.Prefix) []netip.Prefix {
	if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return !coveredBy(merged, p) }) {
		return prefixes
	}
	return flow.SubtractPrefixes(prefixes, flow.SubtractPrefixes(prefixes, merged))
}

// maxZoneInName is how much of a zone's name is in that of a group. A group's
// name is part of a label key, whose name has 63 characters at most: with the
// hash, and a suffix beside an object of somebody else, it fits.
const maxZoneInName = 38

// groupName is stable for a set of conduits.
func groupName(zone string, ends []string) string {
	readable := strings.Trim(zone[:min(len(zone), maxZoneInName)], "-")
	return "medfence-" + readable + "-" + shortHash(append([]string{zone}, ends...)...)
}

// resolveEnds resolves both sides of each conduit zone by zone.
func (c *compiler) resolveEnds() {
	for _, z := range c.zones {
		if z.usable() && !z.segmented() {
			c.peerWorkloads(z)
		}
	}
	groups := map[string][]string{} // zone and end to group names
	for _, g := range c.groups {
		for _, e := range g.Ends {
			groups[g.Zone+"\x00"+e] = append(groups[g.Zone+"\x00"+e], g.Name)
		}
	}
	for _, z := range c.zones {
		for _, e := range z.sideEnds {
			end := c.resolveEnd(z, e)
			end.Groups = uniqueSorted(groups[z.in.Name+"\x00"+e.id()])
			c.takeEnforceable(e, z, &end)
			if e.side == "from" {
				e.conduit.from = append(e.conduit.from, end)
			} else {
				e.conduit.to = append(e.conduit.to, end)
			}
		}
	}
	for _, d := range c.conduits {
		if d.standing != plan.Absent {
			c.judgeConduit(d)
		}
	}
}

// resolveEnd finds the workloads of one end, and notes the conduit on the
// devices that are in it.
func (c *compiler) resolveEnd(z *zone, e sideEnd) plan.End {
	end := plan.End{Zone: z.in.Name}
	if !z.segmented() {
		if e.selector == nil {
			end.Workloads = slices.Clone(z.workloadKeys)
			slices.SortFunc(end.Workloads, compareKeys)
		}
		return end
	}
	for _, d := range z.devices {
		if !e.selects(d) {
			continue
		}
		if n := len(d.conduits); n == 0 || d.conduits[n-1] != e.conduit.in.Name {
			d.conduits = append(d.conduits, e.conduit.in.Name)
		}
		if d.matches != nil {
			end.Workloads = append(end.Workloads, d.key)
		}
	}
	slices.SortFunc(end.Workloads, compareKeys)
	end.Workloads = slices.Compact(end.Workloads)
	return end
}

// takeEnforceable adds names and entities where the target can enforce them,
// and reports them where it cannot.
func (c *compiler) takeEnforceable(e sideEnd, z *zone, end *plan.End) {
	m, target := z.spec.Members, c.in.Target
	if e.selector != nil || z.segmented() {
		return
	}
	if len(m.FQDNs) > 0 && e.side == "to" {
		if c.resolvesNames() {
			end.FQDNs = uniqueSorted(m.FQDNs)
			c.warnOfSilence(e.conduit, z)
		} else {
			c.unenforceable(e.conduit, "spec.to", "names need Cilium with its DNS proxy; the fqdns of zone "+z.in.Name+" stay closed here")
		}
	}
	if len(m.Entities) == 0 {
		return
	}
	if target.Kind != snapshot.Cilium {
		c.unenforceable(e.conduit, "spec."+e.side, "entities need Cilium; those of zone "+z.in.Name+" stay closed here")
		return
	}
	end.Entities = slices.Clone(m.Entities)
	slices.Sort(end.Entities)
	end.Entities = slices.Compact(end.Entities)
}

// warnOfSilence reports initiators that cannot resolve the names that they may
// reach: nobody learns the addresses behind the names then.
func (c *compiler) warnOfSilence(d *conduit, to *zone) {
	for _, n := range uniqueSorted(d.spec.From.Zones) {
		if from := c.byName[n]; from.usable() && from.segmented() && from.dns() == medfencev1alpha1.DNSNone {
			c.unenforceable(d, "spec.to", sentence(
				"zone %s has dns: None, so its pods never learn the addresses of zone %s's fqdns; set dns: Names there, or give %s cidrs", n, to.in.Name, to.in.Name))
		}
	}
}

// judgeConduit finds out who enforces a conduit, and warns where it joins
// nothing.
func (c *compiler) judgeConduit(d *conduit) {
	d.point = pointOf(c.segmentedPairs(d))
	nothing := c.warnOfSelector(d, "from", d.spec.From)
	nothing = c.warnOfSelector(d, "to", d.spec.To) || nothing
	if d.point == "" && !nothing && !d.partly {
		c.warnOfDeadConduit(d)
	}
}

// pointOf tells who enforces the pairs that have members; empty where none has.
func pointOf(pairs []plan.Pair) medfencev1alpha1.EnforcementPoint {
	pairs = slices.DeleteFunc(pairs, func(p plan.Pair) bool { return p.From.Empty() || p.To.Empty() })
	pods := slices.ContainsFunc(pairs, func(p plan.Pair) bool { return len(p.From.Workloads)+len(p.To.Workloads) > 0 })
	network := slices.ContainsFunc(pairs, func(p plan.Pair) bool { return outside(p.From) && outside(p.To) })
	switch {
	case len(pairs) == 0:
		return ""
	case pods && network:
		return medfencev1alpha1.EnforcedByBoth
	case pods:
		return medfencev1alpha1.EnforcedByCluster
	}
	return medfencev1alpha1.EnforcedByNetwork
}

// segmentedPairs returns the pairs of a conduit that a policy concerns: between
// two peers nothing is restricted.
func (c *compiler) segmentedPairs(d *conduit) []plan.Pair {
	return slices.DeleteFunc((plan.Conduit{From: d.from, To: d.to, Spec: d.spec}).Pairs(), func(p plan.Pair) bool {
		return !c.byName[p.From.Zone].segmented() && !c.byName[p.To.Zone].segmented()
	})
}

// outside reports whether an end has members that are not pods.
func outside(e plan.End) bool { return len(e.Groups) > 0 || len(e.FQDNs) > 0 || len(e.Entities) > 0 }

// warnOfSelector reports a deviceSelector that matches no device, and devices
// that it matches but that are nowhere. It reports whether it said anything.
func (c *compiler) warnOfSelector(d *conduit, side string, end medfencev1alpha1.ConduitEnd) bool {
	if end.DeviceSelector == nil {
		return false
	}
	path, found, nowhere := "spec."+side+".deviceSelector", false, false
	for _, n := range uniqueSorted(end.Zones) {
		z := c.byName[n]
		if !z.usable() {
			continue
		}
		for _, dev := range z.devices {
			if !(sideEnd{conduit: d, side: side, selector: end.DeviceSelector}).selects(dev) {
				continue
			}
			found = true
			if dev.matches == nil && len(dev.prefixes) == 0 {
				nowhere = true
				c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonNoLocation, path,
					"device %s has neither pods nor addresses, so this conduit cannot reach it; give it addresses", dev.in.Key()))
			}
		}
	}
	if !found {
		c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonSelectsNothing, path,
			"no accepted device of %s has these labels; they are read from MedicalDevices, not from pods", listing(uniqueSorted(end.Zones))))
	}
	return !found || nowhere
}

// warnOfDeadConduit names the zones that have no members. Those that are gone
// are named by another problem.
func (c *compiler) warnOfDeadConduit(d *conduit) {
	var from, to []string
	for _, p := range c.segmentedPairs(d) {
		if p.From.Empty() {
			from = append(from, p.From.Zone)
		}
		if p.To.Empty() {
			to = append(to, p.To.Zone)
		}
	}
	side, zones := "from", uniqueSorted(from)
	if len(zones) == 0 {
		side, zones = "to", uniqueSorted(to)
	}
	have := "has"
	if len(zones) > 1 {
		have = "have"
	}
	if len(zones) > 0 {
		c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonDeadConduit, "spec."+side+".zones",
			"nothing can use this conduit: %s %s no members yet; add namespaces, devices or cidrs, or delete the conduit", listing(zones), have))
	}
}
