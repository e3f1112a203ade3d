package object_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

func TestAnObjectSaysWhoseItIsAndWhatItPermits(t *testing.T) {
	got := object.Meta{
		Zone:      &plan.Zone{Name: "infusion", UID: "uid-1"},
		Component: object.ComponentAllow,
		Namespace: "icu",
		Name:      "medfence-pump",
		Conduits:  []string{"b", "a", "b"},
		Permits:   "to a: TCP 1 (a)",
	}.ObjectMeta()
	wantLabels := map[string]string{
		"app.kubernetes.io/managed-by": "medfence", "medfence.io/zone": "infusion", "medfence.io/component": "allow",
	}
	wantAnnotations := map[string]string{
		"medfence.io/zone-uid": "uid-1", "medfence.io/conduits": "a,b", "medfence.io/permits": "to a: TCP 1 (a)",
	}
	if diff := cmp.Diff(wantLabels, got.Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantAnnotations, got.Annotations); diff != "" {
		t.Error(diff)
	}
	if got.Namespace != "icu" || got.Name != "medfence-pump" {
		t.Errorf("%s/%s is another object", got.Namespace, got.Name)
	}
}

func TestAnAnnotationWithoutTextIsLeftOut(t *testing.T) {
	got := object.Meta{Zone: &plan.Zone{Name: "infusion"}}.ObjectMeta()
	if len(got.Annotations) > 0 {
		t.Errorf("got %v", got.Annotations)
	}
}

func TestAZoneWhoseNameIsNoLabelValueGetsOneOfItsOwn(t *testing.T) {
	for _, name := range []string{strings.Repeat("z", 64), "a..b/", "-"} {
		got := object.Meta{Zone: &plan.Zone{Name: name}}.ObjectMeta().Labels[medfencev1alpha1.LabelZone]
		if errs := validation.IsValidLabelValue(got); len(errs) > 0 || got == "" {
			t.Errorf("%q becomes %q: %v", name, got, errs)
		}
	}
}

func TestALongListOfConduitsIsCutAndCounted(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("conduit-%04d-%s", i, strings.Repeat("x", 50)))
	}
	got := object.Meta{Zone: &plan.Zone{}, Conduits: names}.ObjectMeta().Annotations[medfencev1alpha1.AnnotationConduits]
	if len(got) > 16<<10 {
		t.Errorf("%d bytes", len(got))
	}
	shown := strings.Count(got, "conduit-")
	if want := fmt.Sprintf("... and %d more", 1000-shown); !strings.HasSuffix(got, want) {
		t.Errorf("ends in %q, want %q", got[len(got)-30:], want)
	}
}

func TestAGroupServesTheConduitsOfItsEnds(t *testing.T) {
	got := object.ConduitsOfGroup(&plan.Group{Ends: []string{"from imaging-pacs", "to pacs-imaging", "odd"}})
	if diff := cmp.Diff([]string{"imaging-pacs", "pacs-imaging"}, got); diff != "" {
		t.Error(diff)
	}
}
