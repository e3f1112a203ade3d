package compile_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

// BenchmarkCompile compiles whole hospitals: 100 devices in each zone, three
// conduits for each zone, two pods for each workload.
func BenchmarkCompile(b *testing.B) {
	for _, devices := range []int{1_000, 10_000} {
		s := large(devices)
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := compile.Compile(s); len(r.Plan.Devices) != devices {
					b.Fatalf("got %d devices", len(r.Plan.Devices))
				}
			}
		})
	}
}

func large(devices int) *snapshot.Snapshot {
	setting := scenarios.Setting(snapshot.Cilium)
	s := &snapshot.Snapshot{Now: setting.Now, Target: setting.Target, Cluster: setting.Cluster}
	for z := range devices / 100 {
		zone, peer := fmt.Sprintf("zone-%d", z), fmt.Sprintf("peer-%d", z)
		s.Namespaces = append(s.Namespaces, snapshot.Namespace{Name: zone}, snapshot.Namespace{Name: peer})
		s.Zones = append(s.Zones, snapshot.Zone{Name: zone, Spec: medfencev1alpha1.DeviceZoneSpec{
			Role: medfencev1alpha1.RoleDevice, Enforcement: medfencev1alpha1.Enforce,
			Members: medfencev1alpha1.ZoneMembers{Namespaces: []string{zone}, CIDRs: []string{fmt.Sprintf("10.%d.%d.0/24", 100+z/250, z%250)}},
		}}, snapshot.Zone{Name: peer, Spec: medfencev1alpha1.DeviceZoneSpec{
			Role: medfencev1alpha1.RoleClinical, Members: medfencev1alpha1.ZoneMembers{Namespaces: []string{peer}},
		}})
		for i := range 3 {
			s.Conduits = append(s.Conduits, snapshot.Conduit{Name: fmt.Sprintf("%s-%d", zone, i), Spec: medfencev1alpha1.ConduitSpec{
				From: medfencev1alpha1.ConduitEnd{Zones: []string{zone}}, To: medfencev1alpha1.ConduitEnd{Zones: []string{peer}},
				Services: []medfencev1alpha1.ConduitService{{Protocol: "TCP", Port: new(int32(2000 + i))}}, Purpose: "A purpose for the auditor",
			}})
		}
		for i := range 100 {
			d := snapshot.Device{Namespace: zone, Name: fmt.Sprintf("d-%d", i), Spec: medfencev1alpha1.MedicalDeviceSpec{
				Zone: zone, Criticality: medfencev1alpha1.CriticalityTherapeutic,
			}}
			if i%2 == 0 {
				app := fmt.Sprintf("app-%d", i)
				d.Spec.Workload = &medfencev1alpha1.DeviceWorkload{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
				s.Pods = append(s.Pods, snapshot.Pod{Namespace: zone, Name: app + "-0", Labels: map[string]string{"app": app}},
					snapshot.Pod{Namespace: zone, Name: app + "-1", Labels: map[string]string{"app": app}})
			} else {
				d.Spec.Addresses = []string{fmt.Sprintf("10.%d.%d.%d", 100+z/250, z%250, i+1)}
			}
			s.Devices = append(s.Devices, d)
		}
	}
	return s
}
