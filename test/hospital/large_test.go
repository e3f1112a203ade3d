package hospital

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestLargeHospitalsHaveTheDevicesThatAreAskedFor(t *testing.T) {
	for _, devices := range []int{0, 1, 100, 250, 10_000} {
		count := map[string]int{}
		names := map[string]bool{}
		for _, ward := range Large(devices) {
			for _, o := range ward {
				kind := o.GetObjectKind().GroupVersionKind().Kind
				count[kind]++
				name := fmt.Sprint(kind, client.ObjectKeyFromObject(o))
				if names[name] {
					t.Errorf("%s is there twice", name)
				}
				names[name] = true
			}
		}
		wards := max(devices/PerWard, 1)
		// Devices that fill no ward are left out: a ward is the unit.
		have := min(devices, wards*PerWard)
		want := map[string]int{"Namespace": 2 * wards, "DeviceZone": 2 * wards, "Conduit": 3 * wards}
		if have > 0 {
			want["MedicalDevice"], want["Pod"] = have, (have+1)/2
		}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("%d devices (-want +got):\n%s", devices, diff)
		}
	}
	if diff := cmp.Diff(Large(200), Large(200)); diff != "" {
		t.Errorf("it is another one each time:\n%s", diff)
	}
}
