package controllers

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestARestartWithNothingChangedWritesNothing(t *testing.T) {
	b := newHappy(t, "netpol")
	b.stop()
	b.calls.reset()
	b.start()
	b.settled()
	if got := b.calls.seen(""); len(got) != 0 {
		t.Errorf("wrote %v", got)
	}
}

func TestTouchingEveryObjectWritesNoPolicy(t *testing.T) {
	b := newHappy(t, "netpol")
	b.calls.reset()
	touch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"example.org/touched":"yes"}}}`))
	for name, o := range map[string]client.Object{
		"infusion":                             &medfencev1alpha1.DeviceZone{},
		"druglib":                              &medfencev1alpha1.DeviceZone{},
		"infusion/pump-gateway":                &medfencev1alpha1.MedicalDevice{},
		"library-to-pumps":                     &medfencev1alpha1.Conduit{},
		"infusion/medfence-baseline-infusion":  &networkingv1.NetworkPolicy{},
		"infusion/medfence-gateway-6a97848e20": &networkingv1.NetworkPolicy{},
	} {
		if err := b.object(o, name); err != nil {
			t.Fatal(err)
		}
		if err := b.admin.Patch(t.Context(), o, touch); err != nil {
			t.Fatal(err)
		}
	}
	b.settled()
	if got := b.calls.seen(""); len(got) != 0 {
		t.Errorf("wrote %v", got)
	}
}
