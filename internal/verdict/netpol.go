package verdict

import (
	"fmt"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/medfence/medfence/internal/flow"
)

// readNetworkPolicy reads a NetworkPolicy under either engine.
func (r *reader) readNetworkPolicy(policy Policy, obj *unstructured.Unstructured) error {
	var np struct {
		Spec networkingv1.NetworkPolicySpec `json:"spec"`
	}
	if err := decode(obj, &np, "spec"); err != nil {
		return err
	}
	rules := netpolReader{Semantics: r.Semantics, namespace: namespaceOf(policy)}
	subject, err := plainSelector(&np.Spec.PodSelector)
	if err != nil {
		return refused("%v", err)
	}
	s := &spec{policy: policy, path: "spec", namespace: rules.namespace, subject: subject, closes: map[Direction]bool{}}
	for i, in := range np.Spec.Ingress {
		if err := rules.add(s, Ingress, fmt.Sprintf("spec.ingress[%d]", i), in.From, in.Ports); err != nil {
			return err
		}
	}
	for i, out := range np.Spec.Egress {
		if err := rules.add(s, Egress, fmt.Sprintf("spec.egress[%d]", i), out.To, out.Ports); err != nil {
			return err
		}
	}
	r.reading.specs = []*spec{s}
	return r.isolate(s, np.Spec)
}

// isolate tells in which directions the policy isolates its pods. The API server
// defaults the types; Cilium also heeds rules of a direction that is not among
// them, other plugins do not.
func (r *reader) isolate(s *spec, np networkingv1.NetworkPolicySpec) error {
	types := map[Direction]bool{}
	for _, t := range np.PolicyTypes {
		switch t {
		case networkingv1.PolicyTypeIngress:
			types[Ingress] = true
		case networkingv1.PolicyTypeEgress:
			types[Egress] = true
		default:
			return refused("it has the policy type %q", t)
		}
	}
	if len(np.PolicyTypes) == 0 {
		types[Ingress], types[Egress] = true, len(np.Egress) > 0
	}
	if r.Engine == Cilium {
		s.closes[Ingress] = types[Ingress] || len(np.Ingress) > 0
		s.closes[Egress] = types[Egress] || len(np.Egress) > 0
		return nil
	}
	s.closes = types
	s.rules = slices.DeleteFunc(s.rules, func(r rule) bool { return !types[r.direction] })
	return nil
}

// A netpolReader reads the rules of one NetworkPolicy.
type netpolReader struct {
	Semantics
	namespace string
}

func (n netpolReader) add(s *spec, d Direction, path string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) error {
	r := rule{direction: d, path: path}
	for i := range peers {
		p, err := n.peer(&peers[i])
		if err != nil {
			return err
		}
		r.peers = append(r.peers, p)
	}
	if len(peers) == 0 {
		r.peers = []peer{everyone{}}
	}
	for i := range ports {
		p, err := netpolPort(&ports[i])
		if err != nil {
			return err
		}
		p.path = fmt.Sprintf("ports[%d]", i)
		r.ports = append(r.ports, p)
	}
	s.rules = append(s.rules, r)
	return nil
}

func (n netpolReader) peer(in *networkingv1.NetworkPolicyPeer) (peer, error) {
	selectors := in.PodSelector != nil || in.NamespaceSelector != nil
	if selectors == (in.IPBlock != nil) {
		return nil, refused("a peer needs either selectors or an ipBlock")
	}
	if in.IPBlock != nil {
		return n.block(in.IPBlock)
	}
	own, err := plainSelector(in.PodSelector)
	if err != nil {
		return nil, refused("%v", err)
	}
	spaces, err := plainSelector(in.NamespaceSelector)
	if err != nil {
		return nil, refused("%v", err)
	}
	if n.Engine == NetworkPolicy {
		if in.NamespaceSelector == nil {
			return selected{pods: own, namespace: n.namespace}, nil
		}
		return selected{pods: own, namespaces: &spaces}, nil
	}
	return n.identities(own, spaces, in.NamespaceSelector == nil), nil
}

// identities returns the peer as Cilium selects it (pkg/k8s'
// parseNetworkPolicyPeer): by labels of the identity, in the own cluster.
func (n netpolReader) identities(own, spaces selector, ownNamespace bool) peer {
	out := slices.Clone(own)
	if !own.hasKey(clusterKey, sourceK8s) {
		out = out.require(sourceK8s, clusterKey, opIn, n.Cluster)
	}
	switch {
	case ownNamespace:
		out = out.require(sourceK8s, namespaceKey, opIn, n.namespace)
	case len(spaces) == 0:
		out = out.require(sourceK8s, namespaceKey, opExists)
	}
	for _, t := range spaces {
		out = out.require(sourceK8s, namespaceLabels+t.key, t.operator, t.values...)
	}
	return pods{out}
}

func (n netpolReader) block(in *networkingv1.IPBlock) (peer, error) {
	prefix, err := prefixOf(in.CIDR)
	if err != nil {
		return nil, err
	}
	b := block{prefix: prefix, pods: n.Engine == NetworkPolicy}
	for _, text := range in.Except {
		except, err := prefixOf(text)
		if err != nil {
			return nil, err
		}
		b.except = append(b.except, except)
	}
	return b, within(prefix, b.except)
}

// within refuses an exception that is not in its prefix.
func within(prefix netip.Prefix, except []netip.Prefix) error {
	for _, e := range except {
		if e.Bits() < prefix.Bits() || !prefix.Contains(e.Addr()) {
			return refused("the prefix %s does not contain its exception %s", prefix, e)
		}
	}
	return nil
}

// prefixOf reads a prefix. IPv4 addresses in the form of IPv6 are refused: what
// an engine makes of them is not known here.
func prefixOf(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return p, refused("%q is no prefix", text)
	}
	return p.Masked(), nil
}

// netpolPort reads a port. An absent protocol is TCP.
func netpolPort(in *networkingv1.NetworkPolicyPort) (port, error) {
	p := port{protocol: flow.TCP}
	if in.Protocol != nil {
		p.protocol = flow.Protocol(*in.Protocol)
	}
	if !p.protocol.HasPorts() {
		return p, refused("a port has the protocol %q", p.protocol)
	}
	switch {
	case in.Port == nil && in.EndPort == nil:
		return p, nil
	case in.Port == nil:
		return p, refused("a range of ports has an end and no beginning")
	case in.Port.Type == intstr.String && in.EndPort == nil && portName.MatchString(in.Port.StrVal):
		p.name = in.Port.StrVal
		return p, nil
	case in.Port.Type == intstr.String:
		return p, refused("%q is no name of a port, or has an endPort", in.Port.StrVal)
	}
	return numbered(p, in)
}

func numbered(p port, in *networkingv1.NetworkPolicyPort) (port, error) {
	first := in.Port.IntVal
	last := first
	if in.EndPort != nil {
		last = *in.EndPort
	}
	if first < 1 || last < first || last > flow.MaxPort {
		return p, refused("%d to %d is no range of ports", first, last)
	}
	p.first, p.last = uint16(first), uint16(last)
	return p, nil
}
