package cilium

import (
	"slices"

	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/render/object"
)

const (
	// k8sSource says that a label is one of Kubernetes: a label that Cilium or
	// anybody else gives to an endpoint does not match.
	k8sSource = "k8s:"
	// namespaceKey is the label that holds an endpoint's namespace. A selector
	// in a CiliumNetworkPolicy without it is bound to the policy's namespace.
	namespaceKey = k8sSource + "io.kubernetes.pod.namespace"
)

// subject returns the selector of a namespaced policy's own pods.
func subject(s metav1.LabelSelector) api.EndpointSelector {
	return api.EndpointSelector{LabelSelector: slim(s)}
}

// endpoints returns one selector for each of the pods, bound to their
// namespaces.
func endpoints(pods []object.Pods) []api.EndpointSelector {
	var out []api.EndpointSelector
	for _, p := range pods {
		if len(p.Namespaces) == 0 {
			continue
		}
		selector := slim(p.Selector)
		_, taken := selector.MatchLabels[namespaceKey]
		if len(p.Namespaces) > 1 || taken {
			selector.MatchExpressions = append(selector.MatchExpressions, namespaceIn(p.Namespaces))
		} else {
			if selector.MatchLabels == nil {
				selector.MatchLabels = map[string]string{}
			}
			selector.MatchLabels[namespaceKey] = p.Namespaces[0]
		}
		out = append(out, api.EndpointSelector{LabelSelector: selector})
	}
	return out
}

// namespaceIn requires one of the namespaces. Without names it would be
// invalid: its callers render nothing then.
func namespaceIn(names []string) slimmetav1.LabelSelectorRequirement {
	sorted := slices.Sorted(slices.Values(names))
	return slimmetav1.LabelSelectorRequirement{
		Key:      namespaceKey,
		Operator: slimmetav1.LabelSelectorOpIn,
		Values:   slices.Compact(sorted),
	}
}

// slim returns the selector in Cilium's type, its keys bound to Kubernetes.
func slim(s metav1.LabelSelector) *slimmetav1.LabelSelector {
	out := &slimmetav1.LabelSelector{}
	for k, v := range s.MatchLabels {
		if out.MatchLabels == nil {
			out.MatchLabels = map[string]string{}
		}
		out.MatchLabels[k8sSource+k] = v
	}
	for _, e := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, slimmetav1.LabelSelectorRequirement{
			Key:      k8sSource + e.Key,
			Operator: slimmetav1.LabelSelectorOperator(e.Operator),
			Values:   slices.Clone(e.Values),
		})
	}
	return out
}
