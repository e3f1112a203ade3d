package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

func TestTheHospitalBecomesReadyAndStaysSo(t *testing.T) {
	l, stop, err := newLab(context.Background(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := l.installCilium(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"namespaces", "workloads", "zones-peers", "zones-devices", "devices-*", "conduits-*"} {
		if err := l.createFiles(t.Context(), "../config/samples/hospital/"+file+".yaml"); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"netpol", "cilium"} {
		b := newBench(t, l, target)
		b.settled()
		unready := b.allReady()
		if target == "netpol" { // which has no names
			unready = differ("conduit router-to-vendor-updates: Unenforceable", fmt.Sprint(unready))
		}
		if unready != nil {
			t.Error(target, unready)
		}
		b.calls.reset()
		b.stop()
		b.start()
		b.settled()
		if got := b.calls.seen(""); len(got) != 0 {
			t.Errorf("a restart on %s wrote %v", target, got)
		}
		if target == "cilium" {
			b.moveAddresses()
		}
		t.Log(target + "\n" + b.table("dz", "") + "\n" + b.table("md", "") + "\n" + b.table("cdt", ""))
		b.stop()
	}
}

// moveAddresses adds a conduit by which addresses of a peer change their group:
// two zones wait for the new group, and the old one for a third zone. No zone's
// condition turns meanwhile, nothing is written for what the conduit does not
// concern, and no zone that has no part in it is looked at.
func (b *bench) moveAddresses() {
	b.Helper()
	before := len(b.notices("infusion")) + len(b.notices("monitoring")) + len(b.notices("nurse-stations"))
	for _, change := range []struct {
		name   string
		do     func()
		writes []string
	}{
		{"added", func() {
			b.create(`
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: nurses-to-gateway}
spec:
  from: {zones: [nurse-stations]}
  to: {zones: [infusion], deviceSelector: {matchLabels: {hospital.example/model: pump-gateway}}}
  services: [{protocol: UDP, port: 24105, encrypted: "Yes"}]
  purpose: Nurses look at the pumps for a while
`)
			b.ready(&medfencev1alpha1.Conduit{}, "nurses-to-gateway", "True", medfencev1alpha1.ReasonEnforced)
		}, []string{"conduits/nurses-to-gateway", "devicezones/infusion", "devicezones/nurse-stations", "medicaldevices/pump-gateway"}},
		{"deleted", func() { b.remove(&medfencev1alpha1.Conduit{}, "nurses-to-gateway") },
			[]string{"devicezones/infusion", "devicezones/nurse-stations", "medicaldevices/pump-gateway"}},
	} {
		b.calls.reset()
		reconciles := b.reconciles()
		change.do()
		b.settled()
		var statuses []string
		for _, w := range b.calls.seen("/status") {
			parts := strings.Split(w, "/")
			statuses = append(statuses, strings.Join(parts[len(parts)-3:len(parts)-1], "/"))
		}
		slices.Sort(statuses)
		if diff := cmp.Diff(change.writes, slices.Compact(statuses)); diff != "" {
			b.Errorf("%s: statuses written (-want +got):\n%s", change.name, diff)
		}
		discovery := func(path string) bool { return strings.Count(path, "/") == 3 } // of what is served, every now and then
		if got := slices.DeleteFunc(b.calls.reads(), discovery); len(got) > 0 {
			b.Errorf("%s: asked the API server for %q, which the cache has", change.name, got)
		}
		if n := b.reconciles() - reconciles; n > 40 { // three zones, a few times each, a device and the conduit
			b.Errorf("%s: %v reconciles", change.name, n)
		} else {
			b.Logf("%s: %v reconciles", change.name, n)
		}
	}
	if after := len(b.notices("infusion")) + len(b.notices("monitoring")) + len(b.notices("nurse-stations")); after != before {
		b.Errorf("events: %q %q %q", b.notices("infusion"), b.notices("monitoring"), b.notices("nurse-stations"))
	}
	if err := b.allReady(); err != nil {
		b.Error(err)
	}
}

// allReady returns an error for every object that is not ready.
func (b *bench) allReady() error {
	var zones medfencev1alpha1.DeviceZoneList
	var devices medfencev1alpha1.MedicalDeviceList
	var conduits medfencev1alpha1.ConduitList
	for _, list := range []client.ObjectList{&zones, &devices, &conduits} {
		if err := b.admin.List(b.Context(), list); err != nil {
			return err
		}
	}
	var errs []error
	check := func(kind string, o client.Object) {
		for _, c := range conditionsOf(o) {
			if c.Type != medfencev1alpha1.ConditionReady {
				continue
			}
			if c.Status != "True" {
				errs = append(errs, fmt.Errorf("%s %s: %s", kind, o.GetName(), c.Reason))
			}
			return
		}
		errs = append(errs, fmt.Errorf("%s %s says nothing", kind, o.GetName()))
	}
	for i := range zones.Items {
		check("zone", &zones.Items[i])
	}
	for i := range devices.Items {
		check("device", &devices.Items[i])
	}
	for i := range conduits.Items {
		check("conduit", &conduits.Items[i])
	}
	return errors.Join(errs...)
}
