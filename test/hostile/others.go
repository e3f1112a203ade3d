package hostile

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Other returns an object of another team: valid, mostly, and odd.
func (g *Generator) Other() client.Object {
	makers := []func() client.Object{g.pod, g.pod, g.pod, g.serviceObject, g.networkPolicy, g.ciliumPolicy, g.ciliumPolicy, g.cidrGroup, g.identity}
	o := makers[g.IntN(len(makers))]()
	name := fmt.Sprintf("%s-%02d", g.pick("app", "tool", "x"), g.IntN(30))
	if g.chance(20) {
		name = g.pick("medfence-baseline-icu", "medfence-guard-icu", "medfence-moat-icu", "medfence-group", "medfence-"+name)
	}
	o.SetName(name)
	g.Mark(o)
	return o
}

// Namespace returns a namespace with labels.
func (g *Generator) Namespace(name string) *corev1.Namespace {
	out := &corev1.Namespace{}
	g.Mark(out)
	out.Name = name
	return out
}

func (g *Generator) pod() client.Object {
	p := &corev1.Pod{}
	p.Namespace = g.pick(Namespaces...)
	p.Spec.HostNetwork = g.chance(10)
	p.Spec.TerminationGracePeriodSeconds = new(int64)
	main := corev1.Container{Name: "main", Image: "example.org/none"}
	for i := range g.size(0, 5) {
		port := int32(1 + g.IntN(65535))
		main.Ports = append(main.Ports, corev1.ContainerPort{Name: fmt.Sprintf("p%d", i), ContainerPort: port, HostPort: map[bool]int32{true: port}[p.Spec.HostNetwork]})
	}
	p.Spec.Containers = []corev1.Container{main}
	return p
}

func (g *Generator) serviceObject() client.Object {
	s := &corev1.Service{}
	s.Namespace = g.pick(Namespaces...)
	s.Spec.Type = corev1.ServiceType(g.pick("ClusterIP", "NodePort", "LoadBalancer"))
	s.Spec.Selector = map[string]string{g.pick("app", "tier", "a/b"): g.pick("a", "b", "")}
	if g.chance(15) {
		s.Spec.Selector = nil
	}
	for i := range g.size(1, 6) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
			Name: fmt.Sprintf("p%d", i), Port: int32(1 + g.IntN(65535)),
			Protocol:   corev1.Protocol(g.pick("TCP", "UDP", "SCTP")),
			TargetPort: []intstr.IntOrString{{}, intstr.FromInt32(int32(1 + g.IntN(65535))), intstr.FromString("p0"), intstr.FromString("nobody")}[g.IntN(4)],
		})
	}
	return s
}

func (g *Generator) networkPolicy() client.Object {
	p := &networkingv1.NetworkPolicy{}
	p.Namespace = g.pick(Namespaces...)
	if g.chance(50) {
		p.Spec.PodSelector.MatchLabels = map[string]string{g.pick("app", "tier"): g.pick("a", "b")}
	}
	peer := func() []networkingv1.NetworkPolicyPeer {
		switch g.IntN(5) {
		case 0:
			return nil
		case 1:
			return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}
		case 2:
			return []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}
		}
		return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: g.prefix()}}}
	}
	for range g.IntN(3) {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peer(), Ports: g.policyPorts()})
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peer()})
	}
	if g.chance(50) {
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyType(g.pick("Ingress", "Egress"))}
	}
	return p
}

func (g *Generator) policyPorts() []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range g.IntN(3) {
		port := networkingv1.NetworkPolicyPort{Protocol: new(corev1.Protocol(g.pick("TCP", "UDP", "SCTP")))}
		first := int32(1 + g.IntN(60000))
		switch g.IntN(3) {
		case 0:
			port.Port = new(intstr.FromString("p0"))
		case 1:
			port.Port, port.EndPort = new(intstr.FromInt32(first)), new(first+int32(g.IntN(5000)))
		}
		out = append(out, port)
	}
	return out
}

// ciliumPolicy returns a policy of Cilium's, of one namespace or of all.
func (g *Generator) ciliumPolicy() client.Object {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion("cilium.io/v2")
	o.SetKind("CiliumClusterwideNetworkPolicy")
	if g.chance(70) {
		o.SetKind("CiliumNetworkPolicy")
		o.SetNamespace(g.pick(Namespaces...))
	}
	rules := []any{}
	for range 1 + g.IntN(2) {
		rule := map[string]any{"endpointSelector": g.endpoints()}
		for _, section := range []string{"ingress", "egress", "ingressDeny", "egressDeny"} {
			if g.chance(45) {
				rule[section] = []any{g.ciliumRule(section)}
			}
		}
		if g.chance(25) {
			rule["enableDefaultDeny"] = map[string]any{"ingress": g.chance(50), "egress": g.chance(50)}
		}
		rules = append(rules, rule)
	}
	if len(rules) == 1 {
		o.Object["spec"] = rules[0]
		return o
	}
	o.Object["specs"] = rules
	return o
}

func (g *Generator) endpoints() map[string]any {
	return []map[string]any{
		{}, {"matchLabels": map[string]any{g.pick("app", "tier", "k8s:app", "any:app", "reserved:host"): g.pick("a", "b")}},
		{"matchExpressions": []any{map[string]any{"key": "app", "operator": g.pick("Exists", "DoesNotExist")}}},
		{"matchLabels": map[string]any{"k8s:io.kubernetes.pod.namespace": g.pick(Namespaces...)}},
	}[g.IntN(4)]
}

func (g *Generator) ciliumRule(section string) map[string]any {
	side := "to"
	if section[0] == 'i' {
		side = "from"
	}
	rule := map[string]any{}
	switch g.IntN(7) {
	case 0:
		rule[side+"Endpoints"] = []any{g.endpoints()}
	case 1:
		rule[side+"Endpoints"] = []any{}
	case 2:
		rule[side+"CIDR"] = []any{g.prefix()}
	case 3:
		rule[side+"CIDRSet"] = []any{map[string]any{"cidr": "10.0.0.0/8", "except": []any{"10.0.0.0/24"}}, map[string]any{"cidrGroupRef": g.pick("medfence-group", "tool-01")}}
	case 4:
		rule[side+"Entities"] = []any{g.pick("all", "world", "cluster", "host", "remote-node", "kube-apiserver", "ingress")}
	case 5:
		if section == "egress" {
			rule["toFQDNs"] = []any{map[string]any{"matchPattern": g.pick("*", "*.vendor.example", "**.x")}}
		}
	}
	switch g.IntN(4) {
	case 0:
		rule["toPorts"] = []any{map[string]any{"ports": []any{map[string]any{"port": g.pick("0", "104", "http", "65535"), "protocol": g.pick("TCP", "UDP", "ANY")}}}}
	case 1:
		rule["icmps"] = []any{map[string]any{"fields": []any{map[string]any{"type": 8, "family": g.pick("IPv4", "IPv6")}}}}
	}
	return rule
}

func (g *Generator) cidrGroup() client.Object {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"externalCIDRs": []any{g.prefix(), g.prefix()}}}}
	o.SetAPIVersion("cilium.io/v2")
	o.SetKind("CiliumCIDRGroup")
	return o
}

// identity returns a CiliumIdentity, as agents make them.
func (g *Generator) identity() client.Object {
	o := &unstructured.Unstructured{Object: map[string]any{"security-labels": map[string]any{"k8s:io.kubernetes.pod.namespace": g.pick(Namespaces...)}}}
	o.SetAPIVersion("cilium.io/v2")
	o.SetKind("CiliumIdentity")
	return o
}
