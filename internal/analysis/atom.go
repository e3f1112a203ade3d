package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// A Party is a set of endpoints that take part in the same conduits before and
// after a change.
type Party struct {
	// Before and After are the zones that the endpoints belong to; empty where
	// they belong to none.
	Before, After string
	// Devices are those that own the endpoints before or after, by name.
	Devices []*plan.Device
	// Pods are workloads: "namespace/selector".
	Pods []string
	// Prefixes are addresses, merged.
	Prefixes []netip.Prefix
	// Names are host names and entities.
	Names []string

	before, after []end
	keys          [][2]string // of Pods
}

// Zone returns the zone after the change, or else the one before.
func (p *Party) Zone() string { return cmp.Or(p.After, p.Before) }

// deviceKey returns namespace/name.
func deviceKey(d *plan.Device) string { return d.Namespace + "/" + d.Name }

// spot is what takes part in conduits: a workload, or a name.
type spot struct {
	zone string
	ends []end
}

// A view is one plan of a comparison, seen as workloads, names and addresses.
type view struct {
	*Reach
	pods  map[[2]string]spot // by namespace and selector
	names map[string]spot
	space []owned           // the prefixes of all groups
	homes map[string]string // the zones of groups
	work  map[[2]string][]*plan.Device
}

func newView(r *Reach) *view {
	v := &view{Reach: r, pods: map[[2]string]spot{}, names: map[string]spot{}, homes: map[string]string{}, work: map[[2]string][]*plan.Device{}}
	for i := range r.Plan.Workloads { // sorted: of several zones the first is named
		key := r.Plan.Workloads[i].WorkloadKey
		at := [2]string{key.Namespace, key.Selector}
		v.pods[at] = spot{cmp.Or(v.pods[at].zone, key.Zone), unique(slices.Concat(v.pods[at].ends, r.spots[key.Zone][key]))}
	}
	for i := range r.Plan.Groups {
		v.homes[r.Plan.Groups[i].Name] = r.Plan.Groups[i].Zone
		for _, p := range r.Plan.Groups[i].Prefixes {
			v.space = append(v.space, owned{p, r.Plan.Groups[i].Name})
		}
	}
	slices.SortFunc(v.space, func(a, b owned) int { return flow.ComparePrefixes(a.prefix, b.prefix) })
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		if c.Standing == plan.Absent {
			continue
		}
		for side, ends := range [][]plan.End{From: c.From, To: c.To} {
			for _, e := range ends {
				v.addNames(e, end{c.Name, Side(side), e.Zone})
			}
		}
	}
	for i := range r.Plan.Devices {
		d := &r.Plan.Devices[i]
		if d.Workload.Namespace != "" {
			at := [2]string{d.Workload.Namespace, d.Workload.Selector}
			v.work[at] = append(v.work[at], d)
		}
	}
	return v
}

func (v *view) addNames(e plan.End, at end) {
	for _, n := range e.FQDNs {
		v.addName("host name "+n, e.Zone, at)
	}
	for _, n := range e.Entities {
		v.addName("entity "+string(n), e.Zone, at)
	}
}

func (v *view) addName(name, zone string, at end) {
	s := v.names[name]
	s.zone, s.ends = cmp.Or(s.zone, zone), unique(append(s.ends, at))
	v.names[name] = s
}

// pod returns the zone and ends of a workload. A policy for every pod of the
// namespace holds for these, too.
func (v *view) pod(at [2]string) spot {
	s := v.pods[at]
	if all, ok := v.pods[[2]string{at[0], ""}]; ok && at[1] != "" {
		s = spot{cmp.Or(s.zone, all.zone), unique(slices.Concat(s.ends, all.ends))}
	}
	return s
}

// parties are all endpoints, by what they take part in.
type parties struct {
	before, after *view
	list          []*Party
	index         map[string]*Party
}

// partiesOf parts all endpoints of two plans into parties.
func partiesOf(before, after *Reach) *parties {
	p := &parties{before: newView(before), after: newView(after), index: map[string]*Party{}}
	p.addPods()
	p.addNames()
	p.addPrefixes()
	for _, one := range p.list {
		one.Prefixes = flow.MergePrefixes(one.Prefixes)
		slices.SortFunc(one.Devices, func(a, b *plan.Device) int {
			return cmp.Or(cmp.Compare(Weight(a), Weight(b)), cmp.Compare(deviceKey(a), deviceKey(b)))
		})
		one.Devices = slices.CompactFunc(one.Devices, func(a, b *plan.Device) bool { return deviceKey(a) == deviceKey(b) })
		slices.Sort(one.Pods)
		slices.Sort(one.Names)
	}
	return p
}

// party returns the party of two spots, and makes it on first sight.
func (p *parties) party(b, a spot) *Party {
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%s", b.zone, sign(b.ends), a.zone, sign(a.ends))
	one := p.index[key]
	if one == nil {
		one = &Party{Before: b.zone, After: a.zone, before: b.ends, after: a.ends}
		p.index[key] = one
		p.list = append(p.list, one)
	}
	return one
}

func sortedKeys[K comparable, V any](compare func(a, b K) int, all ...map[K]V) []K {
	seen := map[K]bool{}
	for _, m := range all {
		for k := range m {
			seen[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), compare)
}

func (p *parties) addPods() {
	byNames := func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }
	for _, at := range sortedKeys(byNames, p.before.pods, p.after.pods) {
		one := p.party(p.before.pod(at), p.after.pod(at))
		selector := at[1]
		if selector == "" {
			selector = "all pods"
		}
		one.Pods = append(one.Pods, at[0]+"/"+strings.TrimSpace(selector))
		one.keys = append(one.keys, at)
		one.Devices = append(one.Devices, p.before.work[at]...)
		one.Devices = append(one.Devices, p.after.work[at]...)
	}
}

func (p *parties) addNames() {
	for _, name := range sortedKeys(strings.Compare, p.before.names, p.after.names) {
		one := p.party(p.before.names[name], p.after.names[name])
		one.Names = append(one.Names, name)
	}
}

// addPrefixes overlays the groups of both plans.
func (p *parties) addPrefixes() {
	pieces := map[[2]string][]netip.Prefix{} // by group before and after
	for _, b := range p.before.space {
		meets := meeting(p.after.space, b.prefix)
		var taken []netip.Prefix
		for _, a := range meets {
			both := narrower(a.prefix, b.prefix)
			taken = append(taken, both)
			key := [2]string{b.owner, a.owner}
			pieces[key] = append(pieces[key], both)
		}
		key := [2]string{b.owner, ""}
		pieces[key] = append(pieces[key], flow.SubtractPrefixes([]netip.Prefix{b.prefix}, taken)...)
	}
	for _, a := range p.after.space {
		var taken []netip.Prefix
		for _, b := range meeting(p.before.space, a.prefix) {
			taken = append(taken, narrower(a.prefix, b.prefix))
		}
		key := [2]string{"", a.owner}
		pieces[key] = append(pieces[key], flow.SubtractPrefixes([]netip.Prefix{a.prefix}, taken)...)
	}
	byNames := func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }
	owners := devicesByAddress(p.before, p.after)
	for _, key := range sortedKeys(byNames, pieces) {
		if len(pieces[key]) == 0 {
			continue
		}
		one := p.party(p.before.site(key[0]), p.after.site(key[1]))
		one.Prefixes = append(one.Prefixes, pieces[key]...)
		for _, piece := range pieces[key] {
			one.Devices = append(one.Devices, owners.within(piece)...)
		}
	}
}

func narrower(a, b netip.Prefix) netip.Prefix {
	if a.Bits() >= b.Bits() {
		return a
	}
	return b
}

// site returns the zone and ends of a group's addresses; none for no group.
func (v *view) site(name string) spot {
	zone, ok := v.homes[name]
	if !ok {
		return spot{}
	}
	return spot{zone, unique(slices.Clone(v.sites[name]))}
}

// An addressed device is one of its prefixes.
type addressed struct {
	prefix netip.Prefix
	device *plan.Device
}

// An addressBook finds devices by address.
type addressBook []addressed

func devicesByAddress(views ...*view) addressBook {
	var out addressBook
	for _, v := range views {
		for i := range v.Plan.Devices {
			d := &v.Plan.Devices[i]
			for _, p := range d.Prefixes {
				out = append(out, addressed{p, d})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b addressed) int { return flow.ComparePrefixes(a.prefix, b.prefix) })
	return out
}

// within returns the devices that have an address in a prefix. Devices seldom
// nest in each other: those before and after may.
func (b addressBook) within(p netip.Prefix) []*plan.Device {
	i, _ := slices.BinarySearchFunc(b, p.Addr(), func(e addressed, a netip.Addr) int {
		return e.prefix.Addr().Compare(a)
	})
	var out []*plan.Device
	for j := i - 1; j >= 0 && j >= i-4; j-- { // a wider one that begins before
		if b[j].prefix.Overlaps(p) {
			out = append(out, b[j].device)
		}
	}
	for ; i < len(b) && b[i].prefix.Overlaps(p); i++ {
		out = append(out, b[i].device)
	}
	return out
}

// weights order criticalities, the gravest first.
var weights = []string{"LifeSustaining", "LifeSupporting", "Therapeutic", "Diagnostic", "Monitoring", "Ancillary"}

// Weight returns the place of a device's criticality among all, from 0 for
// life-sustaining.
func Weight(d *plan.Device) int {
	if i := slices.Index(weights, string(d.Spec.Criticality)); i >= 0 {
		return i
	}
	return len(weights)
}
