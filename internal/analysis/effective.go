package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// A judge answers what the policies do, whoever wrote them.
type judge struct {
	*verdict.Judge
	ours map[string]bool
	// foreign is true where others have policies, too.
	foreign bool
}

// Judge lets the policies be judged beside the plan: those of a cluster as they
// stand, with ours among them, or (rendered) what the plan renders to and those
// that others wrote in the manifests.
//
// Of what is rendered only the objects of the zones are judged, or all where none
// is named: an object of ours concerns the pods and addresses of its own zone.
func (r *Reach) Judge(policies []*unstructured.Unstructured, rendered bool, zones ...string) error {
	j := &judge{ours: map[string]bool{}}
	for _, p := range policies {
		if p.GetLabels()[medfencev1alpha1.LabelManagedBy] == medfencev1alpha1.ManagedBy {
			j.ours[nameOf(p)] = true
			continue
		}
		j.foreign = true
	}
	all := slices.Clone(policies)
	if rendered {
		for _, o := range r.objects(zones) {
			p, err := verdict.Unstructured(o.KubeObject)
			if err != nil {
				return fmt.Errorf("judging %s %s: %w", o.Kind(), o.GetName(), err)
			}
			j.ours[nameOf(p)] = true
			all = append(all, p)
		}
	}
	semantics := verdict.Semantics{Engine: verdict.NetworkPolicy}
	if r.Plan.Target == snapshot.Cilium {
		semantics.Engine = verdict.Cilium
	}
	j.Judge = verdict.New(semantics, all...)
	r.judge = j
	return nil
}

func (r *Reach) objects(zones []string) []object.Object {
	if len(zones) == 0 {
		return render.All(r.Plan)
	}
	slices.Sort(zones)
	var out []object.Object
	for _, z := range slices.Compact(zones) {
		out = append(out, render.Zone(r.Plan, z)...)
	}
	return out
}

func nameOf(p *unstructured.Unstructured) string {
	return verdict.Policy{Kind: p.GetKind(), Namespace: p.GetNamespace(), Name: p.GetName()}.String()
}

// effective asks the judge about a packet between two places; nil where there is
// no judge, or the places are not such that policies can be judged.
func (r *Reach) effective(from, to *Place, packet Packet) *Effective {
	v, ok := r.judged(from, to, packet)
	if !ok {
		return nil
	}
	out := &Effective{Decision: string(v.Decision), Egress: string(v.Egress), Ingress: string(v.Ingress)}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, r.stepWords(s))
	}
	return out
}

// stepWords returns a step in a sentence that says whose policy it is.
func (r *Reach) stepWords(s verdict.Step) string {
	side := "As it leaves"
	if s.Direction == verdict.Ingress {
		side = "As it arrives"
	}
	if s.Policy == (verdict.Policy{}) {
		return fmt.Sprintf("%s: %s", side, s.Text)
	}
	whose := "somebody else's"
	if r.judge.ours[s.Policy.String()] {
		whose = "Medfence's"
	}
	at := ""
	if s.Path != "" {
		at = " " + s.Path
	}
	return fmt.Sprintf("%s, %s %s%s %s it: %s", side, whose, s.Policy, at, s.Effect, s.Text)
}

func (r *Reach) judged(from, to *Place, packet Packet) (verdict.Verdict, bool) {
	if r.judge == nil {
		return verdict.Verdict{}, false
	}
	a, ok := r.endpoint(from)
	if !ok {
		return verdict.Verdict{}, false
	}
	b, ok := r.endpoint(to)
	if !ok || a.Kind != verdict.Pod && b.Kind != verdict.Pod {
		return verdict.Verdict{}, false
	}
	return r.judge.Judge.Judge(a, b, flow.Flow{Protocol: packet.Protocol, Port: packet.Port, ICMPType: packet.ICMPType}), true
}

// endpoint returns a place as the judge sees it. A zone as a whole, a pod on the
// host network, and a workload of which no pod is known have none.
func (r *Reach) endpoint(p *Place) (verdict.Endpoint, bool) {
	switch {
	case p.Pod != nil:
		return r.podEndpoint(p.Pod), !p.Pod.HostNetwork
	case len(p.workloads) > 0:
		return r.workloadEndpoint(p.workloads[0])
	case p.World:
		return r.outside()
	case p.Prefix.IsValid():
		return verdict.Endpoint{Kind: verdict.Address, IPs: []netip.Addr{p.Prefix.Addr()}, Names: []string{}}, true
	}
	return verdict.Endpoint{}, false
}

func (r *Reach) podEndpoint(pod *snapshot.Pod) verdict.Endpoint {
	out := verdict.Endpoint{Kind: verdict.Pod, Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, NamespaceLabels: r.namespaceLabels(pod.Namespace)}
	for name, port := range pod.Ports {
		out.NamedPorts = append(out.NamedPorts, verdict.NamedPort{Name: name, Protocol: flow.TCP, Port: uint16(port)})
	}
	if !r.judge.foreign {
		out.IPs = r.somewhere()
	}
	return out
}

// somewhere is an address that a pod may have. Where only our own policies are
// judged no prefix of theirs holds a pod, so that any will do.
func (r *Reach) somewhere() []netip.Addr {
	for _, p := range r.Snapshot.Cluster.Ranges {
		return []netip.Addr{p.Addr().Next()}
	}
	e, ok := r.outside()
	if !ok {
		return nil
	}
	return e.IPs
}

func (r *Reach) namespaceLabels(name string) map[string]string {
	if r.namespaces == nil {
		r.namespaces = map[string]map[string]string{}
		for _, n := range r.Snapshot.Namespaces {
			r.namespaces[n.Name] = n.Labels
		}
	}
	return r.namespaces[name]
}

// workloadEndpoint returns a pod of a workload: one that runs, or else one with
// the labels that its selector asks for.
func (r *Reach) workloadEndpoint(key plan.WorkloadKey) (verdict.Endpoint, bool) {
	w := r.work[key]
	if w == nil {
		return verdict.Endpoint{}, false
	}
	for _, i := range r.podsIn(key.Namespace) {
		if pod := &r.Snapshot.Pods[i]; !pod.HostNetwork && selects(w.Selector, pod.Labels) {
			return r.podEndpoint(pod), true
		}
	}
	if len(w.Selector.MatchExpressions) > 0 {
		return verdict.Endpoint{}, false
	}
	return r.podEndpoint(&snapshot.Pod{Namespace: key.Namespace, Name: "(any)", Labels: w.Selector.MatchLabels}), true
}

// podsIn returns the places of a namespace's pods in the snapshot.
func (r *Reach) podsIn(namespace string) []int {
	if r.podsByNamespace == nil {
		r.podsByNamespace = map[string][]int{}
		for i := range r.Snapshot.Pods {
			n := r.Snapshot.Pods[i].Namespace
			r.podsByNamespace[n] = append(r.podsByNamespace[n], i)
		}
	}
	return r.podsByNamespace[namespace]
}

// outside returns an address that is in no zone and not in the cluster: ranges
// for documentation (RFC 5737), then public resolvers.
func (r *Reach) outside() (verdict.Endpoint, bool) {
	for _, text := range []string{"198.51.100.254", "203.0.113.254", "192.0.2.254", "9.9.9.9", "100.64.0.1", "192.168.255.254"} {
		a := netip.MustParseAddr(text)
		p := netip.PrefixFrom(a, a.BitLen())
		if len(meeting(r.spaces, p)) == 0 && !flow.Overlaps(r.Snapshot.Cluster.Ranges, p) {
			return verdict.Endpoint{Kind: verdict.Address, IPs: []netip.Addr{a}, Names: []string{}}, true
		}
	}
	return verdict.Endpoint{}, false
}

// probe is a packet that no conduit is about, unless one is (RFC 863: discard).
var probe = Packet{Protocol: flow.TCP, Port: 9}

// judgeCell compares what is intended in a cell with what the policies do, by
// one member of each class and every kind of traffic that the conduits name.
func (r *Reach) judgeCell(c *Cell) {
	if r.judge == nil || c.Default == Unrestricted || c.Default == Network {
		return
	}
	var f finds
	for _, from := range r.probes(c.From, len(c.Grants) > 0) {
		for _, to := range r.probes(c.To, len(c.Grants) > 0) {
			for _, packet := range packetsOf(c.Grants) {
				if v, ok := r.judged(from, to, packet); ok {
					f.add(v.Decision, r.intends(c, from, to, packet), r.closed(from) || r.closed(to), packet)
				}
			}
		}
	}
	c.Effective = effectiveWords(f.asked, f.open, f.cut, f.unknown)
	c.Differs = len(f.open)+len(f.cut) > 0
}

// finds are where policies do not what is intended.
type finds struct {
	asked              bool
	open, cut, unknown []string
}

// add notes a decision on a packet that is intended or not, where a zone closes
// one of the ends or not.
func (f *finds) add(decision verdict.Decision, intended, closed bool, packet Packet) {
	f.asked = true
	switch {
	case decision == verdict.Unknown:
		f.unknown = append(f.unknown, packet.String())
	case intended && decision == verdict.Deny:
		f.cut = append(f.cut, packet.String())
	case !intended && closed && decision == verdict.Allow:
		f.open = append(f.open, packet.String())
	}
}

func effectiveWords(asked bool, open, cut, unknown []string) string {
	var parts []string
	for _, p := range []struct {
		word string
		list []string
	}{{"OPEN", open}, {"CUT", cut}, {"unknown", unknown}} {
		if len(p.list) > 0 {
			slices.Sort(p.list)
			parts = append(parts, p.word+": "+clipped(slices.Compact(p.list), 4))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case asked:
		return "as intended"
	}
	return "no pod to ask"
}

// intends reports whether a grant of the cell permits a packet.
func (r *Reach) intends(c *Cell, from, to *Place, packet Packet) bool {
	return slices.ContainsFunc(c.Grants, func(g Grant) bool {
		return slices.ContainsFunc(g.Services, packet.passes) && from.has(g.Conduit, From, c.From) && to.has(g.Conduit, To, c.To)
	})
}

// packetsOf returns the first port of each service, and the probe.
func packetsOf(grants []Grant) []Packet {
	out := []Packet{probe}
	for _, g := range grants {
		for _, s := range g.Services {
			if s.Protocol == flow.ICMP && len(s.ICMPTypes) > 0 && len(s.HTTP) == 0 {
				out = append(out, Packet{Protocol: s.Protocol, ICMPType: s.ICMPTypes[0]})
			}
			if s.Protocol != flow.ICMP && len(s.Ports) > 0 && len(s.HTTP) == 0 {
				out = append(out, Packet{Protocol: s.Protocol, Port: s.Ports[0].Port})
			}
		}
	}
	return out
}

// probes returns members of a zone to ask about: one of each class, pods where
// there are some; or, for a cell without conduits, one pod.
func (r *Reach) probes(zone string, all bool) []*Place {
	list, ok := r.probed[zone]
	if !ok {
		list = r.membersOf(zone)
		if r.probed == nil {
			r.probed = map[string][]*Place{}
		}
		r.probed[zone] = list
	}
	if all || len(list) < 2 {
		return list
	}
	return list[:1]
}

// membersOf returns one member of each class of a zone, pods first.
func (r *Reach) membersOf(zone string) []*Place {
	var out []*Place
	for i := range r.classes[zone] {
		for _, d := range r.classes[zone][i].Devices {
			out = append(out, r.placeOf(d))
			break
		}
	}
	if !r.Segmented(zone) {
		for i := range r.Plan.Workloads {
			if w := &r.Plan.Workloads[i]; w.Zone == zone {
				out = append(out, &Place{Text: "pods of " + w.Namespace, Zone: zone, workloads: []plan.WorkloadKey{w.WorkloadKey}, ends: unique(slices.Clone(r.spots[zone][w.WorkloadKey]))})
			}
		}
	}
	for _, g := range r.groups[zone] {
		if len(g.Prefixes) > 0 && !r.Segmented(zone) {
			out = append(out, &Place{Text: g.Name, Zone: zone, Prefix: g.Prefixes[0], ends: unique(slices.Clone(r.sites[g.Name]))})
		}
	}
	slices.SortStableFunc(out, func(a, b *Place) int { return len(b.workloads) - len(a.workloads) })
	return out
}
