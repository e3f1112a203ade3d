package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestOnlyAWordAgainstAPolicyMakesItInvalid(t *testing.T) {
	condition := func(fields map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{fields}}}}
	}
	for name, tc := range map[string]struct {
		live *unstructured.Unstructured
		want bool
	}{
		"no status":             {&unstructured.Unstructured{Object: map[string]any{}}, false},
		"valid":                 {condition(map[string]any{"type": "Valid", "status": "True"}), false},
		"unknown":               {condition(map[string]any{"type": "Valid", "status": "Unknown"}), false},
		"another condition":     {condition(map[string]any{"type": "Ready", "status": "False"}), false},
		"invalid":               {condition(map[string]any{"type": "Valid", "status": "False", "message": "bad"}), true},
		"invalid without words": {condition(map[string]any{"type": "Valid", "status": "False"}), true},
	} {
		if _, got := invalidity(tc.live); got != tc.want {
			t.Errorf("%s: invalid = %t", name, got)
		}
	}
}

func TestAPolicyThatCiliumDoesNotTakeIsReported(t *testing.T) {
	l := newLab(t)
	guard := l.guardOf(map[string][]string{"a": nil})
	l.settle(guard)
	live := l.live(atOf(guard))
	live.Object["status"] = map[string]any{"conditions": []any{map[string]any{
		"type": "Valid", "status": "False", "message": "selector is wrong", "lastTransitionTime": "2026-06-01T12:00:00Z",
	}}}
	l.must(shared.admin.Status().Update(t.Context(), live))
	set, _ := l.apply(guard)
	want := []Change{atOf(guard).change("selector is wrong")}
	if diff := cmp.Diff(want, set.Invalid); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
