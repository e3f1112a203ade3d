package oracle

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/medfence/medfence/internal/flow"
)

var seed = flag.Uint64("seed", 1, "first seed of the random worlds")

// Both judges know NetworkPolicy between pods; elsewhere they differ by design
// (an ipBlock and a pod, ICMP types, the node).
func TestBothJudgesAgreeOnRandomNetworkPoliciesBetweenPods(t *testing.T) {
	const worlds, flowsPerWorld = 60, 200
	allowed := 0
	for s := *seed; s < *seed+worlds; s++ {
		r := rand.New(rand.NewPCG(s, s))
		w := randomWorld(r)
		both := judges(t, w)
		for range flowsPerWorld {
			from, to, f := pick(r, w.Endpoints), pick(r, w.Endpoints), randomFlow(r)
			byCilium, err := both["cilium"].Allowed(from, to, f)
			if err != nil {
				t.Fatal(err)
			}
			byCyclonus, err := both["cyclonus"].Allowed(from, to, f)
			if err != nil {
				t.Fatal(err)
			}
			if byCilium != byCyclonus {
				t.Errorf("seed %d: %s > %s %+v: cilium %t, cyclonus %t", s, from, to, f, byCilium, byCyclonus)
			}
			if byCilium {
				allowed++
			}
		}
	}
	t.Logf("%d of %d flows are allowed", allowed, worlds*flowsPerWorld)
	if share := allowed * 100 / (worlds * flowsPerWorld); share < 10 || share > 90 {
		t.Errorf("the worlds say little: %d %% of their flows are allowed", share)
	}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

var (
	labelKeys   = []string{"app", "tier", "ward"}
	labelValues = []string{"a", "b", "c"}
	namespaces  = []string{"infusion", "pacs", "ehr", "guests"}
	portNumbers = []uint16{53, 80, 104, 443, 2575, 11112}
	portNames   = []string{"dicom", "web"}
	protocols   = []flow.Protocol{flow.TCP, flow.UDP, flow.SCTP}
)

// randomWorld has twelve pods in four namespaces under a few policies.
func randomWorld(r *rand.Rand) World {
	w := World{}
	for i := range 12 {
		ns := pick(r, namespaces)
		e := podEndpoint(fmt.Sprintf("%s/pod-%d", ns, i), i+1)
		e.Labels = randomLabels(r)
		e.NamespaceLabels = map[string]string{"kind": ns[:1], "site": "main"}
		e.NamedPorts = []NamedPort{{Name: pick(r, portNames), Protocol: flow.TCP, Port: pick(r, portNumbers)}}
		w.Endpoints = append(w.Endpoints, e)
	}
	for i := range 1 + r.IntN(8) {
		w.Policies = append(w.Policies, randomNetworkPolicy(r, i))
	}
	return w
}

func randomLabels(r *rand.Rand) map[string]string {
	out := map[string]string{}
	for _, k := range labelKeys {
		if r.IntN(3) > 0 {
			out[k] = pick(r, labelValues)
		}
	}
	return out
}

func randomNetworkPolicy(r *rand.Rand, number int) *networkingv1.NetworkPolicy {
	np := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{
		Namespace: pick(r, namespaces), Name: fmt.Sprintf("policy-%d", number),
	}}
	np.Spec.PodSelector = *randomSelector(r, labelKeys, labelValues)
	if r.IntN(3) > 0 {
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
		for range r.IntN(3) {
			np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: randomPeers(r), Ports: randomPorts(r)})
		}
	}
	if len(np.Spec.PolicyTypes) == 0 || r.IntN(3) > 0 {
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		for range r.IntN(3) {
			np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: randomPeers(r), Ports: randomPorts(r)})
		}
	}
	return np
}

// randomSelector avoids NotIn, which cyclonus misjudges.
func randomSelector(r *rand.Rand, keys, values []string) *metav1.LabelSelector {
	key := pick(r, keys)
	switch r.IntN(5) {
	case 0:
		return &metav1.LabelSelector{}
	case 1:
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: pick(r, values)}}
	case 2:
		return expression(key, metav1.LabelSelectorOpIn, pick(r, values), pick(r, values))
	case 3:
		return expression(key, metav1.LabelSelectorOpExists)
	}
	return expression(key, metav1.LabelSelectorOpDoesNotExist)
}

func expression(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
}

func randomPeers(r *rand.Rand) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for range r.IntN(3) {
		p := networkingv1.NetworkPolicyPeer{}
		if r.IntN(2) == 0 {
			p.NamespaceSelector = randomSelector(r, []string{"kind", "site", "none"}, []string{"i", "p", "e", "main"})
		}
		if p.NamespaceSelector == nil || r.IntN(2) == 0 {
			p.PodSelector = randomSelector(r, labelKeys, labelValues)
		}
		out = append(out, p)
	}
	return out
}

func randomPorts(r *rand.Rand) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range r.IntN(3) {
		p := networkingv1.NetworkPolicyPort{}
		if r.IntN(3) > 0 {
			p.Protocol = new(corev1.Protocol(pick(r, protocols)))
		}
		switch number := pick(r, portNumbers); r.IntN(4) {
		case 0:
			p.Port = new(intstr.FromString(pick(r, portNames)))
		case 1:
			p.Port = new(intstr.FromInt32(int32(number)))
		case 2:
			p.Port = new(intstr.FromInt32(int32(number)))
			p.EndPort = new(int32(number) + int32(r.IntN(3000)))
		}
		out = append(out, p)
	}
	return out
}

func randomFlow(r *rand.Rand) flow.Flow {
	if r.IntN(10) == 0 {
		return flow.Flow{Protocol: flow.ICMP, ICMPType: pick(r, []uint8{0, 3, 8, 13})}
	}
	return flow.Flow{Protocol: pick(r, protocols), Port: pick(r, portNumbers) + uint16(r.IntN(2))}
}
