package opening

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/fqdn/dns"
	"github.com/cilium/cilium/pkg/policy/api"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/verdict"
)

// permits reads the plan as a person would: what may pass between two endpoints,
// and by which conduits.
type permits struct {
	plan      *plan.Plan
	workloads map[plan.WorkloadKey]workload
	groups    map[string][]netip.Prefix
	// links are the pairs of ends that touch the zone.
	links []link
}

type workload struct {
	plan.Workload
	selector labels.Selector
}

// A link is two ends that a conduit in force joins.
type link struct {
	conduit  string
	from, to plan.End
	traffic  verdict.Traffic
}

func newPermits(p *plan.Plan, zone *plan.Zone) permits {
	out := permits{plan: p, workloads: map[plan.WorkloadKey]workload{}, groups: map[string][]netip.Prefix{}}
	for _, w := range p.Workloads {
		if selector, err := metav1.LabelSelectorAsSelector(&w.Selector); err == nil {
			out.workloads[w.WorkloadKey] = workload{w, selector}
		}
	}
	for _, g := range p.Groups {
		out.groups[g.Name] = g.Prefixes
	}
	for _, c := range p.Conduits {
		if !c.Permits() {
			continue
		}
		traffic := verdict.Traffic{}
		for _, s := range c.Services {
			traffic = traffic.Union(verdict.ServiceTraffic(s))
		}
		for _, pair := range c.Pairs() {
			if pair.From.Zone == zone.Name || pair.To.Zone == zone.Name {
				out.links = append(out.links, link{c.Name, pair.From, pair.To, traffic})
			}
		}
	}
	return out
}

// between returns what may pass, and the conduits that say so.
func (p permits) between(from, to verdict.Endpoint) (verdict.Traffic, []string) {
	out := p.dns(from, to)
	var conduits []string
	for _, l := range p.links {
		if p.holds(l.from, from) && p.holds(l.to, to) {
			out = out.Union(l.traffic)
			conduits = append(conduits, l.conduit)
		}
	}
	slices.Sort(conduits)
	return out, slices.Compact(conduits)
}

// holds reports whether an endpoint is among the members of an end.
func (p permits) holds(end plan.End, e verdict.Endpoint) bool {
	switch e.Kind {
	case verdict.Pod:
		return e.Cluster == "" && slices.ContainsFunc(end.Workloads, func(k plan.WorkloadKey) bool { return p.isPodOf(k, e) })
	case verdict.Host, verdict.RemoteNode:
		return slices.Contains(end.Entities, medfencev1alpha1.EntityNodes) ||
			e.APIServer && slices.Contains(end.Entities, medfencev1alpha1.EntityKubeAPIServer)
	case verdict.Address:
		return e.APIServer && slices.Contains(end.Entities, medfencev1alpha1.EntityKubeAPIServer) ||
			slices.ContainsFunc(end.Groups, func(g string) bool { return contains(p.groups[g], e.IPs[0]) }) ||
			slices.ContainsFunc(end.FQDNs, func(n string) bool { return named(n, e.Names) })
	}
	return false
}

func (p permits) isPodOf(k plan.WorkloadKey, e verdict.Endpoint) bool {
	w, ok := p.workloads[k]
	return ok && k.Namespace == e.Namespace && w.selector.Matches(labels.Set(e.Labels))
}

func contains(list []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// named reports whether one of the names is that of a member, or fits its
// pattern.
func named(member string, names []string) bool {
	expr, err := nameExpr(member)
	return err == nil && slices.ContainsFunc(names, func(n string) bool { return expr.MatchString(dns.FQDN(n)) })
}

func nameExpr(member string) (*regexp.Regexp, error) {
	s := api.FQDNSelector{MatchName: member}
	if strings.Contains(member, "*") {
		s = api.FQDNSelector{MatchPattern: member}
	}
	return s.ToRegex()
}

// dns returns the name resolution of registered pods.
func (p permits) dns(from, to verdict.Endpoint) verdict.Traffic {
	if from.Kind != verdict.Pod || from.Cluster != "" {
		return nil
	}
	resolves := slices.ContainsFunc(p.plan.Workloads, func(w plan.Workload) bool {
		return w.Device && w.DNS != medfencev1alpha1.DNSNone && p.isPodOf(w.WorkloadKey, from)
	})
	if !resolves {
		return nil
	}
	in := p.plan.DNS
	local := to.Kind == verdict.Host || to.Kind == verdict.Address && slices.Contains(in.NodeLocal, to.IPs[0])
	out := verdict.Traffic{}
	switch {
	case local && len(in.NodeLocal) > 0:
		port := flow.PortSet{{Port: 53, End: 53}}
		out[flow.TCP], out[flow.UDP] = port, port
	case to.Kind == verdict.Pod && to.Cluster == "" && to.Namespace == in.Namespace && len(in.Selector) > 0 &&
		labels.SelectorFromSet(in.Selector).Matches(labels.Set(to.Labels)):
		for _, x := range in.Ports {
			out[x.Protocol] = out[x.Protocol].Union(flow.PortSet{{Port: x.Port, End: x.Port}})
		}
	}
	return out
}

// learn adds what the plan can tell endpoints apart by.
func (p permits) learn(v *verdict.Vocabulary) {
	for _, l := range p.links {
		for _, end := range []plan.End{l.from, l.to} {
			p.learnEnd(v, end)
		}
	}
	if p.plan.DNS.Namespace != "" {
		v.Namespaces[p.plan.DNS.Namespace] = true
		for k, value := range p.plan.DNS.Selector {
			v.Select(k, value)
		}
	}
	for _, ip := range p.plan.DNS.NodeLocal {
		v.Prefixes[netip.PrefixFrom(ip, ip.BitLen())] = true
	}
}

func (p permits) learnEnd(v *verdict.Vocabulary, end plan.End) {
	for _, k := range end.Workloads {
		v.Namespaces[k.Namespace] = true
		p.learnWorkload(v, k)
	}
	for _, g := range end.Groups {
		for _, prefix := range p.groups[g] {
			v.Prefixes[prefix] = true
		}
	}
	for _, n := range end.FQDNs {
		v.Names[strings.ReplaceAll(strings.ReplaceAll(n, "**.", "any.of."), "*", "any")] = true
	}
}

func (p permits) learnWorkload(v *verdict.Vocabulary, k plan.WorkloadKey) {
	selector := p.workloads[k].Selector
	for key, value := range selector.MatchLabels {
		v.Select(key, value)
	}
	for _, e := range selector.MatchExpressions {
		v.Select(e.Key, e.Values...)
	}
}
