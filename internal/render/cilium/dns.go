package cilium

import (
	"slices"

	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// everyName is the pattern that matches every DNS name.
const everyName = "*"

// dnsRules permit a workload to resolve names: at the cluster's DNS pods and at
// a node-local cache, which to Cilium is the pod's own host.
//
// A dns rule sends the queries through Cilium's proxy, which teaches it the
// addresses behind FQDN conduits. A plain permission beside it would void the
// rule, so there is one or the other. While nothing denies by default (Observe),
// Cilium lets names pass that the rule does not list.
func dnsRules(ix *object.Index, w *plan.Workload) []rule {
	dns, ok := ix.DNS(w)
	if !ok {
		return nil
	}
	pods := rule{endpoints: endpoints([]object.Pods{dns.Pods})}
	out := pods.resolving(dns, dns.Ports)
	if len(dns.NodeLocal) > 0 {
		host := rule{entities: api.EntitySlice{api.EntityHost}}
		out = append(out, host.resolving(dns, object.NodeLocalPorts)...)
	}
	return out
}

// resolving returns the rule with the ports of a DNS server and the names that
// it may be asked for.
func (r rule) resolving(dns object.DNS, ports []object.Port) []rule {
	var out []rule
	for chunk := range slices.Chunk(portsOf(ports), maxPorts) {
		part := r
		part.toPorts = api.PortRules{{Ports: chunk, Rules: queries(dns)}}
		if !part.closed() {
			out = append(out, part)
		}
	}
	return out
}

// queries returns the names that may be resolved, or nil where the proxy need
// not see them.
func queries(dns object.DNS) *api.L7Rules {
	if !dns.Watched {
		return nil
	}
	if len(dns.Names) == 0 {
		return &api.L7Rules{DNS: api.PortRulesDNS{{MatchPattern: everyName}}}
	}
	rules := &api.L7Rules{}
	for _, name := range dns.Names {
		rules.DNS = append(rules.DNS, api.PortRuleDNS(fqdn(name)))
	}
	return rules
}
