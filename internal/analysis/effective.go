package analysis

import (
	"fmt"
	"net/netip"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// effective asks the judge about a packet between two places; nil where there is
// no judge, or the places are not such that policies can be judged.
func (r *Reach) effective(from, to *Place, packet Packet) *Effective {
	v, ok := r.judged(from, to, packet)
	if !ok {
		return nil
	}
	if voids := r.Voids(); len(voids) > 0 {
		return &Effective{Decision: string(verdict.Allow), Egress: string(verdict.Allow), Ingress: string(verdict.Allow), Steps: voids}
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
	at := ""
	if s.Path != "" {
		at = " " + s.Path
	}
	own, ours := r.judge.ours[s.Policy]
	if !ours {
		return fmt.Sprintf("%s, somebody else's %s%s %s it: %s", side, s.Policy, at, s.Effect, s.Text)
	}
	if text := denialWords[own.component]; text != "" && s.Effect == verdict.Denies {
		return fmt.Sprintf("%s, the %s of zone %s (%s%s) denies it: %s", side, own.component, own.zone, s.Policy, at, text)
	}
	return fmt.Sprintf("%s, Medfence's %s%s %s it: %s", side, s.Policy, at, s.Effect, s.Text)
}

// denialWords say what a denial by a part of ours means: its rules name everybody
// but the peers, which is no answer to who asks why.
var denialWords = map[string]string{
	object.ComponentGuard: "no conduit of the zone is about this flow, and no other policy can allow it.",
	object.ComponentMoat:  "no conduit joins this pod to this address of the zone for this, and no other policy can allow it.",
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
	case p.Pod != nil || len(p.workloads) > 0:
		pod, ok := r.podOf(p)
		if !ok {
			return verdict.Endpoint{}, false
		}
		return r.podEndpoint(pod), true
	case p.World:
		return r.outside()
	case p.Prefix.IsValid():
		return verdict.Endpoint{Kind: verdict.Address, IPs: []netip.Addr{p.Prefix.Addr()}, Names: []string{}}, true
	}
	return verdict.Endpoint{}, false
}

// podOf returns the pod that stands for a place, unless policies do not reach it.
func (r *Reach) podOf(p *Place) (*snapshot.Pod, bool) {
	switch {
	case p.Pod != nil:
		return p.Pod, !p.Pod.HostNetwork
	case len(p.workloads) > 0:
		if p.example == nil {
			p.example = r.exampleOf(p.workloads[0])
		}
		return p.example, p.example != nil
	}
	return nil, false
}

func (r *Reach) podEndpoint(pod *snapshot.Pod) verdict.Endpoint {
	out := verdict.Endpoint{Kind: verdict.Pod, Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, NamespaceLabels: r.namespaceLabels(pod.Namespace)}
	for name, port := range pod.Ports {
		out.NamedPorts = append(out.NamedPorts, verdict.NamedPort{Name: name, Protocol: flow.TCP, Port: uint16(port)})
	}
	if len(r.judge.foreign) == 0 {
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

// exampleOf returns a pod of a workload: one that runs, or else one with the
// labels that its selector asks for; nil where these are not known.
func (r *Reach) exampleOf(key plan.WorkloadKey) *snapshot.Pod {
	w := r.work[key]
	if w == nil {
		return nil
	}
	for _, i := range r.podsIn(key.Namespace) {
		if pod := &r.Snapshot.Pods[i]; !pod.HostNetwork && selects(w.Selector, pod.Labels) {
			return pod
		}
	}
	if len(w.Selector.MatchExpressions) > 0 {
		return nil
	}
	return &snapshot.Pod{Namespace: key.Namespace, Name: "(any)", Labels: w.Selector.MatchLabels}
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
