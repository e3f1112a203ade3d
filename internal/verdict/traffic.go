package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/flow"
)

// The protocols of a Traffic: those of flow, with the two ICMPs apart.
const (
	icmpv4 flow.Protocol = "ICMPv4"
	icmpv6 flow.Protocol = "ICMPv6"
)

var trafficProtocols = []flow.Protocol{flow.TCP, flow.UDP, flow.SCTP, icmpv4, icmpv6}

// A Traffic is a set of flows between two endpoints: ports, and ICMP types of
// each family, by protocol. The zero value is none.
type Traffic map[flow.Protocol]flow.PortSet

// EveryTraffic returns all flows.
func EveryTraffic() Traffic {
	out := Traffic{}
	for _, p := range trafficProtocols {
		out[p] = every(p)
	}
	return out
}

// every returns the whole set of a protocol.
func every(p flow.Protocol) flow.PortSet {
	if p == icmpv4 || p == icmpv6 {
		return flow.PortSet{{Port: 0, End: maxICMP}}
	}
	return flow.PortSet{{Port: 1, End: flow.MaxPort}}
}

// PortTraffic returns the flows to some ports of a protocol that has ports.
func PortTraffic(p flow.Protocol, ports flow.PortSet) Traffic { return Traffic{p: ports} }

// ICMPTraffic returns the flows of one ICMP type in one address family.
func ICMPTraffic(kind uint8, is4 bool) Traffic {
	return Traffic{icmpOfFamily(is4): {{Port: uint16(kind), End: uint16(kind)}}}
}

// InFamily returns the flows that there can be between addresses of a family:
// all but the ICMP of the other.
func (t Traffic) InFamily(is4 bool) Traffic {
	return t.Minus(Traffic{icmpOfFamily(!is4): every(icmpv4)})
}

func icmpOfFamily(is4 bool) flow.Protocol {
	if is4 {
		return icmpv4
	}
	return icmpv6
}

// Union returns the flows of either.
func (t Traffic) Union(other Traffic) Traffic {
	out := Traffic{}
	for _, p := range trafficProtocols {
		if set := t[p].Union(other[p]); len(set) > 0 {
			out[p] = set
		}
	}
	return out
}

// Minus returns the flows that the other has not.
func (t Traffic) Minus(other Traffic) Traffic {
	out := Traffic{}
	for _, p := range trafficProtocols {
		// a without b is the complement of what is not in a, or in b.
		if set := t[p].Complement().Union(other[p]).Complement(); len(set) > 0 {
			out[p] = set
		}
	}
	return out
}

// And returns the flows of both.
func (t Traffic) And(other Traffic) Traffic { return t.Minus(EveryTraffic().Minus(other)) }

// Empty reports whether there are none.
func (t Traffic) Empty() bool {
	return !slices.ContainsFunc(trafficProtocols, func(p flow.Protocol) bool { return len(t[p]) > 0 })
}

// Contains reports whether the flow, of an address family, is one of them.
func (t Traffic) Contains(f flow.Flow, is4 bool) bool {
	if f.Protocol == flow.ICMP {
		return t[icmpOfFamily(is4)].Contains(uint16(f.ICMPType))
	}
	return t[f.Protocol].Contains(f.Port)
}

// String returns "TCP 104,11112; every UDP", or "everything".
func (t Traffic) String() string {
	var parts []string
	whole := 0
	for _, p := range trafficProtocols {
		switch {
		case len(t[p]) == 0:
		case slices.Equal(t[p], every(p)):
			whole++
			parts = append(parts, "every "+string(p))
		default:
			parts = append(parts, fmt.Sprintf("%s %s", p, t[p]))
		}
	}
	switch {
	case whole == len(trafficProtocols):
		return "everything"
	case len(parts) == 0:
		return "nothing"
	}
	return strings.Join(parts, "; ")
}
