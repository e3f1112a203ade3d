package crash

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/snapshot"
)

// declaredKinds are the kinds that people declare.
var declaredKinds = map[string]schema.GroupVersionKind{
	"DeviceZone":    medfencev1alpha1.GroupVersion.WithKind("DeviceZone"),
	"MedicalDevice": medfencev1alpha1.GroupVersion.WithKind("MedicalDevice"),
	"Conduit":       medfencev1alpha1.GroupVersion.WithKind("Conduit"),
}

// policyKinds are the kinds that the operator writes for a target.
func (l *lab) policyKinds() []schema.GroupVersionKind {
	return apply.Kinds(l.target == snapshot.Cilium)
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func blank(kind schema.GroupVersionKind) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	return o
}

func (l *lab) list(t testing.TB, kinds []schema.GroupVersionKind) []unstructured.Unstructured {
	t.Helper()
	var out []unstructured.Unstructured
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		err := l.admin.List(context.Background(), list)
		switch {
		case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
			continue // its CRD is gone
		case err != nil:
			t.Fatal(err)
		}
		out = append(out, list.Items...)
	}
	return out
}

func (l *lab) declared(t testing.TB) []unstructured.Unstructured {
	t.Helper()
	return l.list(t, slices.Collect(maps.Values(declaredKinds)))
}

func (l *lab) policies(t testing.TB) []unstructured.Unstructured {
	t.Helper()
	return l.list(t, l.policyKinds())
}

// A state is all that must be the same wherever the operator was stopped: the
// text of each object, without times, UIDs and versions.
type state map[string]string

func (l *lab) state(t testing.TB) state {
	t.Helper()
	out := state{}
	declared, policies := l.declared(t), l.policies(t)
	names := map[string]string{} // what UIDs stand for
	for _, o := range slices.Concat(declared, policies) {
		names[string(o.GetUID())] = "the UID of " + keyOf(&o)
	}
	for _, o := range slices.Concat(declared, policies) {
		annotations := o.GetAnnotations()
		delete(annotations, apply.AnnotationIntent) // a hash of the rest, the zone's UID included
		raw, err := json.MarshalIndent(map[string]any{
			"labels": o.GetLabels(), "annotations": annotations, "finalizers": o.GetFinalizers(),
			"owners": o.GetOwnerReferences(), "spec": o.Object["spec"], "specs": o.Object["specs"],
			"status": timeless(o.Object["status"], o.GetGeneration()),
		}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		for uid, name := range names {
			text = strings.ReplaceAll(text, uid, name)
		}
		out[keyOf(&o)] = text
	}
	return out
}

// conditionType returns the key of a condition, whose order in their list means
// nothing; of anything else nothing.
func conditionType(item any) string {
	fields, _ := item.(map[string]any)
	if _, is := fields["reason"]; !is {
		return ""
	}
	text, _ := fields["type"].(string)
	return text
}

// timeless drops the times of a status, and turns generations into how far
// they are behind.
func timeless(value any, generation int64) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, x := range v {
			switch n, isNumber := x.(int64); {
			case key == "lastTransitionTime" || key == "since":
			case isNumber && (key == "observedGeneration" || key == "generation"):
				out[key] = n - generation
			default:
				out[key] = timeless(x, generation)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = timeless(v[i], generation)
		}
		slices.SortStableFunc(out, func(a, b any) int { return strings.Compare(conditionType(a), conditionType(b)) })
		return out
	}
	return value
}
