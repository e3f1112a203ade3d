package render

import (
	"slices"

	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/cilium"
	"github.com/medfence/medfence/internal/render/netpol"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

// Zone returns the objects of one zone, in the order of writing. Every object
// belongs to exactly one zone: that of its pods or addresses.
func Zone(p *plan.Plan, zone string) []object.Object { return ZoneOf(guard.New(p), zone) }

// ZoneOf is Zone of the plan whose guards are given.
func ZoneOf(g *guard.Guards, zone string) []object.Object {
	out := zoneOf(g, zone)
	object.Sort(out)
	return out
}

// All returns the objects of all zones, in the order of writing.
func All(p *plan.Plan) []object.Object { return AllOf(guard.New(p), InTurn) }

// InTurn does n things one after the other.
func InTurn(n int, do func(i int)) {
	for i := range n {
		do(i)
	}
}

// AllOf is All of the plan whose guards are given. The caller says how n
// independent things are done: each must be done once, in any order, at the same
// time too.
func AllOf(g *guard.Guards, each func(n int, do func(i int))) []object.Object {
	names := g.Index().ZoneNames()
	zones := make([][]object.Object, len(names))
	each(len(names), func(i int) { zones[i] = zoneOf(g, names[i]) })
	out := slices.Concat(zones...)
	object.Sort(out)
	return out
}

func zoneOf(g *guard.Guards, zone string) []object.Object {
	ix := g.Index()
	switch ix.Plan.Target {
	case snapshot.Netpol:
		return netpol.Zone(ix, zone)
	case snapshot.Cilium:
		return append(cilium.Zone(ix, g.Of(zone), zone), netpol.Baselines(ix, zone)...)
	}
	return nil
}
