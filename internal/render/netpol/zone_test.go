package netpol_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/netpol"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

// render returns the policies of the hospital's zone of pumps, by namespace and
// name, after a change of the plan.
func render(t *testing.T, change func(p *plan.Plan)) map[string]*networkingv1.NetworkPolicy {
	t.Helper()
	p := plantest.Hospital(snapshot.Netpol)
	change(p)
	out := map[string]*networkingv1.NetworkPolicy{}
	for _, o := range netpol.Zone(object.NewIndex(p), "infusion") {
		np, ok := o.KubeObject.(*networkingv1.NetworkPolicy)
		if !ok {
			t.Fatalf("a %T", o.KubeObject)
		}
		out[np.Namespace+"/"+np.Name] = np
	}
	return out
}

const gateway = "icu/medfence-pump-gateway-1a2b3c4d5e"

func TestOnlyAnEnforcedDeviceZoneHasPolicies(t *testing.T) {
	cases := map[string]struct {
		change func(z *plan.Zone)
		want   int
	}{
		"enforced":         {func(*plan.Zone) {}, 4},
		"in Observe":       {func(z *plan.Zone) { z.Enforce = false }, 0},
		"released":         {func(z *plan.Zone) { z.Released = true }, 0},
		"not a Device one": {func(z *plan.Zone) { z.Role = medfencev1alpha1.RoleClinical }, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := render(t, func(p *plan.Plan) { tc.change(&p.Zones[1]) })
			if len(got) != tc.want {
				t.Errorf("%d policies, want %d", len(got), tc.want)
			}
		})
	}
}

func TestEachNamespaceThatExistsHasABaselineEvenWithoutDevices(t *testing.T) {
	got := render(t, func(p *plan.Plan) {
		p.Workloads, p.Conduits = nil, nil
		p.Zones[1].Namespaces = []plan.Namespace{
			{Name: "held", Exists: true, Held: true}, {Name: "going", Exists: true, Terminating: true}, {Name: "unborn"},
		}
	})
	want := networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"}}
	if len(got) != 2 {
		t.Errorf("got %v", got)
	}
	for _, namespace := range []string{"held", "going"} { // pods may run in both
		baseline := got[namespace+"/medfence-baseline-infusion"]
		if baseline == nil {
			t.Fatalf("no baseline in %s: %v", namespace, got)
		}
		if diff := cmp.Diff(want, baseline.Spec); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAWorkloadInNoConduitAndWithoutDNSHasTheBaselineAlone(t *testing.T) {
	got := render(t, func(p *plan.Plan) {
		p.Conduits = nil
		for i := range p.Workloads {
			p.Workloads[i].DNS = medfencev1alpha1.DNSNone
		}
	})
	if len(got) != 2 || got[gateway] != nil {
		t.Errorf("got %v", got)
	}
}

func TestASideWithoutMembersRendersNoRule(t *testing.T) {
	for _, side := range []string{"from", "to"} {
		got := render(t, func(p *plan.Plan) {
			p.DNS = snapshot.DNS{}
			p.Conduits = p.Conduits[1:2]
			end := &p.Conduits[0].To[0]
			if side == "from" {
				p.Conduits[0].From, p.Conduits[0].To = p.Conduits[0].To, p.Conduits[0].From
				end = &p.Conduits[0].From[0]
			}
			end.Workloads, end.Groups = nil, nil
		})
		if got[gateway] != nil {
			t.Errorf("%s: %v", side, got[gateway].Spec)
		}
	}
}

func TestPeersAreNamedByNamespaceAndLabelOrByMergedPrefix(t *testing.T) {
	got := render(t, func(p *plan.Plan) {
		p.Conduits = p.Conduits[1:2]
		p.Conduits[0].To[0].Groups = []string{"medfence-pacs-4c5d6e7f80", "other"}
		p.Groups = append(p.Groups, plan.Group{Zone: "pacs", Name: "other", Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.50.0.8/31"), netip.MustParsePrefix("2001:db8::1/128"),
		}})
	})[gateway].Spec.Egress[0]
	want := networkingv1.NetworkPolicyEgressRule{
		Ports: []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromInt32(2576))}},
		To: []networkingv1.NetworkPolicyPeer{
			{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "pacs"}}},
			{IPBlock: &networkingv1.IPBlock{CIDR: "10.50.0.8/30"}},
			{IPBlock: &networkingv1.IPBlock{CIDR: "2001:db8::1/128"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamespacesThatShareASelectorAreNamedTogether(t *testing.T) {
	got := render(t, func(p *plan.Plan) { p.Conduits = p.Conduits[2:] })[gateway].Spec.Ingress
	want := []networkingv1.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "kubernetes.io/metadata.name", Operator: "In", Values: []string{"icu", "ward-b"}},
		}},
		PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "pump-gateway"}},
	}}
	if diff := cmp.Diff(want, got[0].From); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if *got[0].Ports[0].EndPort != 7950 {
		t.Errorf("the range ends at %d", *got[0].Ports[0].EndPort)
	}
}

func TestDNSIsOpenAtItsPodsAndOnTheNode(t *testing.T) {
	got := render(t, func(p *plan.Plan) {
		p.Conduits = nil
		p.DNS.Ports = []snapshot.DNSPort{{Protocol: flow.UDP, Port: 5353}}
		p.DNS.NodeLocal = []netip.Addr{netip.MustParseAddr("169.254.20.10")}
	})[gateway].Spec.Egress
	port := func(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt32(number))}
	}
	want := []networkingv1.NetworkPolicyEgressRule{
		{
			Ports: []networkingv1.NetworkPolicyPort{port("UDP", 5353)},
			To: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "kube-system"}},
				PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
			}},
		},
		{
			Ports: []networkingv1.NetworkPolicyPort{port("TCP", 53), port("UDP", 53)},
			To:    []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "169.254.20.10/32"}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPolicyDoesNotShareMemoryWithThePlan(t *testing.T) {
	p := plantest.Hospital(snapshot.Netpol)
	for _, o := range netpol.Zone(object.NewIndex(p), "infusion") {
		if np, ok := o.KubeObject.(*networkingv1.NetworkPolicy); ok && np.Spec.PodSelector.MatchLabels != nil {
			np.Spec.PodSelector.MatchLabels["app"] = "changed"
			np.Spec.Ingress[0].From[0].PodSelector.MatchLabels["app"] = "changed"
		}
	}
	if diff := cmp.Diff(plantest.Hospital(snapshot.Netpol), p, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("the plan was modified:\n%s", diff)
	}
}
