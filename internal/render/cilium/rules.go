package cilium

import (
	"slices"
	"strconv"

	"github.com/cilium/cilium/pkg/policy/api"
	"k8s.io/apimachinery/pkg/util/intstr"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// maxPorts is the number of ports, or of ICMP types, that Cilium takes in one
// rule.
const maxPorts = 40

// A rule is one rule of either direction: exactly one kind of peers, never
// empty, and either toPorts or icmps.
type rule struct {
	endpoints []api.EndpointSelector
	groups    api.CIDRRuleSlice
	entities  api.EntitySlice
	names     api.FQDNSelectorSlice // egress only
	toPorts   api.PortRules
	icmps     api.ICMPRules
}

// closed reports whether the rule lacks a peer or an access. Cilium would take
// what is missing for "all".
func (r rule) closed() bool {
	return len(r.endpoints)+len(r.groups)+len(r.entities)+len(r.names) == 0 ||
		len(r.toPorts)+len(r.icmps) == 0
}

func ingressRules(ix *object.Index, w *plan.Workload) []api.IngressRule {
	var out []api.IngressRule
	for _, r := range rulesOf(ix, w, object.Ingress) {
		in := api.IngressRule{ToPorts: r.toPorts, ICMPs: r.icmps}
		in.FromEndpoints, in.FromCIDRSet, in.FromEntities = r.endpoints, r.groups, r.entities
		out = append(out, in)
	}
	return out
}

func egressRules(ix *object.Index, w *plan.Workload) []api.EgressRule {
	var out []api.EgressRule
	for _, r := range append(rulesOf(ix, w, object.Egress), dnsRules(ix, w)...) {
		eg := api.EgressRule{ToPorts: r.toPorts, ToFQDNs: r.names, ICMPs: r.icmps}
		eg.ToEndpoints, eg.ToCIDRSet, eg.ToEntities = r.endpoints, r.groups, r.entities
		out = append(out, eg)
	}
	return out
}

// rulesOf returns the rules of one direction: peers of one kind each, at most
// 40 ports each.
func rulesOf(ix *object.Index, w *plan.Workload, d object.Direction) []rule {
	var out []rule
	for _, merged := range object.Apart(object.Rules(ix.Links(w.WorkloadKey), d)) {
		peers := rule{
			endpoints: endpoints(ix.Pods(merged.Workloads)),
			groups:    groupRefs(ix, merged.Groups),
			entities:  entitiesOf(merged.Entities),
			names:     fqdns(merged.FQDNs),
		}
		out = append(out, peers.with(merged.Access)...)
	}
	return out
}

// with returns the rule for each part of the access, without those that would
// permit everyone or everything.
func (r rule) with(a object.Access) []rule {
	var out []rule
	add := func(ports api.PortRules, icmps api.ICMPRules) {
		part := r
		part.toPorts, part.icmps = ports, icmps
		if !part.closed() {
			out = append(out, part)
		}
	}
	for ports := range slices.Chunk(portsOf(a.Ports), maxPorts) {
		add(api.PortRules{{Ports: ports, Rules: requests(a)}}, nil)
	}
	for fields := range slices.Chunk(icmpFields(a.ICMPTypes), maxPorts) {
		add(nil, api.ICMPRules{{Fields: fields}})
	}
	return out
}

func groupRefs(ix *object.Index, names []string) api.CIDRRuleSlice {
	var out api.CIDRRuleSlice
	for _, name := range names {
		if ix.Group(name) != nil {
			out = append(out, api.CIDRRule{CIDRGroupRef: api.CIDRGroupRef(object.GroupName(name))})
		}
	}
	return out
}

// entitiesOf names the nodes as host and remote-node: the pod's own node and
// the others.
func entitiesOf(entities []medfencev1alpha1.Entity) api.EntitySlice {
	var out api.EntitySlice
	for _, e := range entities {
		switch e {
		case medfencev1alpha1.EntityKubeAPIServer:
			out = append(out, api.EntityKubeAPIServer)
		case medfencev1alpha1.EntityNodes:
			out = append(out, api.EntityHost, api.EntityRemoteNode)
		}
	}
	return out
}

func fqdns(names []string) api.FQDNSelectorSlice {
	var out api.FQDNSelectorSlice
	for _, name := range names {
		out = append(out, fqdn(name))
	}
	return out
}

func fqdn(name string) api.FQDNSelector {
	if object.IsPattern(name) {
		return api.FQDNSelector{MatchPattern: name}
	}
	return api.FQDNSelector{MatchName: name}
}

func portsOf(ports []object.Port) []api.PortProtocol {
	out := make([]api.PortProtocol, 0, len(ports))
	for _, p := range ports {
		port := api.PortProtocol{
			Port:     strconv.Itoa(int(p.Range.Port)),
			Protocol: api.L4Proto(p.Protocol),
		}
		if p.Range.End > p.Range.Port {
			port.EndPort = int32(p.Range.End)
		}
		out = append(out, port)
	}
	return out
}

// requests returns the HTTP rules of an access, or nil if every request passes.
func requests(a object.Access) *api.L7Rules {
	if len(a.HTTP) == 0 {
		return nil
	}
	rules := &api.L7Rules{}
	for _, r := range a.HTTP {
		rules.HTTP = append(rules.HTTP, api.PortRuleHTTP{Method: r.Method, Path: r.Path})
	}
	return rules
}

func icmpFields(types []uint8) []api.ICMPField {
	var out []api.ICMPField
	for _, t := range types {
		v4, v6 := object.ICMPFamilies(t)
		if v4 {
			out = append(out, icmpField(api.IPv4Family, t))
		}
		if v6 {
			out = append(out, icmpField(api.IPv6Family, t))
		}
	}
	return out
}

func icmpField(family string, icmpType uint8) api.ICMPField {
	return api.ICMPField{Family: family, Type: new(intstr.FromInt32(int32(icmpType)))}
}
