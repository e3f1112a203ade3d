package compile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
)

func since(had bool, was func() any, s *snapshot.Snapshot) metav1.Time {
	if had {
		if t, ok := was().(metav1.Time); ok {
			return t
		}
	}
	return metav1.NewTime(s.Now)
}

// permits lists what a plan permits and closes, in words that compare.
func permits(p *plan.Plan) []string {
	var out []string
	groups := map[string]plan.Group{}
	for _, g := range p.Groups {
		groups[g.Name] = g
	}
	for _, z := range p.Zones {
		out = append(out, fmt.Sprintf("zone %s enforce=%v released=%v %v", z.Name, z.Enforce, z.Released, z.Namespaces))
	}
	for _, c := range p.Conduits {
		if !c.Permits() {
			continue
		}
		for _, pair := range c.Pairs() {
			out = append(out, fmt.Sprintf("%s: %s -> %s %v", c.Name, endWords(pair.From, groups), endWords(pair.To, groups), c.Services))
		}
	}
	slices.Sort(out)
	return out
}

func endWords(e plan.End, groups map[string]plan.Group) string {
	text := fmt.Sprintf("%s %v %v %v", e.Zone, e.Workloads, e.FQDNs, e.Entities)
	for _, g := range e.Groups {
		text += fmt.Sprint(groups[g].Prefixes)
	}
	return text
}

// TestOneZoneAtATimeGivesWhatAllGive: each zone, compiled with only what the
// gatherer would bring for it, gets the workloads, groups and conduits that the
// whole hospital's compilation gives it.
func TestOneZoneAtATimeGivesWhatAllGive(t *testing.T) {
	for seed := range uint64(hospitals) {
		s := hospital.Random(seed, hospital.Options{Sound: seed%2 == 0})
		all := compile.Compile(s).Plan
		for _, z := range s.Zones {
			one := compile.Compile(neighbourhood(s, z.Name)).Plan
			if diff := cmp.Diff(share(all, z.Name), share(one, z.Name)); diff != "" {
				t.Fatalf("seed %d, zone %s (-all +one):\n%s", seed, z.Name, diff)
			}
		}
	}
}

// share is what a renderer needs for one zone.
func share(p *plan.Plan, zone string) []string {
	var out []string
	groups := map[string]plan.Group{}
	for _, g := range p.Groups {
		groups[g.Name] = g
		if g.Zone == zone {
			out = append(out, fmt.Sprintf("group %s %v %v", g.Name, g.Ends, g.Prefixes))
		}
	}
	for _, z := range p.Zones {
		if z.Name == zone {
			out = append(out, fmt.Sprintf("zone %s %s enforce=%v released=%v %v %v", z.Name, z.Standing, z.Enforce, z.Released, z.Namespaces, z.Prefixes))
		}
	}
	for _, w := range p.Workloads {
		if w.Zone == zone {
			out = append(out, fmt.Sprintf("workload %s %v %v", w.Name, w.WorkloadKey, w.Devices))
		}
	}
	for _, c := range p.Conduits {
		for _, pair := range c.Pairs() {
			if c.Permits() && (pair.From.Zone == zone || pair.To.Zone == zone) {
				out = append(out, fmt.Sprintf("%s: %s -> %s %v", c.Name, endWords(pair.From, groups), endWords(pair.To, groups), c.Services))
			}
		}
	}
	slices.Sort(out)
	return out
}

// neighbourhood keeps of a snapshot what the gatherer brings for one zone: the
// zones that conduits join to it, the conduits of all of these, the zones at
// their other ends, and all zones for prefixes and namespaces.
func neighbourhood(s *snapshot.Snapshot, zone string) *snapshot.Snapshot {
	out := *s
	out.Focus = []string{zone}
	near := map[string]bool{zone: true}
	for _, d := range s.Devices {
		if zones := deviceZones(d); slices.Contains(zones, zone) {
			for _, z := range zones {
				near[z] = true
			}
		}
	}
	joined := map[string]bool{}
	for z := range near {
		joined[z] = true
	}
	for _, c := range s.Conduits {
		if slices.ContainsFunc(conduitZones(c), func(z string) bool { return near[z] }) {
			for _, z := range conduitZones(c) {
				joined[z] = true
			}
		}
	}
	out.Conduits = slices.DeleteFunc(slices.Clone(s.Conduits), func(c snapshot.Conduit) bool {
		return !slices.ContainsFunc(conduitZones(c), func(z string) bool { return joined[z] })
	})
	return &out
}

func deviceZones(d snapshot.Device) []string {
	out := []string{d.Spec.Zone}
	if d.Accepted != nil {
		out = append(out, d.Accepted.Spec.Zone)
	}
	return out
}

func conduitZones(c snapshot.Conduit) []string {
	out := slices.Concat(c.Spec.From.Zones, c.Spec.To.Zones)
	if c.Accepted != nil {
		out = slices.Concat(out, c.Accepted.Spec.From.Zones, c.Accepted.Spec.To.Zones)
	}
	return out
}
