package netpol

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// Zone returns the objects of a zone: none unless it is enforced.
func Zone(ix *object.Index, name string) []object.Object {
	z := enforced(ix, name)
	if z == nil {
		return nil
	}
	out := Baselines(ix, name)
	for _, w := range ix.Workloads(z) {
		if np := allow(ix, z, w); np != nil {
			out = append(out, object.Object{Stage: object.StageAllow, KubeObject: np})
		}
	}
	return out
}

// Baselines returns the baseline of an enforced zone in each of its namespaces
// that exists, also while it is being deleted: its pods may take their time. Every pod there, registered or not, is denied both
// ways.
func Baselines(ix *object.Index, name string) []object.Object {
	z := enforced(ix, name)
	if z == nil {
		return nil
	}
	var out []object.Object
	for _, n := range z.Namespaces {
		if n.Exists {
			out = append(out, object.Object{Stage: object.StageBaseline, KubeObject: baseline(z, n.Name)})
		}
	}
	return out
}

// enforced returns the zone if it is a Device zone in Enforce.
func enforced(ix *object.Index, name string) *plan.Zone {
	z := ix.Zone(name)
	if z == nil || !z.Enforce || z.Role != medfencev1alpha1.RoleDevice {
		return nil
	}
	return z
}

func baseline(z *plan.Zone, namespace string) *networkingv1.NetworkPolicy {
	return policy(object.Meta{
		Zone:      z,
		Component: object.ComponentBaseline,
		Namespace: namespace,
		Name:      object.BaselineName(z.Name),
		Permits:   object.BaselinePermits,
	}, metav1.LabelSelector{})
}

// allow returns the policy of a workload, or nil if nothing is permitted: then
// the baseline says all.
func allow(ix *object.Index, z *plan.Zone, w *plan.Workload) *networkingv1.NetworkPolicy {
	ingress, egress := ingressRules(ix, w), egressRules(ix, w)
	if len(ingress)+len(egress) == 0 {
		return nil
	}
	np := policy(object.Meta{
		Zone:      z,
		Component: object.ComponentAllow,
		Namespace: w.Namespace,
		Name:      object.AllowName(w),
		Conduits:  ix.ConduitNames(w.WorkloadKey),
		Permits:   ix.Permits(w),
	}, *w.Selector.DeepCopy())
	np.Spec.Ingress, np.Spec.Egress = ingress, egress
	return np
}

// policy returns a policy that denies both ways, as the API server would fill
// it in.
func policy(meta object.Meta, pods metav1.LabelSelector) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{
			APIVersion: networkingv1.SchemeGroupVersion.String(),
			Kind:       "NetworkPolicy",
		},
		ObjectMeta: meta.ObjectMeta(),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: pods,
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}
}
