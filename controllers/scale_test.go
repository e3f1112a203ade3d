package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

const (
	manyZones   = 50
	manyDevices = 40 // in each zone
)

func TestOneDeviceAmongThousandsWritesOnlyWhatIsConcerned(t *testing.T) {
	l, stop, err := newLab(context.Background(), controlplane.Options{WithoutControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	begin := time.Now()
	l.populate(t)
	t.Logf("populated in %s", time.Since(begin))
	begin = time.Now()
	b := newBench(t, l, "netpol")
	b.settled()
	t.Logf("settled in %s after %v reconciles and %d writes", time.Since(begin), b.reconciles(), len(b.calls.seen("")))
	if err := b.allReady(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*medfencev1alpha1.MedicalDevice)
		want   []string
	}{
		{"its firmware", func(d *medfencev1alpha1.MedicalDevice) { d.Spec.Identity.FirmwareVersion = "2.0" }, []string{
			"PATCH /apis/medfence.io/v1alpha1/namespaces/ward-07/medicaldevices/device-00/status",
		}},
		{"its pods", func(d *medfencev1alpha1.MedicalDevice) {
			d.Spec.Workload.PodSelector.MatchLabels["app"] = "gateway-v2"
		}, []string{
			"DELETE /apis/networking.k8s.io/v1/namespaces/ward-07/networkpolicies/medfence-gateway-0-f4fea07b66",
			"PATCH /apis/medfence.io/v1alpha1/devicezones/ward-07/status",
			"PATCH /apis/medfence.io/v1alpha1/namespaces/ward-07/medicaldevices/device-00/status",
			"POST /apis/networking.k8s.io/v1/namespaces/ward-07/networkpolicies",
		}},
	} {
		b.calls.reset()
		edit(b, &medfencev1alpha1.MedicalDevice{}, "ward-07/device-00", tc.change)
		begin, before := time.Now(), b.reconciles()
		b.settled()
		t.Logf("changing %s: %s, %v reconciles", tc.name, time.Since(begin)-idle, b.reconciles()-before)
		if got := b.calls.reads(); len(got) > 0 {
			t.Errorf("changing %s: read at the API server, not from the cache: %q", tc.name, got)
		}
		got := b.calls.seen("")
		slices.Sort(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("changing %s: (-want +got)\n%s", tc.name, diff)
		}
	}
}

// populate creates many zones with many devices each, all of which talk to one
// server.
func (l *lab) populate(t *testing.T) {
	t.Helper()
	server := &medfencev1alpha1.DeviceZone{}
	server.Name = "server"
	server.Spec.Role = medfencev1alpha1.RoleClinical
	server.Spec.Members.CIDRs = []string{"10.99.0.0/24"}
	objects := []client.Object{server}
	for z := range manyZones {
		name := fmt.Sprintf("ward-%02d", z)
		zone := &medfencev1alpha1.DeviceZone{}
		zone.Name = name
		zone.Spec.Role, zone.Spec.Enforcement = medfencev1alpha1.RoleDevice, medfencev1alpha1.Enforce
		zone.Spec.Members.Namespaces = []string{name}
		zone.Spec.Members.CIDRs = []string{fmt.Sprintf("10.%d.0.0/16", 100+z)}
		conduit := &medfencev1alpha1.Conduit{}
		conduit.Name = name + "-to-server"
		conduit.Spec.From.Zones, conduit.Spec.To.Zones = []string{name}, []string{"server"}
		conduit.Spec.Services = []medfencev1alpha1.ConduitService{{Name: "https"}}
		conduit.Spec.Purpose = "Everything to the server"
		objects = append(objects, zone, conduit)
		if err := l.admin.Create(t.Context(), namespaceNamed(name)); err != nil {
			t.Fatal(err)
		}
		for d := range manyDevices {
			objects = append(objects, manyDevice(z, d))
		}
	}
	l.createAll(t, objects)
}

func manyDevice(zone, number int) *medfencev1alpha1.MedicalDevice {
	d := &medfencev1alpha1.MedicalDevice{}
	d.Namespace, d.Name = fmt.Sprintf("ward-%02d", zone), fmt.Sprintf("device-%02d", number)
	d.Spec.Zone = d.Namespace
	d.Spec.Criticality = medfencev1alpha1.CriticalityMonitoring
	if number > 1 {
		d.Spec.Addresses = []string{fmt.Sprintf("10.%d.0.%d", 100+zone, number)}
		return d
	}
	d.Spec.Workload = &medfencev1alpha1.DeviceWorkload{}
	d.Spec.Workload.PodSelector.MatchLabels = map[string]string{"app": fmt.Sprintf("gateway-%d", number)}
	return d
}

// createAll creates objects, several at a time.
func (l *lab) createAll(t *testing.T, objects []client.Object) {
	t.Helper()
	queue := make(chan client.Object)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for o := range queue {
				if err := l.admin.Create(t.Context(), o); err != nil {
					t.Errorf("creating %s: %v", o.GetName(), err)
				}
			}
		})
	}
	for _, o := range objects {
		queue <- o
	}
	close(queue)
	wait.Wait()
}
