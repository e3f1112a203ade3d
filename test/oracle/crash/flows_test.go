package crash

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/oracle"
)

// A question is a flow between two endpoints that a judge is asked about in
// every state.
type question struct {
	from, to oracle.Endpoint
	flow     flow.Flow
	// beside is true where another team allows everything.
	beside bool
}

func (q question) String() string {
	text := fmt.Sprintf("%s > %s %s/%d", q.from, q.to, q.flow.Protocol, q.flow.Port)
	if q.beside {
		text += " beside an allow-all"
	}
	return text
}

// addresses are the parties outside of the cluster.
var addresses = []string{
	"10.20.1.11", "10.20.1.12", "10.20.1.13", // pumps; the second one leaves the zone
	"10.20.9.9",                // somewhere in the zone of the pumps
	"10.21.0.11",               // CT
	"10.22.0.11", "10.22.0.12", // analysers; the second one is new
	"10.40.1.4",   // storage of the archive
	"10.50.0.5",   // time server
	"10.9.9.9",    // an office
	"203.0.113.9", // anywhere
}

// ports are those of all conduits, before or after, and of none.
var ports = []flow.Flow{
	{Protocol: flow.TCP, Port: 3613}, {Protocol: flow.TCP, Port: 3614},
	{Protocol: flow.TCP, Port: 6660}, {Protocol: flow.TCP, Port: 6661}, {Protocol: flow.TCP, Port: 6671},
	{Protocol: flow.TCP, Port: 104}, {Protocol: flow.TCP, Port: 11112}, {Protocol: flow.TCP, Port: 11113},
	{Protocol: flow.TCP, Port: 7001}, {Protocol: flow.TCP, Port: 8443},
	{Protocol: flow.UDP, Port: 123}, {Protocol: flow.UDP, Port: 53},
	{Protocol: flow.TCP, Port: 445}, {Protocol: flow.UDP, Port: 3613},
}

// endpoints returns the pods of the cluster, then the addresses.
func endpoints(t testing.TB) []oracle.Endpoint {
	t.Helper()
	var out []oracle.Endpoint
	for _, o := range readObjects(t, "cluster.yaml") {
		if o.GetKind() == "Pod" {
			ip := netip.AddrFrom4([4]byte{10, 244, 0, byte(len(out) + 1)})
			out = append(out, oracle.Endpoint{
				Namespace: o.GetNamespace(), Name: o.GetName(), Labels: o.GetLabels(), IPs: []netip.Addr{ip},
			})
		}
	}
	for _, text := range addresses {
		out = append(out, oracle.Endpoint{Kind: oracle.Address, IPs: []netip.Addr{netip.MustParseAddr(text)}})
	}
	return out
}

// questions returns all flows between any two endpoints of which a pod is one.
func questions(t testing.TB) []question {
	t.Helper()
	var out []question
	all := endpoints(t)
	for i, from := range all {
		for j, to := range all {
			if i == j || from.Kind != oracle.Pod && to.Kind != oracle.Pod {
				continue
			}
			for _, f := range ports {
				out = append(out, question{from: from, to: to, flow: f})
			}
		}
	}
	return out
}

// permitted reads a plan as a person would: is there a conduit with a pair of
// ends that hold the two, and a service with the port, or is it a device that
// asks for a name?
func permitted(p *plan.Plan, q question) bool {
	if resolves(p, q) {
		return true
	}
	for _, c := range p.Conduits {
		if !c.Permits() || !slices.ContainsFunc(c.Services, func(s flow.Service) bool {
			return s.Protocol == q.flow.Protocol && s.Ports.Contains(q.flow.Port)
		}) {
			continue
		}
		for _, pair := range c.Pairs() {
			if holds(p, pair.From, q.from) && holds(p, pair.To, q.to) {
				return true
			}
		}
	}
	return false
}

func holds(p *plan.Plan, e plan.End, party oracle.Endpoint) bool {
	if party.Kind != oracle.Pod {
		return slices.ContainsFunc(p.Groups, func(g plan.Group) bool {
			return slices.Contains(e.Groups, g.Name) && slices.ContainsFunc(g.Prefixes, func(x netip.Prefix) bool { return x.Contains(party.IPs[0]) })
		})
	}
	return slices.ContainsFunc(p.Workloads, func(w plan.Workload) bool {
		return slices.Contains(e.Workloads, w.WorkloadKey) && selects(w, party)
	})
}

func selects(w plan.Workload, party oracle.Endpoint) bool {
	selector, err := metav1.LabelSelectorAsSelector(&w.Selector)
	return err == nil && w.Namespace == party.Namespace && selector.Matches(labels.Set(party.Labels))
}

func resolves(p *plan.Plan, q question) bool {
	return q.flow.Port == 53 && q.to.Namespace == "kube-system" && slices.ContainsFunc(p.Workloads, func(w plan.Workload) bool {
		return w.DNS == medfencev1alpha1.DNSCluster && selects(w, q.from)
	})
}

// enforced reports whether an end is a pod of a zone that is enforced: only
// then is there more to say than what is open anyway (rulings 25 and 26). On
// Cilium the addresses of such a zone have a moat.
func enforced(p *plan.Plan, q question) bool {
	return slices.ContainsFunc(p.Zones, func(z plan.Zone) bool {
		return z.Enforce && (slices.ContainsFunc(z.Namespaces, func(n plan.Namespace) bool {
			return n.Name == q.from.Namespace || n.Name == q.to.Namespace
		}) || p.Target == snapshot.Cilium && (moated(z, q.from) || moated(z, q.to)))
	})
}

func moated(z plan.Zone, party oracle.Endpoint) bool {
	return party.Kind == oracle.Address && slices.ContainsFunc(z.Prefixes, func(p netip.Prefix) bool { return p.Contains(party.IPs[0]) })
}

// A wardBook knows the namespaces and addresses of all Device zones, before and
// after.
type wardBook struct {
	namespaces map[string]bool
	prefixes   []netip.Prefix
}

func newWardBook(t testing.TB) wardBook {
	t.Helper()
	b := wardBook{namespaces: map[string]bool{}}
	for _, file := range []string{"hospital.yaml", "change.yaml"} {
		for _, o := range readObjects(t, file) {
			role, _, _ := unstructured.NestedString(o.Object, "spec", "role")
			if o.GetKind() != "DeviceZone" || role != "Device" {
				continue
			}
			namespaces, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "members", "namespaces")
			for _, n := range namespaces {
				b.namespaces[n] = true
			}
			cidrs, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "members", "cidrs")
			for _, c := range cidrs {
				b.prefixes = append(b.prefixes, netip.MustParsePrefix(c))
			}
		}
	}
	return b
}

// concerns reports whether an end of a flow is in a Device zone. Beside an
// allow-all all others pass.
func (b wardBook) concerns(q question) bool {
	return slices.ContainsFunc([]oracle.Endpoint{q.from, q.to}, func(e oracle.Endpoint) bool {
		if e.Kind == oracle.Pod {
			return b.namespaces[e.Namespace]
		}
		return slices.ContainsFunc(b.prefixes, func(p netip.Prefix) bool { return p.Contains(e.IPs[0]) })
	})
}
