package analysis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/flow"
)

// A Packet is the traffic of a question: a protocol with a port, or ICMP with a
// type.
type Packet struct {
	Protocol flow.Protocol
	Port     uint16
	ICMPType uint8
	// Service is the catalogue's name of it, if it was asked for by name.
	Service string
}

// String returns "TCP 3613" or "ICMP type 8".
func (p Packet) String() string {
	if p.Protocol == flow.ICMP {
		return fmt.Sprintf("ICMP type %d", p.ICMPType)
	}
	return fmt.Sprintf("%s %d", p.Protocol, p.Port)
}

// passes reports whether a service lets the packet pass.
func (p Packet) passes(s flow.Service) bool {
	if s.Protocol != p.Protocol {
		return false
	}
	if p.Protocol == flow.ICMP {
		return slices.Contains(s.ICMPTypes, p.ICMPType)
	}
	return s.Ports.Contains(p.Port)
}

// ParsePackets reads "3613", "udp/24105", "24105/udp", "icmp/8", or the name of
// a service: of that every protocol and its first port.
func ParsePackets(text string, c *catalog.Catalogue) ([]Packet, error) {
	wrong := fmt.Errorf("%q is no port; write 3613 (TCP), udp/24105, icmp/8, or the name of a service such as dicom", text)
	left, right, both := strings.Cut(strings.ToLower(text), "/")
	if !both {
		if n, err := strconv.ParseUint(text, 10, 16); err == nil && n > 0 {
			return []Packet{{Protocol: flow.TCP, Port: uint16(n)}}, nil
		}
		return named(text, c, wrong)
	}
	if _, err := strconv.Atoi(left); err == nil {
		left, right = right, left
	}
	n, err := strconv.ParseUint(right, 10, 16)
	if err != nil {
		return nil, wrong
	}
	protocol := flow.Protocol(strings.ToUpper(left))
	switch {
	case protocol == flow.ICMP && n <= 255:
		return []Packet{{Protocol: flow.ICMP, ICMPType: uint8(n)}}, nil
	case protocol.HasPorts() && n > 0:
		return []Packet{{Protocol: protocol, Port: uint16(n)}}, nil
	}
	return nil, wrong
}

// named reads a service of the catalogue.
func named(text string, c *catalog.Catalogue, wrong error) ([]Packet, error) {
	s, ok := c.Lookup(text)
	if !ok {
		if near := c.Nearest(text); near != "" {
			return nil, fmt.Errorf("there is no service %q; did you mean %q?", text, near)
		}
		return nil, wrong
	}
	var out []Packet
	for _, e := range s.Endpoints {
		if e.Protocol == flow.ICMP {
			for _, t := range e.ICMPTypes {
				out = append(out, Packet{Protocol: flow.ICMP, ICMPType: t, Service: text})
			}
			continue
		}
		if len(e.Ports) > 0 {
			out = append(out, Packet{Protocol: e.Protocol, Port: e.Ports[0].Port, Service: text})
		}
	}
	return out, nil
}
