package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"

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
		t.Log(target + "\n" + b.table("dz", "") + "\n" + b.table("md", "") + "\n" + b.table("cdt", ""))
		b.stop()
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
