package catalog

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/nearest"
)

// protocols are those that an endpoint can have.
func protocols() []string {
	return []string{string(flow.TCP), string(flow.UDP), string(flow.SCTP), string(flow.ICMP)}
}

// endpoints reads the list of endpoints: one for each protocol.
func (r *reader) endpoints(n *yaml.Node, at place) []Endpoint {
	var out []Endpoint
	r.sequence(n, at, maxEndpoints, func(item *yaml.Node, at place) {
		e := r.endpoint(item, at)
		if slices.ContainsFunc(out, func(o Endpoint) bool { return o.Protocol == e.Protocol && e.Protocol != "" }) {
			r.refuse(item, at, "%s has an endpoint already; write all its ports into one", e.Protocol)
			return
		}
		out = append(out, e)
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.refuse(n, at, "the list is empty; write an endpoint, such as {protocol: TCP, ports: [6661]}")
	}
	return out
}

// endpoint reads one endpoint.
func (r *reader) endpoint(n *yaml.Node, at place) Endpoint {
	var e Endpoint
	seen := r.mapping(n, at, fields{
		"protocol":  func(v *yaml.Node, at place) { e.Protocol = r.protocol(v, at) },
		"ports":     func(v *yaml.Node, at place) { e.Ports = r.ports(v, at) },
		"icmpTypes": func(v *yaml.Node, at place) { e.ICMPTypes = r.icmpTypes(v, at) },
	})
	switch {
	case n.Kind != yaml.MappingNode:
	case !seen["protocol"]:
		r.refuse(n, at, "the field protocol is missing; write one of %s", strings.Join(protocols(), ", "))
	case e.Protocol.HasPorts():
		r.oneOf(n, at, e.Protocol, seen, "ports", "icmpTypes")
	case e.Protocol == flow.ICMP:
		r.oneOf(n, at, e.Protocol, seen, "icmpTypes", "ports")
	}
	return e
}

// oneOf refuses an endpoint without the field that its protocol needs, or with
// the one that it cannot have.
//
//nolint:revive // six words make one sentence of a complaint
func (r *reader) oneOf(n *yaml.Node, at place, p flow.Protocol, seen map[string]bool, needed, unfit string) {
	if !seen[needed] {
		r.refuse(n, at, "the field %s is missing; %s needs it", needed, p)
	}
	if seen[unfit] {
		r.refuse(n, at, "%s has no %s; remove the field", p, unfit)
	}
}

func (r *reader) protocol(n *yaml.Node, at place) flow.Protocol {
	name := r.text(n, at)
	if name == "" || slices.Contains(protocols(), name) {
		return flow.Protocol(name)
	}
	if near := nearest.Name(name, protocols()); near != "" {
		r.refuse(n, at, "there is no protocol %s; write %s", quote(name), near)
		return ""
	}
	r.refuse(n, at, "there is no protocol %s; write one of %s", quote(name), strings.Join(protocols(), ", "))
	return ""
}

// ports reads a list of ports and ranges.
func (r *reader) ports(n *yaml.Node, at place) flow.PortSet {
	var ranges []flow.PortRange
	r.sequence(n, at, maxPorts, func(item *yaml.Node, at place) {
		ranges = append(ranges, r.portRange(item, at))
	})
	r.notEmpty(n, at, "[104]")
	return flow.NewPortSet(ranges...)
}

func (r *reader) portRange(n *yaml.Node, at place) flow.PortRange {
	written := n.Value
	if n.Kind != yaml.ScalarNode || (n.ShortTag() != "!!int" && n.ShortTag() != "!!str") {
		r.refuse(n, at, `%s is not a port; write a number such as 104 or a range such as "2000-2010"`, kind(n))
		return flow.PortRange{}
	}
	from, to, isRange := strings.Cut(written, "-")
	if !isRange {
		to = from
	}
	first, ok := port(from)
	last, ok2 := port(to)
	if !ok || !ok2 {
		r.refuse(n, at, `%s is not a port; write a number from 1 to %d, or a range such as "2000-2010"`,
			quote(written), flow.MaxPort)
		return flow.PortRange{}
	}
	if last < first {
		r.refuse(n, at, `the range %s ends before it begins; write "%d-%d"`, quote(written), last, first)
		return flow.PortRange{}
	}
	return flow.PortRange{Port: first, End: last}
}

// port reads a number from 1 to MaxPort; spaces around it do no harm.
func port(written string) (uint16, bool) {
	n, ok := decimal(strings.TrimSpace(written), flow.MaxPort)
	return uint16(n), ok && n > 0
}

// decimal reads a number up to limit. Leading zeros are refused: YAML reads
// them as octal, people do not.
func decimal(written string, limit uint64) (uint64, bool) {
	n, err := strconv.ParseUint(written, 10, 64)
	return n, err == nil && n <= limit && strconv.FormatUint(n, 10) == written
}

// icmpTypes reads a list of ICMP types.
func (r *reader) icmpTypes(n *yaml.Node, at place) []uint8 {
	var types []uint8
	r.sequence(n, at, maxICMPTypes, func(item *yaml.Node, at place) {
		t, ok := decimal(item.Value, math.MaxUint8)
		if item.Kind != yaml.ScalarNode || item.ShortTag() != "!!int" || !ok {
			r.refuse(item, at, "%s is not an ICMP type; write a number from 0 to 255, such as 8", kind(item))
			return
		}
		types = append(types, uint8(t))
	})
	r.notEmpty(n, at, "[8, 128]")
	slices.Sort(types)
	return slices.Compact(types)
}

// notEmpty refuses an empty list: it would mean nothing, or everything.
func (r *reader) notEmpty(n *yaml.Node, at place, example string) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.refuse(n, at, "the list is empty; write what the responder listens on, such as %s", example)
	}
}
