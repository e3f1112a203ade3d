package cilium

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// Readers returns the names of the rendered policies whose rules name a group,
// sorted: allows, and, without a namespace, guards and moats. An address that
// moves from one group to another may leave the first once the readers of the
// second are written.
func Readers(p *plan.Plan, group string) []types.NamespacedName {
	ix := object.NewIndex(p)
	var out []types.NamespacedName
	for _, name := range ix.ZoneNames() {
		z := ix.Zone(name)
		if z == nil {
			continue
		}
		for _, w := range ix.Workloads(z) {
			if ix.Names(w.WorkloadKey, group) {
				out = append(out, types.NamespacedName{Namespace: w.Namespace, Name: object.AllowName(w)})
			}
		}
		g := guard.Of(ix, name)
		if guard.Names(g.Specs, object.GroupName(group)) {
			out = append(out, types.NamespacedName{Name: object.GuardName(name)})
		}
		if guard.Names(g.Moat, object.GroupName(group)) {
			out = append(out, types.NamespacedName{Name: object.MoatName(name)})
		}
	}
	slices.SortFunc(out, func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(out)
}
