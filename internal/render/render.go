package render

import (
	"slices"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/cilium"
	"github.com/medfence/medfence/internal/render/netpol"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

// Zone returns the objects of one zone, in the order of writing. Every object
// belongs to exactly one zone: that of its pods or addresses.
func Zone(p *plan.Plan, zone string) []object.Object {
	out := zoneOf(object.NewIndex(p), zone)
	object.Sort(out)
	return out
}

// All returns the objects of all zones, in the order of writing.
func All(p *plan.Plan) []object.Object {
	return AllBy(p, func(n int, do func(i int)) {
		for i := range n {
			do(i)
		}
	})
}

// AllBy is All where the caller says how n independent things are done: each
// must be done once, in any order, at the same time too.
func AllBy(p *plan.Plan, each func(n int, do func(i int))) []object.Object {
	ix := object.NewIndex(p)
	names := ix.ZoneNames()
	zones := make([][]object.Object, len(names))
	each(len(names), func(i int) { zones[i] = zoneOf(ix, names[i]) })
	out := slices.Concat(zones...)
	object.Sort(out)
	return out
}

func zoneOf(ix *object.Index, zone string) []object.Object {
	switch ix.Plan.Target {
	case snapshot.Netpol:
		return netpol.Zone(ix, zone)
	case snapshot.Cilium:
		return append(cilium.Zone(ix, zone), netpol.Baselines(ix, zone)...)
	}
	return nil
}
