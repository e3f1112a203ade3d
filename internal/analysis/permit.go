package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// A Traffic is what can be permitted by itself: a protocol, and for HTTP the
// requests.
type Traffic struct {
	Protocol flow.Protocol
	// HTTP is the canonical text of the requests; empty is every request.
	HTTP string
}

// A Permission is a set of ports and ICMP types by protocol.
type Permission map[Traffic]flow.PortSet

// PermissionOf returns what services permit together. ICMP types are kept as
// ports, which they are disjoint from by protocol.
func PermissionOf(services []flow.Service) Permission {
	out := Permission{}
	for _, s := range services {
		at := Traffic{Protocol: s.Protocol, HTTP: requests(s.HTTP)}
		ports := s.Ports
		if s.Protocol == flow.ICMP {
			ranges := make([]flow.PortRange, 0, len(s.ICMPTypes))
			for _, t := range s.ICMPTypes {
				ranges = append(ranges, flow.PortRange{Port: uint16(t), End: uint16(t)})
			}
			ports = flow.NewPortSet(ranges...)
		}
		out[at] = out[at].Union(ports)
	}
	return out
}

func requests(rules []flow.HTTPRule) string {
	texts := make([]string, 0, len(rules))
	for _, r := range rules {
		texts = append(texts, strings.TrimSpace(cmp.Or(r.Method, "any method")+" "+cmp.Or(r.Path, "any path")))
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), ", ")
}

// Add takes in another permission.
func (p Permission) Add(o Permission) {
	for t, ports := range o {
		p[t] = p[t].Union(ports)
	}
}

// Without returns what o does not permit. What o permits without regard to the
// request covers every request.
func (p Permission) Without(o Permission) Permission {
	out := Permission{}
	for t, ports := range p {
		covered := o[t].Union(o[Traffic{Protocol: t.Protocol}])
		if rest := intersect(ports, covered.Complement()); len(rest) > 0 {
			out[t] = rest
		}
	}
	return out
}

func intersect(a, b flow.PortSet) flow.PortSet {
	return a.Complement().Union(b.Complement()).Complement()
}

// String returns "TCP 104, 11112; UDP 53; ICMP type 8".
func (p Permission) String() string { return strings.Join(p.Words(), "; ") }

// Words returns "TCP 104, 11112", one for each kind of traffic, sorted.
func (p Permission) Words() []string {
	keys := slices.SortedFunc(maps.Keys(p), func(a, b Traffic) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.HTTP, b.HTTP))
	})
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		text := string(k.Protocol)
		if k.Protocol == flow.ICMP {
			text += " type"
		}
		text += " " + strings.ReplaceAll(p[k].String(), ",", ", ")
		if k.HTTP != "" {
			text += ", only " + k.HTTP
		}
		out = append(out, text)
	}
	return out
}

// A Grant is what one conduit permits between two zones.
type Grant struct {
	Conduit  string
	Services []flow.Service
	Purpose  string
}

// ServiceWords returns "dicom TCP 104, 11112".
func ServiceWords(s flow.Service) string {
	words := strings.TrimSpace(s.Name + " " + string(s.Protocol))
	if s.Protocol == flow.ICMP {
		types := make([]string, 0, len(s.ICMPTypes))
		for _, t := range s.ICMPTypes {
			types = append(types, strconv.Itoa(int(t)))
		}
		return words + " type " + strings.Join(types, ", ")
	}
	words += " " + strings.ReplaceAll(s.Ports.String(), ",", ", ")
	if len(s.HTTP) > 0 {
		words += ", only " + requests(s.HTTP)
	}
	return words
}

// grant returns what a conduit permits.
func grant(c *plan.Conduit) Grant {
	return Grant{Conduit: c.Name, Services: c.Services, Purpose: oneLine(c.Spec.Purpose)}
}

// oneLine returns the text with single spaces for all white space.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// packets returns one packet for each range of ports, at most so many.
func (p Permission) packets(most int) []Packet {
	keys := slices.SortedFunc(maps.Keys(p), func(a, b Traffic) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.HTTP, b.HTTP))
	})
	var out []Packet
	for _, k := range keys {
		for _, ports := range p[k] {
			one := Packet{Protocol: k.Protocol, Port: ports.Port}
			if k.Protocol == flow.ICMP {
				one = Packet{Protocol: k.Protocol, ICMPType: uint8(ports.Port)}
			}
			out = append(out, one)
		}
	}
	return out[:min(len(out), most)]
}
