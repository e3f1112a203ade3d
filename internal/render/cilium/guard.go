package cilium

import (
	"slices"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// guardPolicy returns the zone's guard: deny rules only, which beat whatever
// anybody allows, and no default deny of their own.
func guardPolicy(ix *object.Index, z *plan.Zone, g guard.Guard) *ciliumv2.CiliumClusterwideNetworkPolicy {
	return denyPolicy(object.Meta{
		Zone: z, Component: object.ComponentGuard, Name: object.GuardName(z.Name),
		Conduits: guardedConduits(ix, z), Permits: object.GuardPermits,
	}, g.Specs)
}

// moatPolicy returns the zone's moat, on pods of other zones and of none.
func moatPolicy(ix *object.Index, z *plan.Zone, g guard.Guard) *ciliumv2.CiliumClusterwideNetworkPolicy {
	var conduits []string
	for _, group := range ix.Groups(z) {
		conduits = append(conduits, object.ConduitsOfGroup(group)...)
	}
	return denyPolicy(object.Meta{
		Zone: z, Component: object.ComponentMoat, Name: object.MoatName(z.Name),
		Conduits: conduits, Permits: object.MoatPermits,
	}, g.Moat)
}

// guardedConduits returns the conduits of the zone's workloads.
func guardedConduits(ix *object.Index, z *plan.Zone) []string {
	var out []string
	for _, w := range ix.Workloads(z) {
		out = append(out, ix.ConduitNames(w.WorkloadKey)...)
	}
	return out
}

func denyPolicy(meta object.Meta, specs []guard.Spec) *ciliumv2.CiliumClusterwideNetworkPolicy {
	rules := make(api.Rules, 0, len(specs))
	for _, s := range specs {
		rules = append(rules, &api.Rule{
			EndpointSelector:  deniedSubject(s.Subject),
			IngressDeny:       ingressDenies(s.Ingress),
			EgressDeny:        egressDenies(s.Egress),
			EnableDefaultDeny: defaultDeny(false),
		})
	}
	return &ciliumv2.CiliumClusterwideNetworkPolicy{
		TypeMeta:   typeMeta(ciliumv2.CCNPKindDefinition),
		ObjectMeta: meta.ObjectMeta(),
		Specs:      rules,
	}
}

func ingressDenies(denies []guard.Deny) []api.IngressDenyRule {
	var out []api.IngressDenyRule
	for _, d := range denies {
		for _, r := range denyRules(d) {
			in := api.IngressDenyRule{ToPorts: r.toPorts, ICMPs: r.icmps}
			in.FromEndpoints, in.FromCIDRSet, in.FromEntities = r.endpoints, r.addresses, r.entities
			out = append(out, in)
		}
	}
	return out
}

func egressDenies(denies []guard.Deny) []api.EgressDenyRule {
	var out []api.EgressDenyRule
	for _, d := range denies {
		for _, r := range denyRules(d) {
			eg := api.EgressDenyRule{ToPorts: r.toPorts, ICMPs: r.icmps}
			eg.ToEndpoints, eg.ToCIDRSet, eg.ToEntities = r.endpoints, r.addresses, r.entities
			out = append(out, eg)
		}
	}
	return out
}

// A denyRule is one rule of either direction: exactly one kind of peers, never
// none. Without toPorts and icmps it denies everything.
type denyRule struct {
	endpoints []api.EndpointSelector
	addresses api.CIDRRuleSlice
	entities  api.EntitySlice
	toPorts   api.PortDenyRules
	icmps     api.ICMPRules
}

// denyRules returns the rules for each kind of peers, at most 40 ports each.
// Without peers there are none: Cilium would take them for "everyone", and cut
// the probes of the own node off.
func denyRules(d guard.Deny) []denyRule {
	peers := []denyRule{
		{endpoints: slices.Concat(podSelectors(d.Pods), nodeSelectors(d.Nodes))},
		{addresses: addressRules(d.Addresses)},
		{entities: denyEntities(d)},
	}
	var out []denyRule
	for _, p := range peers {
		if len(p.endpoints)+len(p.addresses)+len(p.entities) > 0 {
			out = append(out, p.with(d)...)
		}
	}
	return out
}

// with returns the rule for each part of what is denied.
func (r denyRule) with(d guard.Deny) []denyRule {
	if len(d.Ports) == 0 && !d.ICMPv4 && !d.ICMPv6 {
		return []denyRule{r}
	}
	var out []denyRule
	for ports := range slices.Chunk(denyPorts(d.Ports), maxPorts) {
		part := r
		part.toPorts = api.PortDenyRules{{Ports: ports}}
		out = append(out, part)
	}
	if fields := everyICMP(d); len(fields) > 0 {
		part := r
		part.icmps = api.ICMPRules{{Fields: fields}}
		out = append(out, part)
	}
	return out
}

// denyPorts writes all ports of a protocol as port 0, which Cilium keeps as one
// entry.
func denyPorts(ports []object.Port) []api.PortProtocol {
	whole := func(p object.Port) bool { return p.Range.Port == 1 && p.Range.End == 65535 }
	out := portsOf(slices.DeleteFunc(slices.Clone(ports), whole))
	for _, p := range ports {
		if whole(p) {
			out = append(out, api.PortProtocol{Port: "0", Protocol: api.L4Proto(p.Protocol)})
		}
	}
	return out
}

// everyICMP returns the fields that stand for every type of a family: type 0 is
// to Cilium what port 0 is (cilium/cilium#41304). Ports do not take ICMP in.
func everyICMP(d guard.Deny) []api.ICMPField {
	var out []api.ICMPField
	if d.ICMPv4 {
		out = append(out, icmpField(api.IPv4Family, 0))
	}
	if d.ICMPv6 {
		out = append(out, icmpField(api.IPv6Family, 0))
	}
	return out
}
