package netpol_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
)

// A judge says what NetworkPolicies permit, as the Kubernetes API documents
// them, from the bytes that are sent. It knows nothing of plans.
type judge []*networkingv1.NetworkPolicy

func newJudge(t *testing.T, objects []object.Object) judge {
	t.Helper()
	var j judge
	for _, o := range objects {
		raw, err := json.Marshal(o.KubeObject)
		if err != nil {
			t.Fatal(err)
		}
		policy := &networkingv1.NetworkPolicy{}
		if err := json.Unmarshal(raw, policy); err != nil {
			t.Fatal(err)
		}
		j = append(j, policy)
	}
	return j
}

// isolated reports whether any policy selects the pod for a direction.
func (j judge) isolated(pod plantest.Party, d networkingv1.PolicyType) bool {
	return slices.ContainsFunc(j, func(np *networkingv1.NetworkPolicy) bool {
		return selects(np, pod) && slices.Contains(np.Spec.PolicyTypes, d)
	})
}

// egress returns the ports of each rule by which an isolated pod may send.
func (j judge) egress(pod, to plantest.Party) [][]networkingv1.NetworkPolicyPort {
	var out [][]networkingv1.NetworkPolicyPort
	for _, np := range j {
		for _, rule := range np.Spec.Egress {
			if selects(np, pod) && peersHold(np, rule.To, to) {
				out = append(out, rule.Ports)
			}
		}
	}
	return out
}

// ingress returns the ports of each rule by which an isolated pod may receive.
func (j judge) ingress(from, pod plantest.Party) [][]networkingv1.NetworkPolicyPort {
	var out [][]networkingv1.NetworkPolicyPort
	for _, np := range j {
		for _, rule := range np.Spec.Ingress {
			if selects(np, pod) && peersHold(np, rule.From, from) {
				out = append(out, rule.Ports)
			}
		}
	}
	return out
}

// anyHolds reports whether a packet passes by one of the rules.
func anyHolds(rules [][]networkingv1.NetworkPolicyPort, packet plantest.Packet) bool {
	return slices.ContainsFunc(rules, func(ports []networkingv1.NetworkPolicyPort) bool { return portsHold(ports, packet) })
}

func selects(np *networkingv1.NetworkPolicy, pod plantest.Party) bool {
	return np.Namespace == pod.Namespace && plantest.Selects(np.Spec.PodSelector, pod.Labels)
}

// peersHold: no peers at all means everyone.
func peersHold(np *networkingv1.NetworkPolicy, peers []networkingv1.NetworkPolicyPeer, a plantest.Party) bool {
	if len(peers) == 0 {
		return true
	}
	return slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil {
			prefix, err := netip.ParsePrefix(p.IPBlock.CIDR)
			return err == nil && a.Addr.IsValid() && prefix.Contains(a.Addr) && len(p.IPBlock.Except) == 0
		}
		if !a.Pod() {
			return false
		}
		namespace := a.Namespace == np.Namespace // the policy's own, without a selector
		if p.NamespaceSelector != nil {
			namespace = plantest.Selects(*p.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": a.Namespace})
		}
		return namespace && (p.PodSelector == nil || plantest.Selects(*p.PodSelector, a.Labels))
	})
}

// portsHold: no ports at all means every port.
func portsHold(ports []networkingv1.NetworkPolicyPort, packet plantest.Packet) bool {
	if len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		if p.Protocol == nil || string(*p.Protocol) != string(packet.Protocol) {
			return false
		}
		if p.Port == nil {
			return true
		}
		first, last := int(p.Port.IntVal), int(p.Port.IntVal)
		if p.EndPort != nil {
			last = int(*p.EndPort)
		}
		return first <= int(packet.Port) && int(packet.Port) <= last
	})
}
