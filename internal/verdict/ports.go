package verdict

import (
	"fmt"
	"strings"

	"github.com/medfence/medfence/internal/flow"
)

// A port is one entry of a rule's ports, or one ICMP type.
type port struct {
	// path is what a step shows: "toPorts[1]".
	path string
	// protocol is empty for TCP, UDP and SCTP alike, which is what ANY means.
	protocol flow.Protocol
	// first and last are the range; 0 as first is every port.
	first, last uint16
	// name is the name of a container port, instead of a range.
	name string
	icmp *icmp
	// content says what a proxy looks at before it lets a connection pass.
	content string
	// voidable is true where a plain rule beside it makes the content irrelevant.
	voidable bool
}

// An icmp is an ICMP type of one address family.
type icmp struct {
	is6 bool
	// every is true for type 0, which Cilium takes for every type.
	every bool
	kind  uint8
}

// matches reports whether the flow is of this port. A name is looked up at the
// destination, whom the rule must select directly.
func (p port) matches(q *query, direct tri) tri {
	if p.icmp != nil {
		return p.icmp.matches(q)
	}
	f := q.flow
	if !f.Protocol.HasPorts() || p.protocol != "" && p.protocol != f.Protocol {
		return no
	}
	if p.name != "" {
		return p.named(q, direct)
	}
	return is(p.first == 0 || p.first <= f.Port && f.Port <= p.last)
}

// named looks the name up at the destination.
func (p port) named(q *query, direct tri) tri {
	f := q.flow
	destination := q.self
	if q.direction == Egress {
		destination = q.peer
	}
	found := no
	for _, n := range destination.NamedPorts {
		if strings.EqualFold(n.Name, p.name) && n.Protocol == f.Protocol && n.Port == f.Port {
			found = yes
		}
	}
	if q.direction == Egress {
		return and(found, direct)
	}
	return found
}

func (i *icmp) matches(q *query) tri {
	if q.flow.Protocol != flow.ICMP {
		return no
	}
	// Cilium cannot tell the type 0 of a packet from its wildcard.
	if !i.every && (i.kind != q.flow.ICMPType || q.flow.ICMPType == 0) {
		return no
	}
	if q.ambiguous {
		return maybe
	}
	return is(i.is6 != q.is4)
}

// String returns "TCP 104".
func (p port) String() string {
	switch {
	case p.icmp != nil && p.icmp.every:
		return p.icmp.family() + ", every type"
	case p.icmp != nil:
		return fmt.Sprintf("%s type %d", p.icmp.family(), p.icmp.kind)
	}
	protocol := string(p.protocol)
	if protocol == "" {
		protocol = "TCP, UDP and SCTP"
	}
	switch {
	case p.name != "":
		return protocol + " port " + p.name
	case p.first == 0:
		return protocol + ", every port"
	}
	return protocol + " " + flow.PortRange{Port: p.first, End: p.last}.String()
}

func (i *icmp) family() string {
	if i.is6 {
		return "ICMPv6"
	}
	return "ICMPv4"
}

// describe returns a flow in words.
func describe(f flow.Flow) string {
	if f.Protocol == flow.ICMP {
		return fmt.Sprintf("ICMP type %d", f.ICMPType)
	}
	return fmt.Sprintf("%s port %d", f.Protocol, f.Port)
}
