package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

func kinds(p *plan.Plan, zone string) map[string]int {
	out := map[string]int{}
	for _, o := range render.Zone(p, zone) {
		out[o.Kind()]++
	}
	return out
}

func TestEachTargetHasItsKinds(t *testing.T) {
	cases := map[string]struct {
		target snapshot.TargetKind
		zone   string
		want   map[string]int
	}{
		"netpol, enforced": {snapshot.Netpol, "infusion", map[string]int{"NetworkPolicy": 4}},
		"netpol, Observe":  {snapshot.Netpol, "imaging", map[string]int{}},
		"netpol, a peer":   {snapshot.Netpol, "pacs", map[string]int{}},
		"cilium, enforced": {snapshot.Cilium, "infusion", map[string]int{
			"CiliumNetworkPolicy": 2, "NetworkPolicy": 2, "CiliumClusterwideNetworkPolicy": 2,
		}},
		"cilium, Observe":     {snapshot.Cilium, "imaging", map[string]int{"CiliumNetworkPolicy": 1, "CiliumCIDRGroup": 1}},
		"cilium, a peer":      {snapshot.Cilium, "pacs", map[string]int{"CiliumNetworkPolicy": 1, "CiliumCIDRGroup": 1}},
		"a zone without pods": {snapshot.Cilium, "vendor", map[string]int{}},
		"an unknown zone":     {snapshot.Cilium, "nowhere", map[string]int{}},
		"an unknown target":   {"iptables", "infusion", map[string]int{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := plantest.Hospital(tc.target)
			if diff := cmp.Diff(tc.want, kinds(p, tc.zone)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestObjectsComeInTheOrderOfWriting(t *testing.T) {
	for _, target := range targets {
		objects := render.All(plantest.Hospital(target))
		for i := 1; i < len(objects); i++ {
			if objects[i-1].Stage > objects[i].Stage {
				t.Errorf("%s: %s comes before %s", target, objects[i-1].GetName(), objects[i].GetName())
			}
		}
	}
}

func TestEveryObjectBelongsToTheZoneThatRendersIt(t *testing.T) {
	for _, target := range targets {
		p := plantest.Hospital(target)
		for _, z := range p.Zones {
			for _, o := range render.Zone(p, z.Name) {
				if got := o.GetLabels()["medfence.io/zone"]; got != z.Name {
					t.Errorf("%s of zone %s is rendered for %s", o.GetName(), got, z.Name)
				}
			}
		}
	}
}

func TestAnEmptyPlanRendersNothing(t *testing.T) {
	for _, target := range targets {
		if got := render.All(&plan.Plan{Target: target}); len(got) > 0 {
			t.Errorf("%s: %v", target, got)
		}
	}
}

// A conduit that is added changes only the policies of its own members.
func TestAConduitTouchesOnlyItsMembers(t *testing.T) {
	for _, target := range targets {
		before, after := plantest.Hospital(target), plantest.Hospital(target)
		before.Conduits = before.Conduits[1:] // without imaging-pacs
		changed := map[string]bool{}
		texts := map[string]string{}
		for _, o := range render.Zone(before, "infusion") {
			texts[o.GetNamespace()+o.GetName()+o.Kind()] = string(wire(t, []object.Object{o}))
		}
		for _, o := range render.Zone(after, "infusion") {
			if texts[o.GetNamespace()+o.GetName()+o.Kind()] != string(wire(t, []object.Object{o})) {
				changed[o.GetName()] = true
			}
		}
		if len(changed) > 0 {
			t.Errorf("%s: a conduit of other zones changed %v", target, changed)
		}
	}
}
