package guard

import (
	"maps"
	"slices"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/render/object"
)

// An access is what is permitted to one peer.
type access struct {
	ports map[flow.Protocol]flow.PortSet
	// types are the permitted ICMP types of each family.
	v4, v6 bool
}

var protocols = []flow.Protocol{flow.TCP, flow.UDP, flow.SCTP}

// add permits a service beside what is permitted already.
func (a *access) add(s flow.Service) {
	for _, t := range s.ICMPTypes {
		v4, v6 := object.ICMPFamilies(t)
		a.v4, a.v6 = a.v4 || v4, a.v6 || v6
	}
	a.open(s.Protocol, s.Ports)
}

func (a *access) open(protocol flow.Protocol, ports flow.PortSet) {
	if len(ports) == 0 {
		return
	}
	if a.ports == nil {
		a.ports = map[flow.Protocol]flow.PortSet{}
	}
	a.ports[protocol] = a.ports[protocol].Union(ports)
}

// A class is a part of all that can be sent which is permitted to the same
// peers, given by their positions in a list.
type class struct {
	peers  []int
	ports  []object.Port
	v4, v6 bool
}

// to reports whether the class is permitted to a peer.
func (c *class) to(peer int) bool { return slices.Contains(c.peers, peer) }

// classes parts all that can be sent: every port of each protocol, and ICMP of
// each family.
func classes(list []access) []class {
	byPeers := map[string]*class{}
	of := func(permitted func(access) bool) *class {
		var peers []int
		for i, a := range list {
			if permitted(a) {
				peers = append(peers, i)
			}
		}
		k := text(peers)
		if byPeers[k] == nil {
			byPeers[k] = &class{peers: peers}
		}
		return byPeers[k]
	}
	for _, protocol := range protocols {
		for _, r := range segments(list, protocol) {
			c := of(func(a access) bool { return a.ports[protocol].Contains(r.Port) })
			c.ports = append(c.ports, object.Port{Protocol: protocol, Range: r})
		}
	}
	of(func(a access) bool { return a.v4 }).v4 = true
	of(func(a access) bool { return a.v6 }).v6 = true
	var out []class
	for _, k := range slices.Sorted(maps.Keys(byPeers)) {
		c := byPeers[k]
		c.ports = joined(c.ports)
		out = append(out, *c)
	}
	return out
}

// segments returns the ports of a protocol, from 1 up, cut wherever a
// permission begins or ends.
func segments(list []access, protocol flow.Protocol) []flow.PortRange {
	cuts := map[int]bool{1: true}
	for _, a := range list {
		for _, r := range a.ports[protocol] {
			cuts[max(int(r.Port), 1)], cuts[int(r.End)+1] = true, true
		}
	}
	delete(cuts, flow.MaxPort+1)
	starts := slices.Sorted(maps.Keys(cuts))
	out := make([]flow.PortRange, 0, len(starts))
	for i, start := range starts {
		end := flow.MaxPort
		if i+1 < len(starts) {
			end = starts[i+1] - 1
		}
		out = append(out, flow.PortRange{Port: uint16(start), End: uint16(end)})
	}
	return out
}

// joined returns the ports with adjacent ranges of a protocol in one.
func joined(ports []object.Port) []object.Port {
	var out []object.Port
	for _, protocol := range protocols {
		var ranges []flow.PortRange
		for _, p := range ports {
			if p.Protocol == protocol {
				ranges = append(ranges, p.Range)
			}
		}
		for _, r := range flow.NewPortSet(ranges...) {
			out = append(out, object.Port{Protocol: protocol, Range: r})
		}
	}
	return out
}

// rules returns the rule for each part that denies a class to its peers: ports
// and ICMP apart, and no ICMP where Cilium takes no rule about it.
func (b *builder) rules(c *class, peers Deny) []Deny {
	var out []Deny
	if len(c.ports) > 0 {
		part := peers
		part.Ports = c.ports
		out = append(out, part)
	}
	if (c.v4 || c.v6) && !b.settings.NoICMP {
		part := peers
		part.ICMPv4, part.ICMPv6 = c.v4, c.v6
		out = append(out, part)
	}
	return out
}
