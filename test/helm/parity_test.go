package helm

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// helms are the labels and annotations that a chart adds.
var helms = []string{
	"app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy",
}

func kustomized(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

// TestChartAndKustomizeInstallTheSame: whoever goes from one to the other, or
// reads the one while running the other, finds the same objects.
func TestChartAndKustomizeInstallTheSame(t *testing.T) {
	byID := func(objects []*unstructured.Unstructured) map[string]any {
		out := map[string]any{}
		for _, o := range objects {
			o = o.DeepCopy()
			o.SetLabels(without(o.GetLabels(), helms))
			o.SetAnnotations(without(o.GetAnnotations(), helms))
			if _, twice := out[id(o)]; twice {
				t.Errorf("%s is there twice", id(o))
			}
			out[id(o)] = o.Object
		}
		return out
	}
	want := byID(kustomized(t, "../../config/default"))
	// Helm makes the namespace by itself, or takes one that is there.
	delete(want, "Namespace /"+namespace)
	if diff := cmp.Diff(want, byID(render(t, ""))); diff != "" {
		t.Errorf("kustomize build config/default (-), helm template (+):\n%s", diff)
	}
	if len(want) < 40 {
		t.Errorf("only %d objects were compared", len(want))
	}
}

func without(set map[string]string, keys []string) map[string]string {
	maps.DeleteFunc(set, func(k, _ string) bool { return slices.Contains(keys, k) })
	if len(set) == 0 {
		return nil
	}
	return set
}

// TestNothingIsRenderedThatOthersWrite: two writers of one field fight, and
// GitOps shows the difference forever.
func TestNothingIsRenderedThatOthersWrite(t *testing.T) {
	for _, o := range render(t, everything) {
		for _, path := range [][]string{{"status"}, {"metadata", "creationTimestamp"}, {"metadata", "finalizers"}, {"spec", "conversion"}, {"secrets"}} {
			if _, found, _ := unstructured.NestedFieldNoCopy(o.Object, path...); found {
				t.Errorf("%s has %s", id(o), strings.Join(path, "."))
			}
		}
		raw, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("caBundle")) || bytes.Contains(raw, []byte(`"clusterIP"`)) {
			t.Errorf("%s has what a cluster fills in", id(o))
		}
		if strings.Contains(o.GetKind(), "Webhook") {
			t.Errorf("%s: a dead operator would block the API server", id(o))
		}
	}
}

// TestCRDsFitIntoAnAnnotation: client-side apply keeps a copy of the object in
// one, and Argo CD and old habits use it.
func TestCRDsFitIntoAnAnnotation(t *testing.T) {
	const limit = 262144
	found := 0
	for _, o := range render(t, "") {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		found++
		raw, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > limit*3/4 {
			t.Errorf("%s has %d bytes; an annotation takes %d, and there must be room to grow", id(o), len(raw), limit)
		}
	}
	if found != 3 {
		t.Errorf("%d CRDs are rendered", found)
	}
}

func TestAnUninstallKeepsCRDsUnlessToldOtherwise(t *testing.T) {
	for values, want := range map[string]string{"": "keep", "crds: {keep: false}": ""} {
		for _, o := range render(t, values) {
			got, kept := o.GetAnnotations()["helm.sh/resource-policy"]
			if isCRD := o.GetKind() == "CustomResourceDefinition"; kept != (isCRD && want != "") || isCRD && got != want {
				t.Errorf("with %q the resource policy of %s is %q", values, id(o), got)
			}
		}
	}
	for _, o := range render(t, "crds: {install: false}") {
		if o.GetKind() == "CustomResourceDefinition" {
			t.Errorf("%s is installed", id(o))
		}
	}
}
