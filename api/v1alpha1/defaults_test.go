package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestDefaults(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, spec string
		want       map[string]any
	}{
		"a zone resolves names, takes plaintext with a warning, and keeps what it closed": {
			kind: "DeviceZone", spec: `{role: Device, enforcement: Observe}`,
			want: map[string]any{
				"role": "Device", "enforcement": "Observe",
				"dns": "Cluster", "encryption": "Optional", "deletionPolicy": "Retain",
			},
		},
		"a device has none: nobody guesses its criticality": {
			kind: "MedicalDevice", spec: `{zone: infusion, criticality: Ancillary}`,
			want: map[string]any{"zone": "infusion", "criticality": "Ancillary"},
		},
		"a conduit has none: nothing is permitted that was not said": {
			kind: "Conduit", spec: `{from: {zones: [a]}, to: {zones: [b]}, services: [{protocol: TCP, port: 1}], purpose: Studies to the archive}`,
			want: map[string]any{
				"from": map[string]any{"zones": []any{"a"}}, "to": map[string]any{"zones": []any{"b"}},
				"services": []any{map[string]any{"protocol": "TCP", "port": int64(1)}}, "purpose": "Studies to the archive",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			obj := manifest(t, tc.kind, "defaults", tc.spec)
			if err := newClient(t).Create(t.Context(), obj, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, obj.Object["spec"]); diff != "" {
				t.Errorf("spec as stored (-want +got):\n%s", diff)
			}
		})
	}
}

// The operator keeps the last accepted spec. A rule that is added later must
// not keep it from doing so, and a default must not change what was accepted.
func TestAnAcceptedSpecIsKeptAsItWas(t *testing.T) {
	c := newClient(t)
	zone := &medfencev1alpha1.DeviceZone{
		ObjectMeta: metav1.ObjectMeta{Name: "kept"},
		Spec:       medfencev1alpha1.DeviceZoneSpec{Role: medfencev1alpha1.RoleClinical},
	}
	create(t, zone)
	want := medfencev1alpha1.DeviceZoneSpec{
		Role:    medfencev1alpha1.RoleDevice, // without enforcement
		Members: medfencev1alpha1.ZoneMembers{CIDRs: []string{"10.0.0.1/8"}, PodSelector: &metav1.LabelSelector{}},
	}
	zone.Status.Accepted = &medfencev1alpha1.AcceptedZone{Generation: 7, Spec: want}
	if err := c.Status().Update(t.Context(), zone); err != nil {
		t.Fatal(err)
	}
	var got medfencev1alpha1.DeviceZone
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(zone), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Status.Accepted.Spec); diff != "" {
		t.Errorf("status.accepted.spec as stored (-want +got):\n%s", diff)
	}
}
