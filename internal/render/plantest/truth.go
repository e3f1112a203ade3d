package plantest

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Party is somebody who sends or receives: a pod, an address, a name, or an
// entity. Only one of them is set.
type Party struct {
	Namespace string            // of a pod
	Labels    map[string]string // of a pod
	Addr      netip.Addr
	FQDN      string // as the plan spells it, patterns too
	Entity    medfencev1alpha1.Entity
}

// Pod reports whether the party is a pod.
func (a Party) Pod() bool { return a.Namespace != "" }

// A Packet is what one party sends to another.
type Packet struct {
	Protocol flow.Protocol
	Port     uint16
	ICMPType uint8
}

// A Grade says how much passes.
type Grade int

// The grades: nothing, some HTTP requests, all.
const (
	Nothing Grade = iota
	Requests
	All
)

// DNSPod is a pod of the cluster's DNS in random plans.
var DNSPod = Party{Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}}

// Parties returns parties that tell a plan's policies apart: a pod of each
// workload, a stranger in each namespace, the first and last address of each
// prefix, strangers outside, and all names and entities.
func Parties(p *plan.Plan) []Party {
	out := []Party{
		DNSPod,
		{Namespace: "elsewhere", Labels: map[string]string{"app": "w0"}},
		{Addr: netip.MustParseAddr("203.0.113.9")},
		{Addr: netip.MustParseAddr("2001:db8:ffff::9")},
	}
	for _, z := range p.Zones {
		for _, n := range z.Namespaces {
			out = append(out, Party{Namespace: n.Name, Labels: map[string]string{"app": "stranger"}})
		}
	}
	for _, w := range p.Workloads {
		out = append(out, PodOf(w))
	}
	for _, g := range p.Groups {
		for _, prefix := range g.Prefixes {
			out = append(out, Party{Addr: prefix.Addr()}, Party{Addr: lastAddr(prefix)})
		}
	}
	for _, name := range names {
		out = append(out, Party{FQDN: name})
	}
	for _, e := range entities {
		out = append(out, Party{Entity: e})
	}
	return out
}

// PodOf returns a pod of a workload of a random plan.
func PodOf(w plan.Workload) Party {
	pod := Party{Namespace: w.Namespace, Labels: map[string]string{"app": "anything"}}
	if app, ok := w.Selector.MatchLabels["app"]; ok {
		pod.Labels = map[string]string{"app": app}
	}
	for _, e := range w.Selector.MatchExpressions {
		pod.Labels = map[string]string{"app": e.Values[len(e.Values)-1]}
	}
	return pod
}

// Packets returns packets that tell a plan's services apart: at the edges of
// each range of ports, and of each ICMP type.
func Packets(p *plan.Plan) []Packet {
	seen := map[Packet]bool{}
	add := func(protocol flow.Protocol, port int, icmpType uint8) {
		if port >= 1 && port <= flow.MaxPort || protocol == flow.ICMP {
			seen[Packet{protocol, uint16(port), icmpType}] = true
		}
	}
	for _, c := range p.Conduits {
		for _, s := range c.Services {
			for _, t := range s.ICMPTypes {
				add(flow.ICMP, 0, t)
			}
			for _, r := range s.Ports[:min(len(s.Ports), 4)] {
				add(s.Protocol, int(r.Port)-1, 0)
				add(s.Protocol, int(r.Port), 0)
				add(s.Protocol, int(r.End)+1, 0)
				add(flow.SCTP, int(r.Port), 0)
			}
		}
	}
	add(flow.UDP, 53, 0)
	add(flow.TCP, 9, 0)
	return slices.SortedFunc(maps.Keys(seen), func(a, b Packet) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port), cmp.Compare(a.ICMPType, b.ICMPType))
	})
}

// Permits says how much of a packet the plan lets pass, by conduits alone and
// as far as its target can express it.
func Permits(p *plan.Plan, from, to Party, packet Packet) Grade {
	return Passes(p.Target, Services(p, from, to), packet)
}

// Services returns what the conduits that join two parties let pass.
func Services(p *plan.Plan, from, to Party) []flow.Service {
	var out []flow.Service
	for _, c := range p.Conduits {
		if c.Permits() && from.FQDN == "" && joins(p, c, from, to) {
			out = append(out, c.Services...)
		}
	}
	return out
}

func joins(p *plan.Plan, c plan.Conduit, from, to Party) bool {
	return slices.ContainsFunc(c.Pairs(), func(pair plan.Pair) bool {
		concerned := segmented(p, pair.From.Zone) || segmented(p, pair.To.Zone)
		return concerned && within(p, pair.From, from) && within(p, pair.To, to)
	})
}

// Passes says how much of a packet the services let pass, as far as the target
// can express them.
func Passes(target snapshot.TargetKind, services []flow.Service, packet Packet) Grade {
	best := Nothing
	for _, s := range services {
		hit := s.Protocol == packet.Protocol
		if s.Protocol == flow.ICMP {
			known := packet.ICMPType != 0 && slices.Contains(s.ICMPTypes, packet.ICMPType)
			hit = hit && target == snapshot.Cilium && known
		} else {
			hit = hit && s.Ports.Contains(packet.Port)
		}
		switch {
		case !hit:
		case len(s.HTTP) == 0:
			return All
		case target == snapshot.Cilium && s.Protocol == flow.TCP:
			best = Requests
		}
	}
	return best
}

func segmented(p *plan.Plan, zone string) bool {
	return slices.ContainsFunc(p.Zones, func(z plan.Zone) bool {
		return z.Name == zone && z.Role == medfencev1alpha1.RoleDevice
	})
}

// within reports whether a party is a member of an end.
func within(p *plan.Plan, end plan.End, a Party) bool {
	byName := p.Target == snapshot.Cilium
	switch {
	case a.Entity != "":
		return byName && a.Entity != "Strangers" && slices.Contains(end.Entities, a.Entity)
	case a.FQDN != "":
		return byName && a.FQDN != "*" && a.FQDN != "not a name!" && slices.Contains(end.FQDNs, a.FQDN)
	case a.Pod():
		return slices.ContainsFunc(p.Workloads, func(w plan.Workload) bool {
			return slices.Contains(end.Workloads, w.WorkloadKey) && Matches(w, a)
		})
	}
	return slices.ContainsFunc(p.Groups, func(g plan.Group) bool {
		return slices.Contains(end.Groups, g.Name) &&
			slices.ContainsFunc(g.Prefixes, func(x netip.Prefix) bool { return x.Contains(a.Addr) })
	})
}

// Matches reports whether a pod is one of a workload.
func Matches(w plan.Workload, a Party) bool {
	return w.Namespace == a.Namespace && Selects(w.Selector, a.Labels)
}

// Selects reports whether a selector matches labels. It is as strict as
// Kubernetes: no requirement at all matches everything.
func Selects(s metav1.LabelSelector, labels map[string]string) bool {
	for key, want := range s.MatchLabels {
		if have, ok := labels[key]; !ok || have != want {
			return false
		}
	}
	return !slices.ContainsFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
		have, ok := labels[e.Key]
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			return !ok || !slices.Contains(e.Values, have)
		case metav1.LabelSelectorOpNotIn:
			return ok && slices.Contains(e.Values, have)
		case metav1.LabelSelectorOpExists:
			return !ok
		case metav1.LabelSelectorOpDoesNotExist:
			return ok
		}
		return true
	})
}

func holds(ends []plan.End, group string) bool {
	return slices.ContainsFunc(ends, func(e plan.End) bool { return slices.Contains(e.Groups, group) })
}

func lastAddr(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}
