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
			traffic = traffic.Union(trafficOf(s))
		}
		for _, pair := range c.Pairs() {
			if pair.From.Zone == zone.Name || pair.To.Zone == zone.Name {
				out.links = append(out.links, link{c.Name, pair.From, pair.To, traffic})
			}
		}
	}
	return out
}

// trafficOf returns the flows of a service. An ICMP type is permitted in the
// families that assign it (docs/adr/0009-icmp-families.md).
func trafficOf(s flow.Service) verdict.Traffic {
	if s.Protocol != flow.ICMP {
		return verdict.PortTraffic(s.Protocol, s.Ports)
	}
	out := verdict.Traffic{}
	for _, t := range s.ICMPTypes {
		four, six := t == 0 || t >= 5 && t <= 99, t >= 128 && t <= 252
		if !six {
			out = out.Union(verdict.ICMPTraffic(t, true))
		}
		if !four {
			out = out.Union(verdict.ICMPTraffic(t, false))
		}
	}
	return out
}

// inFamily leaves out what cannot be between the two: an address has one family.
func inFamily(t verdict.Traffic, from, to verdict.Endpoint) verdict.Traffic {
	for _, e := range []verdict.Endpoint{from, to} {
		if e.Kind == verdict.Address {
			t = t.InFamily(e.IPs[0].Is4())
		}
	}
	return t
}

// between returns what may pass.
func (p permits) between(from, to verdict.Endpoint) verdict.Traffic {
	out := p.dns(from, to)
	for _, l := range p.links {
		if p.holds(l.from, from) && p.holds(l.to, to) {
			out = out.Union(l.traffic)
		}
	}
	return out
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
	if !p.resolves(from) {
		return nil
	}
	in := p.plan.DNS
	out := verdict.Traffic{}
	add := func(protocol flow.Protocol, port uint16) {
		out = out.Union(verdict.PortTraffic(protocol, flow.PortSet{{Port: port, End: port}}))
	}
	if len(in.NodeLocal) > 0 && (to.Kind == verdict.Host || to.Kind == verdict.Address && slices.Contains(in.NodeLocal, to.IPs[0])) {
		add(flow.TCP, 53)
		add(flow.UDP, 53)
	}
	if p.isResolver(to) {
		for _, x := range in.Ports {
			add(x.Protocol, x.Port)
		}
	}
	return out
}

// resolves reports whether an endpoint is a registered pod that may resolve
// names.
func (p permits) resolves(e verdict.Endpoint) bool {
	return e.Kind == verdict.Pod && e.Cluster == "" && slices.ContainsFunc(p.plan.Workloads, func(w plan.Workload) bool {
		return w.Device && w.DNS != medfencev1alpha1.DNSNone && p.isPodOf(w.WorkloadKey, e)
	})
}

// isResolver reports whether an endpoint is a pod of the cluster's DNS.
func (p permits) isResolver(e verdict.Endpoint) bool {
	in := p.plan.DNS
	return e.Kind == verdict.Pod && e.Cluster == "" && e.Namespace == in.Namespace && len(in.Selector) > 0 &&
		labels.SelectorFromSet(in.Selector).Matches(labels.Set(e.Labels))
}

// namespaces returns those of the pods at either end of a link.
func (p permits) namespaces() verdict.Set {
	out := verdict.Set{}
	for _, l := range p.links {
		for _, k := range slices.Concat(l.from.Workloads, l.to.Workloads) {
			out[k.Namespace] = true
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
