package render

import (
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
	ix := object.NewIndex(p)
	var out []object.Object
	for _, name := range ix.ZoneNames() {
		out = append(out, zoneOf(ix, name)...)
	}
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
