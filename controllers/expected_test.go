package controllers

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/render/object"
)

// News of a group that a peer is just writing wake the peer and those who wait
// for it; those of one that only pretends to be the peer's wake everybody.
func TestAGroupThatIsExpectedWakesNoOthers(t *testing.T) {
	w := newWorld(t, 1)
	var peer *medfencev1alpha1.DeviceZone
	var all []string
	for _, o := range w.memory.Objects {
		if zone, ok := o.(*medfencev1alpha1.DeviceZone); ok {
			all = append(all, zone.Name)
			if zone.Spec.Role != medfencev1alpha1.RoleDevice && zone.Spec.Enforcement == "" {
				peer = zone
			}
		}
	}
	if peer == nil || len(all) < 3 {
		t.Fatalf("no peer among %q", all)
	}
	group := &unstructured.Unstructured{}
	group.SetKind("CiliumCIDRGroup")
	group.SetName("medfence-peer-1")
	group.SetUID("written just now")
	group.SetLabels(map[string]string{medfencev1alpha1.LabelZone: peer.Name})
	group.SetAnnotations(map[string]string{medfencev1alpha1.AnnotationZoneUID: string(peer.UID)})
	woken := func(what string, want ...string) {
		t.Helper()
		got := w.zones.ofPolicy(t.Context(), group)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s: wakes %q, want %q", what, got, want)
		}
	}
	woken("nobody expects it", all...)
	w.zones.expected.set(peer.Name, []object.Object{{KubeObject: group}})
	woken("expected", peer.Name)
	other := all[slices.IndexFunc(all, func(name string) bool { return name != peer.Name })]
	w.zones.waits.again(other, waitingFor(apply.Change{Kind: group.GetKind(), Name: group.GetName()}), time.Now())
	woken("awaited too", peer.Name, other)
	w.zones.waits.again(other, apply.ChangeSet{}, time.Now())

	group.SetAnnotations(map[string]string{medfencev1alpha1.AnnotationZoneUID: "another"})
	woken("of another zone's UID", all...)
	group.SetAnnotations(map[string]string{medfencev1alpha1.AnnotationZoneUID: string(peer.UID)})
	group.SetName("medfence-peer-2")
	woken("of another name", all...)
	w.zones.expected.set(peer.Name, nil)
	group.SetName("medfence-peer-1")
	woken("no longer expected", all...)
}
