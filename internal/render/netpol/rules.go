package netpol

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

func ingressRules(ix *object.Index, w *plan.Workload) []networkingv1.NetworkPolicyIngressRule {
	var out []networkingv1.NetworkPolicyIngressRule
	for _, r := range object.Rules(ix.Links(w.WorkloadKey), object.Ingress) {
		from, ports := peersOf(ix, r.Peers), portsOf(r.Ports)
		if !open(from, ports) {
			out = append(out, networkingv1.NetworkPolicyIngressRule{Ports: ports, From: from})
		}
	}
	return out
}

func egressRules(ix *object.Index, w *plan.Workload) []networkingv1.NetworkPolicyEgressRule {
	var out []networkingv1.NetworkPolicyEgressRule
	add := func(to []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
		if !open(to, ports) {
			out = append(out, networkingv1.NetworkPolicyEgressRule{Ports: ports, To: to})
		}
	}
	for _, r := range object.Rules(ix.Links(w.WorkloadKey), object.Egress) {
		add(peersOf(ix, r.Peers), portsOf(r.Ports))
	}
	if dns, ok := ix.DNS(w); ok {
		add(podPeers([]object.Pods{dns.Pods}), portsOf(dns.Ports))
		add(addressPeers(hosts(dns.NodeLocal)), portsOf(object.NodeLocalPorts))
	}
	return out
}

// open reports whether a rule would permit everyone, or every port: that is
// what an empty list means. No such rule is rendered.
func open(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
	return len(peers) == 0 || len(ports) == 0
}

// peersOf returns pods first, then addresses.
func peersOf(ix *object.Index, p object.Peers) []networkingv1.NetworkPolicyPeer {
	var prefixes []netip.Prefix
	for _, name := range p.Groups {
		if g := ix.Group(name); g != nil {
			prefixes = append(prefixes, g.Prefixes...)
		}
	}
	return append(podPeers(ix.Pods(p.Workloads)), addressPeers(prefixes)...)
}

// podPeers names pods by namespace, and by label unless they are all of it. The
// namespace selector is always there: without one a peer is a pod of the
// policy's own namespace.
func podPeers(pods []object.Pods) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, p := range pods {
		if len(p.Namespaces) == 0 {
			continue
		}
		peer := networkingv1.NetworkPolicyPeer{NamespaceSelector: namespacesNamed(p.Namespaces)}
		if !p.Every() {
			peer.PodSelector = p.Selector.DeepCopy()
		}
		out = append(out, peer)
	}
	return out
}

func namespacesNamed(names []string) *metav1.LabelSelector {
	if len(names) == 1 {
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: names[0]}}
	}
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: names,
	}}}
}

// addressPeers returns one peer for each prefix of their exact union.
func addressPeers(prefixes []netip.Prefix) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, p := range flow.MergePrefixes(prefixes) {
		out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: p.String()}})
	}
	return out
}

func hosts(addresses []netip.Addr) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(addresses))
	for _, a := range addresses {
		out = append(out, netip.PrefixFrom(a.WithZone(""), a.BitLen()))
	}
	return out
}

func portsOf(ports []object.Port) []networkingv1.NetworkPolicyPort {
	out := make([]networkingv1.NetworkPolicyPort, 0, len(ports))
	for _, p := range ports {
		port := networkingv1.NetworkPolicyPort{
			Protocol: new(corev1.Protocol(p.Protocol)),
			Port:     new(intstr.FromInt32(int32(p.Range.Port))),
		}
		if p.Range.End > p.Range.Port {
			port.EndPort = new(int32(p.Range.End))
		}
		out = append(out, port)
	}
	return out
}
