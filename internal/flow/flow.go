package flow

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Protocol is a transport protocol, spelt as Kubernetes spells it. ICMP
// stands for ICMPv4 and ICMPv6 alike; the address family of the flow decides.
type Protocol string

// The protocols that a conduit can name.
const (
	TCP  Protocol = "TCP"
	UDP  Protocol = "UDP"
	SCTP Protocol = "SCTP"
	ICMP Protocol = "ICMP"
)

// MaxPort is the highest port number (RFC 6335, section 6).
const MaxPort = 65535

// HasPorts reports whether the protocol carries port numbers.
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP || p == SCTP }

// A PortRange is an inclusive range of ports. End is never below Port; a
// single port has End equal to Port.
type PortRange struct {
	Port uint16
	End  uint16
}

// Contains reports whether the range includes port.
func (r PortRange) Contains(port uint16) bool { return r.Port <= port && port <= r.End }

// String returns "104" or "2000-2010".
func (r PortRange) String() string {
	if r.End == r.Port {
		return strconv.Itoa(int(r.Port))
	}
	return fmt.Sprintf("%d-%d", r.Port, r.End)
}

// A PortSet is a sorted list of disjoint, non-adjacent ranges.
type PortSet []PortRange

// NewPortSet returns the exact union of the ranges. Ranges with End below Port
// are dropped: the API server refuses them before they reach us.
func NewPortSet(ranges ...PortRange) PortSet {
	in := slices.DeleteFunc(slices.Clone(ranges), func(r PortRange) bool { return r.End < r.Port })
	slices.SortFunc(in, func(a, b PortRange) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.End, b.End))
	})
	var out PortSet
	for _, r := range in {
		if n := len(out); n > 0 && int(r.Port) <= int(out[n-1].End)+1 {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Contains reports whether the set includes port.
func (s PortSet) Contains(port uint16) bool {
	return slices.ContainsFunc(s, func(r PortRange) bool { return r.Contains(port) })
}

// Union returns the exact union of two sets.
func (s PortSet) Union(other PortSet) PortSet {
	return NewPortSet(slices.Concat(s, other)...)
}

// Complement returns the ports from 0 to MaxPort that the set does not
// include.
func (s PortSet) Complement() PortSet {
	var out PortSet
	next := 0
	for _, r := range s {
		if int(r.Port) > next {
			out = append(out, PortRange{Port: uint16(next), End: r.Port - 1})
		}
		next = int(r.End) + 1
	}
	if next <= MaxPort {
		out = append(out, PortRange{Port: uint16(next), End: MaxPort})
	}
	return out
}

// String returns the ranges joined by commas.
func (s PortSet) String() string {
	parts := make([]string, 0, len(s))
	for _, r := range s {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ",")
}

// A Service is what one conduit lets pass: a protocol with its ports, or ICMP
// with its types.
type Service struct {
	// Name is the catalogue name, or "" for an inline service.
	Name string
	// Protocol is one of the four protocols.
	Protocol Protocol
	// Ports are the destination ports of the pod or device; empty for ICMP.
	Ports PortSet
	// ICMPTypes are the ICMP types that pass, sorted; empty without ICMP.
	ICMPTypes []uint8
	// HTTP are the requests that pass; empty lets every request pass.
	HTTP []HTTPRule
	// Encrypted reports whether the service encrypts its traffic.
	Encrypted bool
}

// An HTTPRule permits requests by method and path, both as extended POSIX
// regular expressions (the form that Cilium's HTTP rules take).
type HTTPRule struct {
	Method string
	Path   string
}

// String returns "dicom:104,11112", "TCP:2000-2010" or "ICMP:8".
func (s Service) String() string {
	name := s.Name
	if name == "" {
		name = string(s.Protocol)
	}
	if s.Protocol == ICMP {
		types := make([]string, 0, len(s.ICMPTypes))
		for _, t := range s.ICMPTypes {
			types = append(types, strconv.Itoa(int(t)))
		}
		return name + ":" + strings.Join(types, ",")
	}
	return name + ":" + s.Ports.String()
}

// A Flow is a packet that somebody wants to send, as far as a policy can see
// it: to which address, by which protocol, to which port.
type Flow struct {
	Source      netip.Addr
	Destination netip.Addr
	Protocol    Protocol
	// Port is the destination port; 0 for ICMP.
	Port uint16
	// ICMPType is the ICMP type; 0 for other protocols.
	ICMPType uint8
}
