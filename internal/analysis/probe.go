package analysis

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// probe is a packet that no conduit is about, unless one is (RFC 863: discard).
var probe = Packet{Protocol: flow.TCP, Port: 9}

// wordOpen begins the effect of a cell that is open.
const wordOpen = "OPEN"

// judgeCell compares what is intended in a cell with what the policies do, by
// one member of each part of the zones and every kind of traffic that the
// conduits name.
func (r *Reach) judgeCell(c *Cell) {
	if r.judge == nil || c.Default == Unrestricted || c.Default == Network {
		return
	}
	if len(r.Snapshot.Cluster.Voids) > 0 {
		c.Differs = c.Default == Denied
		if c.Differs {
			c.Effective = wordOpen + ": nothing is enforced"
		}
		return
	}
	if r.sparing && !r.touched[c.From] && !r.touched[c.To] {
		return
	}
	var found findings
	for _, from := range r.probes(c.From, len(c.Grants) > 0) {
		for _, to := range r.probes(c.To, len(c.Grants) > 0) {
			r.judgePair(c, from, to, &found)
		}
	}
	c.Effective = found.words()
	c.Differs = len(found.open)+len(found.cut) > 0
}

// findings are packets of a cell, by what the policies do with them.
type findings struct {
	asked              bool
	open, cut, unknown []string
}

func (r *Reach) judgePair(c *Cell, from, to *Place, found *findings) {
	for _, packet := range packetsOf(c.Grants) {
		v, ok := r.judged(from, to, packet)
		if !ok {
			return
		}
		found.asked = true
		intended := r.intends(c, from, to, packet)
		switch {
		case v.Decision == verdict.Unknown:
			found.unknown = append(found.unknown, packet.String())
		case intended && v.Decision == verdict.Deny:
			found.cut = append(found.cut, packet.String())
		case !intended && v.Decision == verdict.Allow && r.stopped(from, to):
			found.open = append(found.open, packet.String())
		}
	}
}

func (f *findings) words() string {
	var parts []string
	for _, p := range []struct {
		word string
		list []string
	}{{wordOpen, f.open}, {"CUT", f.cut}, {"unknown", f.unknown}} {
		if len(p.list) > 0 {
			slices.Sort(p.list)
			parts = append(parts, p.word+": "+clipped(slices.Compact(p.list), 4))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case f.asked:
		return "as intended"
	}
	return "no pod to ask"
}

// intends reports whether a grant of the cell permits a packet.
func (r *Reach) intends(c *Cell, from, to *Place, packet Packet) bool {
	return slices.ContainsFunc(c.Grants, func(g Grant) bool {
		return slices.ContainsFunc(g.Services, packet.passes) && from.has(g.Conduit, From, c.From) && to.has(g.Conduit, To, c.To)
	})
}

// packetsOf returns the first port of each service, and the probe.
func packetsOf(grants []Grant) []Packet {
	out := []Packet{probe}
	for _, g := range grants {
		for _, s := range g.Services {
			if s.Protocol == flow.ICMP && len(s.ICMPTypes) > 0 && len(s.HTTP) == 0 {
				out = append(out, Packet{Protocol: s.Protocol, ICMPType: s.ICMPTypes[0]})
			}
			if s.Protocol != flow.ICMP && len(s.Ports) > 0 && len(s.HTTP) == 0 {
				out = append(out, Packet{Protocol: s.Protocol, Port: s.Ports[0].Port})
			}
		}
	}
	return out
}

// probes returns members of a zone to ask about: one of each part, pods where
// there are some; or, for a cell without conduits, a pod and an address.
func (r *Reach) probes(zone string, all bool) []*Place {
	list, ok := r.probed[zone]
	if !ok {
		list = r.membersOf(zone)
		if r.probed == nil {
			r.probed = map[string][]*Place{}
		}
		r.probed[zone] = list
	}
	if all {
		return list
	}
	var out []*Place
	for _, wanted := range []bool{true, false} {
		if i := slices.IndexFunc(list, func(p *Place) bool { return p.inCluster() == wanted }); i >= 0 {
			out = append(out, list[i])
		}
	}
	return out
}

// membersOf returns members of each part of a zone, pods first.
func (r *Reach) membersOf(zone string) []*Place {
	var out []*Place
	if r.Segmented(zone) {
		out = r.membersOfDevices(zone)
	} else {
		out = r.membersOfPeer(zone)
	}
	slices.SortStableFunc(out, func(a, b *Place) int {
		switch {
		case a.inCluster() == b.inCluster():
			return 0
		case a.inCluster():
			return -1
		}
		return 1
	})
	return out
}

// membersOfDevices returns members of each class of a Device zone: a device by
// its pods, one by its address, an address of no device, a pod of no device.
func (r *Reach) membersOfDevices(zone string) []*Place {
	var out []*Place
	for i := range r.classes[zone] {
		c := &r.classes[zone][i]
		switch c.Part {
		case Devices:
			out = append(out, r.devicesOf(c)...)
		case Addresses:
			if p := r.restOf(zone, c); p != nil {
				out = append(out, p)
			}
		case Unregistered:
			if p := r.stranger(zone); p != nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// devicesOf returns a device of the class with pods, and one with addresses.
func (r *Reach) devicesOf(c *Class) []*Place {
	var out []*Place
	if i := slices.IndexFunc(c.Devices, func(d *plan.Device) bool { return d.Workload.Namespace != "" }); i >= 0 {
		out = append(out, r.placeOf(c.Devices[i]))
	}
	if i := slices.IndexFunc(c.Devices, func(d *plan.Device) bool { return len(d.Prefixes) > 0 }); i >= 0 {
		p := r.placeOf(c.Devices[i])
		p.workloads = nil
		out = append(out, p)
	}
	return out
}

// restOf returns an address of the zone that belongs to no device, of a class.
func (r *Reach) restOf(zone string, c *Class) *Place {
	var taken []netip.Prefix
	for i := range r.classes[zone] {
		for _, d := range r.classes[zone][i].Devices {
			taken = append(taken, d.Prefixes...)
		}
	}
	for _, g := range r.groups[zone] {
		if !slices.Equal(unique(slices.Clone(r.sites[g.Name])), c.ends) {
			continue
		}
		if free := flow.SubtractPrefixes(g.Prefixes, flow.MergePrefixes(taken)); len(free) > 0 {
			return &Place{Text: free[0].Addr().String(), Zone: zone, Prefix: free[0], ends: c.ends}
		}
	}
	return nil
}

// stranger returns a pod of the zone that nobody registered.
func (r *Reach) stranger(zone string) *Place {
	for _, n := range r.zones[zone].Namespaces {
		for _, i := range r.podsIn(n.Name) {
			if p := r.placeOfPod(&r.Snapshot.Pods[i]); p.Unregistered && !p.Pod.HostNetwork {
				return p
			}
		}
	}
	return nil
}

// membersOfPeer returns a pod of each workload that conduits name, one of each
// namespace beside these, and an address of each group.
func (r *Reach) membersOfPeer(zone string) []*Place {
	var out []*Place
	for _, w := range r.workloadsOf(zone) {
		out = append(out, &Place{
			Text: "pods of " + w.Namespace, Zone: zone, workloads: []plan.WorkloadKey{w.WorkloadKey},
			ends: unique(slices.Clone(r.spots[zone][w.WorkloadKey])),
		})
	}
	if len(out) == 0 && len(r.zones[zone].Namespaces) > 0 && r.zones[zone].PodSelector == nil {
		n := r.zones[zone].Namespaces[0].Name
		out = append(out, &Place{Text: "pods of " + n, Zone: zone, Pod: &snapshot.Pod{Namespace: n, Name: "(any)"}})
	}
	for _, g := range r.groups[zone] {
		if len(g.Prefixes) > 0 {
			out = append(out, &Place{Text: g.Name, Zone: zone, Prefix: g.Prefixes[0], ends: unique(slices.Clone(r.sites[g.Name]))})
		}
	}
	return out
}

// workloadsOf returns the workloads of a zone.
func (r *Reach) workloadsOf(zone string) []*plan.Workload {
	if r.worked == nil {
		r.worked = map[string][]*plan.Workload{}
		for i := range r.Plan.Workloads {
			w := &r.Plan.Workloads[i]
			r.worked[w.Zone] = append(r.worked[w.Zone], w)
		}
	}
	return r.worked[zone]
}
