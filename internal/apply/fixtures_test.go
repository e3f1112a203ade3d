package apply

import (
	"encoding/json"
	"net/netip"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func (l *lab) meta(namespace, name, component string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace,
		Name:      name,
		Labels: map[string]string{
			medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy,
			medfencev1alpha1.LabelZone:      l.owner.Zone,
			medfencev1alpha1.LabelComponent: component,
		},
		Annotations: map[string]string{
			medfencev1alpha1.AnnotationZoneUID: l.owner.UID,
			medfencev1alpha1.AnnotationPermits: "pumps may send to the gateway on 3613",
		},
	}
}

// typeMeta returns the type of an owned kind.
func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: owned[kind].String(), Kind: kind}
}

// netpol is the policy of a workload, on any network.
func (l *lab) netpol(name string, ports ...int32) object.Object {
	rule := networkingv1.NetworkPolicyIngressRule{
		From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "pump"}}}},
	}
	for _, p := range ports {
		rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{
			Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromInt32(p)),
		})
	}
	return object.Object{Stage: object.StageAllow, KubeObject: &networkingv1.NetworkPolicy{
		TypeMeta:   typeMeta(kindNetworkPolicy),
		ObjectMeta: l.meta(l.namespace, name, "allow"),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "gateway"}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{rule},
		},
	}}
}

// baseline denies both ways in the lab's namespace.
func (l *lab) baseline() object.Object { return l.baselineIn(l.namespace) }

func (l *lab) baselineIn(namespace string) object.Object {
	return object.Object{Stage: object.StageBaseline, KubeObject: &networkingv1.NetworkPolicy{
		TypeMeta:   typeMeta(kindNetworkPolicy),
		ObjectMeta: l.meta(namespace, "medfence-baseline-"+l.owner.Zone, "baseline"),
		Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}}
}

// closed is the baseline of namespaces that may not exist yet.
func (l *lab) closed() object.Object {
	return object.Object{Stage: object.StageBaseline, KubeObject: &ciliumv2.CiliumClusterwideNetworkPolicy{
		TypeMeta:   typeMeta(kindClusterPolicy),
		ObjectMeta: l.meta("", "medfence-baseline-"+l.owner.Zone, "baseline"),
		Spec: &api.Rule{
			EndpointSelector: api.NewESFromK8sLabelSelector("", nil),
			Ingress:          []api.IngressRule{{}},
			Egress:           []api.EgressRule{{}},
		},
	}}
}

// clusterPolicy stands for a guard or a moat.
func (l *lab) clusterPolicy(component string, stage object.Stage) object.Object {
	return object.Object{Stage: stage, KubeObject: &ciliumv2.CiliumClusterwideNetworkPolicy{
		TypeMeta:   typeMeta(kindClusterPolicy),
		ObjectMeta: l.meta("", "medfence-"+component+"-"+l.owner.Zone, component),
		Spec: &api.Rule{
			EndpointSelector:  api.NewESFromK8sLabelSelector("", nil),
			EnableDefaultDeny: api.DefaultDenyConfig{Ingress: new(false), Egress: new(false)},
			IngressDeny:       []api.IngressDenyRule{{IngressCommonRule: api.IngressCommonRule{FromEntities: api.EntitySlice{api.EntityUnmanaged}}}},
		},
	}}
}

// group holds addresses.
func (l *lab) group(name string, cidrs ...api.CIDR) object.Object {
	return object.Object{Stage: object.StageGroup, KubeObject: &ciliumv2.CiliumCIDRGroup{
		TypeMeta:   typeMeta(kindGroup),
		ObjectMeta: l.meta("", name, "group"),
		Spec:       ciliumv2.CiliumCIDRGroupSpec{ExternalCIDRs: cidrs},
	}}
}

// allow lets pods reach the addresses of groups.
func (l *lab) allow(name string, groups ...string) object.Object {
	rule := &api.Rule{
		EndpointSelector:  api.NewESFromK8sLabelSelector("", nil),
		EnableDefaultDeny: api.DefaultDenyConfig{Ingress: new(false), Egress: new(false)},
	}
	for _, g := range groups {
		rule.Egress = append(rule.Egress, api.EgressRule{
			EgressCommonRule: api.EgressCommonRule{ToCIDRSet: api.CIDRRuleSlice{{CIDRGroupRef: api.CIDRGroupRef(g)}}},
			ToPorts:          api.PortRules{{Ports: []api.PortProtocol{{Port: "104", Protocol: api.ProtoTCP}}}},
		})
	}
	if len(groups) == 0 {
		rule.Egress = []api.EgressRule{{}}
	}
	return object.Object{Stage: object.StageAllow, KubeObject: &ciliumv2.CiliumNetworkPolicy{
		TypeMeta:   typeMeta(kindCiliumPolicy),
		ObjectMeta: l.meta(l.namespace, name, "allow"),
		Spec:       rule,
	}}
}

// ward is a zone with an object of every kind and stage.
func (l *lab) ward() []object.Object {
	g := l.name("pumps")
	return []object.Object{
		l.clusterPolicy("moat", object.StageMoat),
		l.clusterPolicy("guard", object.StageGuard),
		l.closed(),
		l.baseline(),
		l.allow("medfence-gateway", g),
		l.netpol("medfence-gateway", 3613, 443),
		l.group(g, "10.20.0.0/24", "2001:db8:20::/64"),
	}
}

// name returns a name of the zone's own for a cluster-scoped object.
func (l *lab) name(of string) string { return "medfence-" + l.owner.Zone + "-" + of }

func atOf(o object.Object) key {
	return key{o.GetObjectKind().GroupVersionKind().Kind, o.GetNamespace(), o.GetName()}
}

// planned returns groups as those of a plan, of this lab's zone.
func (l *lab) planned(objects ...object.Object) []Group {
	var out []Group
	for _, o := range objects {
		g, ok := o.KubeObject.(*ciliumv2.CiliumCIDRGroup)
		if !ok {
			continue
		}
		p := Group{Name: g.Name, Owner: l.owner}
		for _, c := range g.Spec.ExternalCIDRs {
			p.Prefixes = append(p.Prefixes, netip.MustParsePrefix(string(c)))
		}
		out = append(out, p)
	}
	return out
}

// asJSON returns the marshalled form of a value, for messages.
func asJSON(v any) string {
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// rendered returns the content of a rendered object, of which nothing is remembered.
func rendered(o object.KubeObject) (content, error) { return newNotes().read(key{}, o, newNotes()) }
