package render_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

var update = flag.Bool("update", os.Getenv("UPDATE_GOLDEN") != "", "write the golden files anew")

// changes are made to the hospital's plan; the zone infusion is rendered.
var changes = map[string]func(p *plan.Plan){
	"observe": func(p *plan.Plan) { p.Zones[1].Enforce = false },
	"namespaces": func(p *plan.Plan) {
		p.Zones[1].Namespaces = []plan.Namespace{
			{Name: "closed-wing", Exists: true, Held: true},
			{Name: "icu", Exists: true, Terminating: true},
			{Name: "ward-b", Exists: true},
			{Name: "ward-c"},
		}
	},
	"names": func(p *plan.Plan) {
		for i := range p.Workloads {
			if p.Workloads[i].Zone == "infusion" {
				p.Workloads[i].DNS = medfencev1alpha1.DNSNames
			}
		}
	},
	"node-local": func(p *plan.Plan) {
		p.DNS.NodeLocal = []netip.Addr{netip.MustParseAddr("169.254.20.10"), netip.MustParseAddr("fd00::53")}
	},
	"many-ports": func(p *plan.Plan) {
		var ranges []flow.PortRange
		for port := uint16(20000); port < 20082; port += 2 {
			ranges = append(ranges, flow.PortRange{Port: port, End: port})
		}
		p.Conduits = p.Conduits[1:2]
		p.Conduits[0].Services[0].Ports = flow.NewPortSet(ranges...)
	},
	"one-way-left": func(p *plan.Plan) { // the archive lost its members
		p.Conduits = p.Conduits[1:2]
		p.Conduits[0].To[0].Workloads, p.Conduits[0].To[0].Groups = nil, nil
	},
	"released": func(p *plan.Plan) { p.Zones[1].Released = true },
}

func TestTheHospitalIsRenderedAsInItsGoldenFile(t *testing.T) {
	for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
		golden(t, target, "hospital", render.All(plantest.Hospital(target)))
	}
}

func TestEachChangeOfTheHospitalIsRenderedAsInItsGoldenFile(t *testing.T) {
	for name, change := range changes {
		for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
			p := plantest.Hospital(target)
			change(p)
			golden(t, target, name, render.Zone(p, "infusion"))
		}
	}
}

func golden(t *testing.T, target snapshot.TargetKind, name string, objects []object.Object) {
	t.Helper()
	t.Run(string(target)+"/"+name, func(t *testing.T) {
		got, err := object.Manifest(objects)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", string(target), name+".yaml")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v (write it with -update)", err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("not as in %s (-want +got):\n%s", path, diff)
		}
	})
}
