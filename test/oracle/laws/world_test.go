package laws

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/oracle"
)

// A judge is one of the two engines.
type judge interface {
	Allowed(from, to oracle.Endpoint, f flow.Flow) (bool, error)
}

// A world is a snapshot, what it compiles to, and the endpoints to ask about.
type world struct {
	plan      *plan.Plan
	endpoints []oracle.Endpoint
	closed    map[string]bool // namespaces of enforced zones
	judge     judge
	asked     int
	gentle    bool // others may cut what is permitted
	policies  []client.Object
	// ours is internal/verdict, over the same objects.
	ours *verdict.Judge
}

func newWorld(s *snapshot.Snapshot, more ...oracle.Endpoint) (*world, error) {
	w := &world{plan: compile.Compile(s).Plan, closed: map[string]bool{}}
	for _, z := range w.plan.Zones {
		for _, n := range z.Namespaces {
			if z.Enforce && n.Exists {
				w.closed[n.Name] = true
			}
		}
	}
	w.endpoints = append(endpointsOf(s, w.plan), more...)
	return w, w.judgeWith(nil, object.StageMoat)
}

// judgeWith lets the engine read our objects up to a stage, and others'.
func (w *world) judgeWith(others []unstructured.Unstructured, last object.Stage) (err error) {
	in := oracle.World{Endpoints: w.endpoints}
	for _, o := range render.All(w.plan) {
		if o.Stage <= last {
			in.Policies = append(in.Policies, o.KubeObject.(client.Object))
		}
	}
	for i := range others {
		in.Policies = append(in.Policies, &others[i])
	}
	engine := verdict.NetworkPolicy
	if w.plan.Target == snapshot.Cilium {
		engine = verdict.Cilium
		w.judge, err = oracle.Cilium(in)
	} else {
		w.judge, err = oracle.Cyclonus(in)
	}
	if err != nil {
		return err
	}
	w.policies = in.Policies
	w.ours, err = newOurs(engine, in.Policies)
	return err
}

// newOurs gives internal/verdict what an API server would return.
func newOurs(engine verdict.Engine, policies []client.Object) (*verdict.Judge, error) {
	var objects []*unstructured.Unstructured
	for _, p := range policies {
		o, err := verdict.Unstructured(p)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return verdict.New(verdict.Semantics{Engine: engine}, objects...), nil
}

// endpointsOf returns the pods of a snapshot, a stranger in each namespace, the
// DNS pods, and addresses in and around every zone.
func endpointsOf(s *snapshot.Snapshot, p *plan.Plan) []oracle.Endpoint {
	var out []oracle.Endpoint
	pod := func(namespace, name string, set map[string]string) {
		n := len(out) + 10
		out = append(out, oracle.Endpoint{
			Kind: oracle.Pod, Namespace: namespace, Name: name, Labels: set,
			IPs: podAddresses(byte(n>>8), byte(n)),
		})
	}
	for _, n := range s.Namespaces {
		pod(n.Name, "stranger", map[string]string{"app": "stranger"})
	}
	for _, x := range s.Pods {
		if !x.HostNetwork {
			pod(x.Namespace, x.Name, x.Labels)
		}
	}
	pod("elsewhere", "visitor", map[string]string{"app": "a"})
	pod("kube-system", "dns-for-all", map[string]string{"k8s-app": "kube-dns"})
	seen := map[netip.Addr]bool{}
	address := func(a netip.Addr) {
		if !seen[a] {
			seen[a] = true
			out = append(out, oracle.Endpoint{Kind: oracle.Address, IPs: []netip.Addr{a}})
		}
	}
	for _, a := range []string{"198.51.100.7", "10.9.9.9", "2001:db8:ffff::7"} {
		address(netip.MustParseAddr(a))
	}
	for _, g := range p.Groups {
		for i, prefix := range g.Prefixes {
			if i < 4 {
				address(prefix.Addr())
			}
		}
	}
	for _, d := range p.Devices {
		for _, prefix := range d.Prefixes {
			address(prefix.Addr())
		}
	}
	return out
}

// podAddresses are those of a pod of a dual-stack cluster.
func podAddresses(high, low byte) []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{10, 244, high, low}),
		netip.AddrFrom16([16]byte{0xfd, 0, 0x00, 0x10, 0x02, 0x44, 14: high, 15: low}),
	}
}

// decides reports whether a rendered policy decides a flow between the two: one
// of them is a pod of an enforced zone.
func (w *world) decides(from, to oracle.Endpoint) bool {
	in := func(e oracle.Endpoint) bool { return e.Kind == oracle.Pod && w.closed[e.Namespace] }
	return (in(from) || in(to)) && !(from.Kind == oracle.Pod && to.Kind == oracle.Pod && from.Namespace == to.Namespace && from.Name == to.Name)
}

// permits reads the plan as a person would: is there a conduit in force with a
// pair of ends that hold the two, and a service that holds the flow?
func (w *world) permits(from, to oracle.Endpoint, f flow.Flow) bool {
	if w.resolves(from, to, f) {
		return true
	}
	for _, c := range w.plan.Conduits {
		if !c.Permits() || !slices.ContainsFunc(c.Services, func(s flow.Service) bool { return carries(s, f) }) {
			continue
		}
		for _, pair := range c.Pairs() {
			if w.holds(pair.From, from) && w.holds(pair.To, to) {
				return true
			}
		}
	}
	return false
}

func carries(s flow.Service, f flow.Flow) bool {
	if s.Protocol != f.Protocol {
		return false
	}
	if f.Protocol == flow.ICMP {
		return slices.Contains(s.ICMPTypes, f.ICMPType)
	}
	return s.Ports.Contains(f.Port)
}

// resolves reports whether a flow is the DNS of a registered pod.
func (w *world) resolves(from, to oracle.Endpoint, f flow.Flow) bool {
	dns := f.Port == 53 && (f.Protocol == flow.TCP || f.Protocol == flow.UDP) && to.Kind == oracle.Pod && to.Namespace == "kube-system" && to.Labels["k8s-app"] == "kube-dns"
	return dns && slices.ContainsFunc(w.plan.Workloads, func(x plan.Workload) bool {
		return x.Device && x.DNS != medfencev1alpha1.DNSNone && matches(x, from)
	})
}

func (w *world) holds(e plan.End, party oracle.Endpoint) bool {
	if party.Kind == oracle.Pod {
		return slices.ContainsFunc(w.plan.Workloads, func(x plan.Workload) bool {
			return slices.Contains(e.Workloads, x.WorkloadKey) && matches(x, party)
		})
	}
	return party.Kind == oracle.Address && slices.ContainsFunc(w.plan.Groups, func(g plan.Group) bool {
		return slices.Contains(e.Groups, g.Name) && slices.ContainsFunc(g.Prefixes, func(p netip.Prefix) bool { return p.Contains(party.IPs[0]) })
	})
}

func matches(x plan.Workload, pod oracle.Endpoint) bool {
	selector, err := metav1.LabelSelectorAsSelector(&x.Selector)
	return err == nil && pod.Kind == oracle.Pod && x.Namespace == pod.Namespace && selector.Matches(labels.Set(pod.Labels))
}

// flows are those that matter: every port of the plan, its neighbours, and some
// that no conduit has.
func (w *world) flows() []flow.Flow {
	ports := map[uint16]bool{1: true, 53: true, 80: true, 445: true, 65535: true}
	for _, c := range w.plan.Conduits {
		for _, s := range c.Services {
			for _, r := range s.Ports {
				ports[r.Port], ports[r.End] = true, true
				ports[r.Port-1], ports[min(r.End, 65534)+1] = true, true
			}
		}
	}
	delete(ports, 0)
	var out []flow.Flow
	for p := range ports {
		for _, protocol := range []flow.Protocol{flow.TCP, flow.UDP, flow.SCTP} {
			out = append(out, flow.Flow{Protocol: protocol, Port: p})
		}
	}
	return out
}

// pings are the ICMP flows of an address family.
func pings(to oracle.Endpoint, from oracle.Endpoint) []flow.Flow {
	six := to.IPs[0].Is6() || from.IPs[0].Is6()
	kind := uint8(8)
	if six {
		kind = 128
	}
	return []flow.Flow{{Protocol: flow.ICMP, ICMPType: kind}, {Protocol: flow.ICMP, ICMPType: 13}}
}

// check asks the judge about every flow that it decides, and returns how many
// it asked about.
func (w *world) check(t *testing.T, name string, cilium bool) (asked int) {
	t.Helper()
	flows := w.flows()
	for _, from := range w.endpoints {
		for _, to := range w.endpoints {
			if !w.decides(from, to) {
				continue
			}
			all := flows
			if cilium {
				all = slices.Concat(flows, pings(to, from))
			}
			for _, f := range all {
				asked++
				got, err := w.judge.Allowed(from, to, f)
				if err != nil {
					t.Fatalf("%s: %s to %s %+v: %v", name, from, to, f, err)
				}
				if want := w.permits(from, to, f); got != want {
					t.Fatalf("%s: %s to %s %s %d/%d: the engine says %v, the plan %v", name, from, to, f.Protocol, f.Port, f.ICMPType, got, want)
				}
				w.agree(t, name, question{from, to, f, got})
			}
		}
	}
	return asked
}

// A question is a flow and what the engine says of it.
type question struct {
	from, to oracle.Endpoint
	flow     flow.Flow
	allowed  bool
}

// agree asks internal/verdict too. It may leave open only which names a pod may
// resolve.
func (w *world) agree(t *testing.T, name string, q question) {
	t.Helper()
	v := w.ours.Judge(q.from.Ours(), q.to.Ours(), q.flow)
	if v.Decision == verdict.Unknown && q.allowed && w.resolves(q.from, q.to, q.flow) {
		return
	}
	if want := map[bool]verdict.Decision{true: verdict.Allow, false: verdict.Deny}[q.allowed]; v.Decision != want {
		t.Fatalf("%s: %s to %s %+v: we say %s, the engine and the plan %s: %+v", name, q.from, q.to, q.flow, v.Decision, want, v.Steps)
	}
}

func seedName(seed uint64, kind snapshot.TargetKind) string {
	return fmt.Sprintf("seed %d on %s", seed, kind)
}
