package ram

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/test/hospital"
)

func TestAMemoryIsReadAsACacheIs(t *testing.T) {
	m, err := New(t.Context(), hospital.Large(300))
	if err != nil {
		t.Fatal(err)
	}
	count := func(list client.ObjectList, options ...client.ListOption) int {
		t.Helper()
		if err := m.List(t.Context(), list, options...); err != nil {
			t.Fatal(err)
		}
		switch list := list.(type) {
		case *medfencev1alpha1.MedicalDeviceList:
			return len(list.Items)
		case *medfencev1alpha1.DeviceZoneList:
			return len(list.Items)
		case *corev1.PodList:
			return len(list.Items)
		default:
			t.Fatalf("listing a %T", list)
			return 0
		}
	}
	ward := hospital.WardName(1)
	for name, tc := range map[string]struct{ got, want int }{
		"all zones":            {count(&medfencev1alpha1.DeviceZoneList{}), 6},
		"all devices":          {count(&medfencev1alpha1.MedicalDeviceList{}), 300},
		"devices of a zone":    {count(&medfencev1alpha1.MedicalDeviceList{}, client.MatchingFields{gather.IndexDeviceZone: ward}), 100},
		"devices of none":      {count(&medfencev1alpha1.MedicalDeviceList{}, client.MatchingFields{gather.IndexDeviceZone: "none"}), 0},
		"pods of a namespace":  {count(&corev1.PodList{}, client.InNamespace(ward)), 50},
		"zones of a namespace": {count(&medfencev1alpha1.DeviceZoneList{}, client.MatchingFields{gather.IndexZoneNamespace: ward}), 1},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %d, want %d", name, tc.got, tc.want)
		}
	}
	if got := m.Read(); got != 6+300+100+50+1 {
		t.Errorf("%d objects were read", got)
	}
	device := &medfencev1alpha1.MedicalDevice{}
	if err := m.Get(t.Context(), client.ObjectKey{Namespace: ward, Name: hospital.WardDevice(3)}, device); err != nil || device.Spec.Zone != ward {
		t.Errorf("read %v (%v)", device.Spec, err)
	}
	if err := m.Get(t.Context(), client.ObjectKey{Name: ward}, gather.NewNamespace()); err != nil {
		t.Errorf("a namespace: %v", err)
	}
	if err := m.Get(t.Context(), client.ObjectKey{Name: "none"}, gather.NewNamespace()); !apierrors.IsNotFound(err) {
		t.Errorf("a namespace that is not there: %v", err)
	}
	if err := m.List(t.Context(), &corev1.PodList{}, client.MatchingLabels{"app": "app-0"}); err == nil {
		t.Error("a list by labels looks at all objects, and is no error")
	}
}
