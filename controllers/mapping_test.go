package controllers

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/snapshot"
)

// A pod concerns the zones to which its namespace belongs: by name, by labels, and
// by the selector that stays in force while its successor is refused.
func TestAPodConcernsTheZonesThatSelectItsNamespace(t *testing.T) {
	memory, err := gathertest.New(&snapshot.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	selecting := func(ward string) medfencev1alpha1.DeviceZoneSpec {
		return medfencev1alpha1.DeviceZoneSpec{Members: medfencev1alpha1.ZoneMembers{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"ward": ward}},
		}}
	}
	naming := func(namespaces ...string) medfencev1alpha1.DeviceZoneSpec {
		return medfencev1alpha1.DeviceZoneSpec{Members: medfencev1alpha1.ZoneMembers{Namespaces: namespaces}}
	}
	zone := func(name string, spec medfencev1alpha1.DeviceZoneSpec, accepted ...medfencev1alpha1.DeviceZoneSpec) {
		z := &medfencev1alpha1.DeviceZone{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: spec}
		for _, a := range accepted {
			z.Status.Accepted = &medfencev1alpha1.AcceptedZone{Spec: a}
		}
		memory.Objects = append(memory.Objects, z)
	}
	zone("named", naming("icu"))
	zone("was-named", naming("other"), naming("icu"))
	zone("selects", selecting("icu"))
	zone("selected", naming("other"), selecting("icu"))
	zone("selected-otherwise", selecting("lab"), selecting("icu"))
	zone("selects-another", selecting("lab"))
	zone("nobody", naming())
	namespace := gather.NewNamespace()
	namespace.Name, namespace.Labels = "icu", map[string]string{"ward": "icu"}
	memory.Objects = append(memory.Objects, namespace)

	m := newZoneMap(memory, types.NamespacedName{})
	for namespace, want := range map[string][]string{
		"icu":  {"named", "selected", "selected-otherwise", "selects", "was-named"},
		"gone": nil,
	} {
		got := m.ofWorkload(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pump", Namespace: namespace}})
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("a pod in %s concerns %q, not %q", namespace, got, want)
		}
	}
}
