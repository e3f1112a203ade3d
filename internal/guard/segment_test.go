package guard

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

func TestTheClassesPartAllThatCanBeSent(t *testing.T) {
	d := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		list := make([]access, d.IntN(4))
		for i := range list {
			for range d.IntN(4) {
				first := uint16(d.IntN(40))
				list[i].open(protocols[d.IntN(3)], flow.NewPortSet(flow.PortRange{Port: first, End: first + uint16(d.IntN(9))}))
			}
			list[i].v4 = d.IntN(2) == 0
		}
		all := classes(list)
		for _, protocol := range protocols {
			for _, port := range []uint16{1, 2, 3, 5, 8, 13, 21, 34, 40, 47, 48, 49, 65535} {
				checkPort(t, list, all, protocol, port)
			}
		}
		families := 0
		for _, c := range all {
			if c.v4 {
				families++
				for i, a := range list {
					if c.to(i) != a.v4 {
						t.Fatalf("ICMPv4 to peer %d: %t", i, c.to(i))
					}
				}
			}
		}
		if families != 1 {
			t.Fatalf("ICMPv4 is in %d classes", families)
		}
	}
}

func checkPort(t *testing.T, list []access, all []class, protocol flow.Protocol, port uint16) {
	t.Helper()
	in := slices.DeleteFunc(slices.Clone(all), func(c class) bool {
		return !slices.ContainsFunc(c.ports, func(p object.Port) bool { return p.Protocol == protocol && p.Range.Contains(port) })
	})
	if len(in) != 1 {
		t.Fatalf("%s %d is in %d classes", protocol, port, len(in))
	}
	for i, a := range list {
		if got, want := in[0].to(i), a.ports[protocol].Contains(port); got != want {
			t.Fatalf("%s %d to peer %d: %t, want %t", protocol, port, i, got, want)
		}
	}
}

func TestARangeOfPortsCostsItsBlocks(t *testing.T) {
	for want, r := range map[int]flow.PortRange{
		1: {Port: 104, End: 104}, 7: {Port: 1, End: 127}, 4: {Port: 2, End: 17},
	} {
		if got := portBlocks([]object.Port{{Protocol: flow.TCP, Range: r}}); got != want {
			t.Errorf("%v costs %d, want %d", r, got, want)
		}
	}
	if got := portBlocks([]object.Port{{Protocol: flow.UDP, Range: flow.PortRange{Port: 1, End: 65535}}}); got != 1 {
		t.Errorf("all ports cost %d", got)
	}
}

func TestOnlyAnEnforcedDeviceZoneHasAGuard(t *testing.T) {
	for name, tc := range map[string]struct {
		zone   string
		change func(*plan.Plan)
		want   bool
	}{
		"enforced":        {"infusion", func(*plan.Plan) {}, true},
		"observed":        {"infusion", func(p *plan.Plan) { zoneOf(p, "infusion").Enforce = false }, false},
		"released":        {"infusion", func(p *plan.Plan) { zoneOf(p, "infusion").Released = true }, false},
		"a peer":          {"pacs", func(*plan.Plan) {}, false},
		"unknown":         {"nowhere", func(*plan.Plan) {}, false},
		"without members": {"infusion", func(p *plan.Plan) { zoneOf(p, "infusion").Namespaces = nil }, false},
	} {
		p := plantest.Hospital(snapshot.Cilium)
		tc.change(p)
		if got := len(Of(object.NewIndex(p), tc.zone).Specs) > 0; got != tc.want {
			t.Errorf("%s: a guard: %t", name, got)
		}
	}
}

func zoneOf(p *plan.Plan, name string) *plan.Zone {
	i := slices.IndexFunc(p.Zones, func(z plan.Zone) bool { return z.Name == name })
	return &p.Zones[i]
}

// What is denied to a workload is worked out once for all that are akin: that
// must be what each would be denied by itself.
func TestWorkloadsThatAreAkinAreDeniedTheSame(t *testing.T) {
	d := rand.New(rand.NewPCG(7, 8))
	akin, others := 0, 0
	for range 400 {
		seed := make([]byte, 400)
		for i := range seed {
			seed[i] = byte(d.UintN(256))
		}
		ix := object.NewIndex(plantest.Random(plantest.NewDice(seed), snapshot.Cilium))
		b := &builder{ix: ix, settings: ix.Plan.Cilium}
		b.denies = b.guardDenies
		for i := range ix.Plan.Workloads {
			for j := range ix.Plan.Workloads[:i] {
				v, w := &ix.Plan.Workloads[i], &ix.Plan.Workloads[j]
				b.zone = ix.Zone(v.Zone)
				switch {
				case b.zone == nil:
				case !b.akin(v, w):
					others++
				default:
					akin++
					if got, want := b.grants(v), b.grants(w); got != want {
						t.Fatalf("akin, yet %v is denied %s and %v %s", v.WorkloadKey, got, w.WorkloadKey, want)
					}
				}
			}
		}
	}
	if akin < 100 || others < 100 {
		t.Fatalf("%d pairs are akin and %d are not: too few to tell", akin, others)
	}
}
