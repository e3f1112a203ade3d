package cilium

import (
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// Zone returns the Cilium objects of a zone: groups and allows, and for an
// enforced zone the baseline, and the guard and the moat that are given.
func Zone(ix *object.Index, g guard.Guard, name string) []object.Object {
	z := ix.Zone(name)
	if z == nil {
		return nil
	}
	var out []object.Object
	for _, g := range ix.Groups(z) {
		out = append(out, object.Object{Stage: object.StageGroup, KubeObject: group(z, g)})
	}
	for _, w := range ix.Workloads(z) {
		if cnp := allow(ix, z, w); cnp != nil {
			out = append(out, object.Object{Stage: object.StageAllow, KubeObject: cnp})
		}
	}
	if z.Enforce && z.Role == medfencev1alpha1.RoleDevice && len(z.Namespaces) > 0 {
		out = append(out, object.Object{Stage: object.StageBaseline, KubeObject: baseline(z)})
	}
	if len(g.Specs) > 0 {
		out = append(out, object.Object{Stage: object.StageGuard, KubeObject: guardPolicy(ix, z, g)})
	}
	if len(g.Moat) > 0 {
		out = append(out, object.Object{Stage: object.StageMoat, KubeObject: moatPolicy(ix, z, g)})
	}
	return out
}

// group returns the group's addresses, merged. A bare address would be skipped
// by Cilium with a warning, so all are prefixes.
func group(z *plan.Zone, g *plan.Group) *ciliumv2.CiliumCIDRGroup {
	prefixes := flow.MergePrefixes(g.Prefixes)
	cidrs := make([]api.CIDR, 0, len(prefixes))
	for _, p := range prefixes {
		cidrs = append(cidrs, api.CIDR(p.String()))
	}
	return &ciliumv2.CiliumCIDRGroup{
		TypeMeta: typeMeta(ciliumv2.CCGKindDefinition),
		ObjectMeta: object.Meta{
			Zone:      z,
			Component: object.ComponentGroup,
			Name:      object.GroupName(g.Name),
			Conduits:  object.ConduitsOfGroup(g),
		}.ObjectMeta(),
		Spec: ciliumv2.CiliumCIDRGroupSpec{ExternalCIDRs: cidrs},
	}
}

// allow returns the policy of a workload, or nil if nothing is permitted.
func allow(ix *object.Index, z *plan.Zone, w *plan.Workload) *ciliumv2.CiliumNetworkPolicy {
	rule := &api.Rule{
		EndpointSelector:  subject(w.Selector),
		Ingress:           ingressRules(ix, w),
		Egress:            egressRules(ix, w),
		EnableDefaultDeny: defaultDeny(false),
	}
	if len(rule.Ingress)+len(rule.Egress) == 0 {
		return nil
	}
	return &ciliumv2.CiliumNetworkPolicy{
		TypeMeta: typeMeta(ciliumv2.CNPKindDefinition),
		ObjectMeta: object.Meta{
			Zone:      z,
			Component: object.ComponentAllow,
			Namespace: w.Namespace,
			Name:      object.AllowName(w),
			Conduits:  ix.ConduitNames(w.WorkloadKey),
			Permits:   ix.Permits(w),
		}.ObjectMeta(),
		Spec: rule,
	}
}

// baseline returns the policy that closes the zone's namespaces by their names,
// and so before they exist. Its empty rules permit nothing but switch default
// deny on; that they do is said as well.
func baseline(z *plan.Zone) *ciliumv2.CiliumClusterwideNetworkPolicy {
	names := make([]string, 0, len(z.Namespaces))
	for _, n := range z.Namespaces {
		names = append(names, n.Name)
	}
	selector := &slimmetav1.LabelSelector{}
	selector.MatchExpressions = []slimmetav1.LabelSelectorRequirement{namespaceIn(names)}
	return &ciliumv2.CiliumClusterwideNetworkPolicy{
		TypeMeta: typeMeta(ciliumv2.CCNPKindDefinition),
		ObjectMeta: object.Meta{
			Zone:      z,
			Component: object.ComponentBaseline,
			Name:      object.BaselineName(z.Name),
			Permits:   object.BaselinePermits,
		}.ObjectMeta(),
		Spec: &api.Rule{
			EndpointSelector:  api.EndpointSelector{LabelSelector: selector},
			Ingress:           []api.IngressRule{{}},
			Egress:            []api.EgressRule{{}},
			EnableDefaultDeny: defaultDeny(true),
		},
	}
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: ciliumv2.SchemeGroupVersion.String(), Kind: kind}
}

// defaultDeny says for both directions whether whatever no rule permits is
// denied. Left unsaid, any rule of a direction would switch it on.
func defaultDeny(on bool) api.DefaultDenyConfig {
	return api.DefaultDenyConfig{Ingress: new(on), Egress: new(on)}
}
