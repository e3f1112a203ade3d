package cilium

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// Readers returns the names of the rendered policies whose rules name a group,
// sorted: allows, and, without a namespace, guards and moats. A zone that is
// not enforced has neither any more, but what it had may still stand, and deny
// whatever is in none of the groups that it names; so it is a reader as if it
// were there. An address that moves from one group to another may leave the
// first once the readers of the second are written or gone.
func Readers(guards *guard.Guards, group string) []types.NamespacedName {
	ix := guards.Index()
	naming := ix.Naming(group)
	var out []types.NamespacedName
	for _, name := range ix.ZoneNames() {
		z := ix.Zone(name)
		if z == nil {
			continue
		}
		for _, w := range ix.Workloads(z) {
			if slices.Contains(naming, w) {
				out = append(out, types.NamespacedName{Namespace: w.Namespace, Name: object.AllowName(w)})
			}
		}
		guarded, moated := denied(guards, z, group)
		if guarded {
			out = append(out, types.NamespacedName{Name: object.GuardName(name)})
		}
		if moated {
			out = append(out, types.NamespacedName{Name: object.MoatName(name)})
		}
	}
	slices.SortFunc(out, func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(out)
}

// denied reports whether the zone's guard and its moat name a group, or may
// have named it while the zone was enforced.
func denied(guards *guard.Guards, z *plan.Zone, group string) (guarded, moated bool) {
	ix := guards.Index()
	if z.Enforce {
		g := guards.Of(z.Name)
		return guard.Names(g.Specs, object.GroupName(group)), guard.Names(g.Moat, object.GroupName(group))
	}
	if z.Role != medfencev1alpha1.RoleDevice {
		return false, false
	}
	names := func(w *plan.Workload) bool { return slices.Contains(ix.Naming(group), w) }
	owns := func(g *plan.Group) bool { return g.Name == group }
	return slices.ContainsFunc(ix.Workloads(z), names), slices.ContainsFunc(ix.Groups(z), owns)
}
