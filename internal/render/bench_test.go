package render_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
)

// largeZone has devices that all talk to each other: the most rules that one
// conduit can make.
func largeZone(target snapshot.TargetKind, devices int) *plan.Plan {
	p := &plan.Plan{Target: target, Zones: []plan.Zone{{
		Name: "icu", Role: medfencev1alpha1.RoleDevice, Enforce: true, Namespaces: []plan.Namespace{{Name: "icu", Exists: true}},
	}}}
	end := plan.End{Zone: "icu"}
	for i := range devices {
		app := fmt.Sprintf("device-%d", i)
		key := plan.WorkloadKey{Zone: "icu", Namespace: "icu", Selector: "app=" + app}
		p.Workloads = append(p.Workloads, plan.Workload{
			WorkloadKey: key, Name: app, Device: true, DNS: medfencev1alpha1.DNSNone,
			Selector: metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		})
		end.Workloads = append(end.Workloads, key)
	}
	p.Conduits = []plan.Conduit{{
		Name: "mesh", Standing: plan.Current, State: plan.Active, From: []plan.End{end}, To: []plan.End{end},
		Services: []flow.Service{{Protocol: flow.TCP, Ports: flow.NewPortSet(flow.PortRange{Port: 104, End: 104})}},
	}}
	return p
}

func BenchmarkZone(b *testing.B) {
	for _, target := range targets {
		p := largeZone(target, 200)
		b.Run(string(target), func(b *testing.B) {
			for b.Loop() {
				render.Zone(p, "icu")
			}
		})
	}
}
