package oracle

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/flow"
)

// A NetpolJudge knows NetworkPolicy as its documentation defines it, whatever
// the network plugin.
type NetpolJudge struct {
	policies *matcher.Policy
}

// Cyclonus returns the judge of a World whose policies are NetworkPolicies.
// Selectors with NotIn are an error: cyclonus takes an absent key for a
// mismatch.
func Cyclonus(w World) (*NetpolJudge, error) {
	var stored []*networkingv1.NetworkPolicy
	for _, obj := range w.Policies {
		if kindOf(obj) != "NetworkPolicy" {
			return nil, fmt.Errorf("cyclonus cannot judge %s", describe(obj))
		}
		np, err := readNetworkPolicy(obj)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", describe(obj), err)
		}
		if slices.ContainsFunc(selectors(np), misjudged) {
			return nil, fmt.Errorf("cyclonus misjudges NotIn and empty label values, which %s uses", describe(obj))
		}
		stored = append(stored, np)
	}
	return &NetpolJudge{policies: matcher.BuildNetworkPolicies(false, stored)}, nil
}

// Allowed reports whether the flow passes. The node of a pod always reaches
// the pod; whether the pod reaches its node differs between plugins, which is
// an error.
func (j *NetpolJudge) Allowed(from, to Endpoint, f flow.Flow) (bool, error) {
	if ok, err := j.Sends(from, to, f); err != nil || !ok {
		return false, err
	}
	return j.Receives(from, to, f)
}

// Sends is the half of Allowed that the egress rules of from decide.
func (j *NetpolJudge) Sends(from, to Endpoint, f flow.Flow) (bool, error) {
	return j.passes(from, to, f, false)
}

// Receives is the half of Allowed that the ingress rules of to decide.
func (j *NetpolJudge) Receives(from, to Endpoint, f flow.Flow) (bool, error) {
	return j.passes(from, to, f, true)
}

func (j *NetpolJudge) passes(from, to Endpoint, f flow.Flow, ingress bool) (bool, error) {
	if from.Kind == Host {
		return true, nil
	}
	if to.Kind == Host {
		return false, fmt.Errorf("plugins differ on whether %s reaches its own node", from)
	}
	is4 := isIPv4(from, to, f)
	source, err := peer(from, from.address(f.Source, is4))
	if err != nil {
		return false, err
	}
	destination, err := peer(to, to.address(f.Destination, is4))
	if err != nil {
		return false, err
	}
	return j.policies.IsIngressOrEgressAllowed(&matcher.Traffic{
		Source:           source,
		Destination:      destination,
		ResolvedPort:     int(f.Port),
		ResolvedPortName: portName(to, f),
		Protocol:         corev1.Protocol(f.Protocol),
	}, ingress).IsAllowed(), nil
}

// peer returns an end of a flow in cyclonus' words. Every peer has an address,
// pods too: an ipBlock may match them.
func peer(e Endpoint, ip netip.Addr) (*matcher.TrafficPeer, error) {
	if !ip.IsValid() {
		return nil, fmt.Errorf("%s needs an address of the flow's family", e)
	}
	p := &matcher.TrafficPeer{IP: ip.String()}
	if e.Kind == Pod && e.Cluster == "" {
		p.Internal = &matcher.InternalPeer{
			Namespace:       e.Namespace,
			NamespaceLabels: namespace{name: e.Namespace, labels: e.NamespaceLabels}.GetLabels(),
			PodLabels:       maps.Clone(e.Labels),
		}
	}
	return p, nil
}

// portName returns the name of the container port to which the flow goes.
func portName(to Endpoint, f flow.Flow) string {
	for _, p := range to.NamedPorts {
		if p.Port == f.Port && p.Protocol == f.Protocol {
			return p.Name
		}
	}
	return ""
}

// selectors returns every selector of a policy.
func selectors(np *networkingv1.NetworkPolicy) []*metav1.LabelSelector {
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: &np.Spec.PodSelector}}
	for _, rule := range np.Spec.Ingress {
		peers = append(peers, rule.From...)
	}
	for _, rule := range np.Spec.Egress {
		peers = append(peers, rule.To...)
	}
	var out []*metav1.LabelSelector
	for _, p := range peers {
		out = append(out, p.PodSelector, p.NamespaceSelector)
	}
	return slices.DeleteFunc(out, func(s *metav1.LabelSelector) bool { return s == nil })
}

// misjudged reports whether cyclonus may misread the selector where a label is
// absent.
func misjudged(s *metav1.LabelSelector) bool {
	for _, value := range s.MatchLabels {
		if value == "" {
			return true
		}
	}
	return slices.ContainsFunc(s.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
		return r.Operator == metav1.LabelSelectorOpNotIn
	})
}
