package object

import (
	"regexp"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
)

// expressibleServices returns the services that the target can express. The
// compiler leaves the others out already; a rule that lost its ports or its
// requests would permit all of them, so nothing is left to chance here.
func expressibleServices(target snapshot.TargetKind, services []flow.Service) []flow.Service {
	var out []flow.Service
	for _, s := range services {
		if e, ok := expressibleService(target, s); ok {
			out = append(out, e)
		}
	}
	return out
}

func expressibleService(target snapshot.TargetKind, s flow.Service) (flow.Service, bool) {
	byType := target == snapshot.Cilium
	if s.Protocol == flow.ICMP {
		s.Ports, s.ICMPTypes = nil, keep(s.ICMPTypes, realType)
		return s, byType && len(s.ICMPTypes) > 0 && len(s.HTTP) == 0
	}
	s.Ports, s.ICMPTypes = realPorts(s.Ports), nil
	if !s.Protocol.HasPorts() || len(s.Ports) == 0 {
		return s, false
	}
	if len(s.HTTP) == 0 {
		return s, true
	}
	s.HTTP = keep(s.HTTP, validHTTP)
	return s, byType && s.Protocol == flow.TCP && len(s.HTTP) > 0
}

// realPorts returns the ports from 1 up: to Cilium, port 0 is every port.
func realPorts(set flow.PortSet) flow.PortSet {
	ranges := make([]flow.PortRange, 0, len(set))
	for _, r := range set {
		ranges = append(ranges, flow.PortRange{Port: max(r.Port, 1), End: r.End})
	}
	return flow.NewPortSet(ranges...)
}

// realType reports whether an ICMP type can be rendered. Cilium keeps the type
// where others have their port, so type 0 would let every type pass
// (cilium/cilium#41304). It is the echo reply, which passes by itself.
func realType(icmpType uint8) bool { return icmpType != 0 }

// validHTTP reports whether Cilium takes the rule: one that it does not take
// makes the whole policy invalid.
func validHTTP(r flow.HTTPRule) bool {
	_, method := regexp.Compile(r.Method)
	_, path := regexp.Compile(r.Path)
	return method == nil && path == nil
}

// nameForm is the form of names and patterns that Cilium's CRDs take.
var nameForm = regexp.MustCompile(`^([-a-zA-Z0-9_*]+[.]?)+$`)

// maxName is the length of a DNS name that Cilium takes.
const maxName = 255

// expressibleName reports whether a name or pattern can be rendered. One that
// is all wildcards would stand for the whole world.
func expressibleName(name string) bool {
	return len(name) <= maxName && nameForm.MatchString(name) && strings.Trim(name, "*.") != ""
}

// IsPattern reports whether a name holds a wildcard.
func IsPattern(name string) bool { return strings.Contains(name, "*") }

func knownEntity(e medfencev1alpha1.Entity) bool {
	return e == medfencev1alpha1.EntityKubeAPIServer || e == medfencev1alpha1.EntityNodes
}

// ICMPFamilies tells in which families an ICMP type is rendered: in the one
// that assigns it (IANA's registries; ICMPv6 is informational from 128 up), in
// both where both do or neither does. A conduit names a type, not a family: 8
// is an IPv4 echo request, 128 an IPv6 one, 3 an error message of both.
func ICMPFamilies(icmpType uint8) (v4, v6 bool) {
	switch {
	case icmpType >= 5 && icmpType <= 99:
		return true, false
	case icmpType >= 128 && icmpType <= 252:
		return false, true
	}
	return true, true
}
