package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestEveryKindOfDifferenceIsFound(t *testing.T) {
	rule := func(port any) map[string]any { return map[string]any{"spec": map[string]any{"port": port}} }
	want := map[string]any{"same": rule(1), "altered": rule(1), "gone": rule(1)}
	have := map[string]any{"same": rule(1), "altered": rule(2), "left": rule(1)}
	if diff := cmp.Diff([]string{"altered differs", "gone is missing", "left is too many"}, compare(want, have)); diff != "" {
		t.Error(diff)
	}
	if got := compare(want, want); len(got) > 0 {
		t.Errorf("nothing differs, and %q", got)
	}
}

// Absence and null are the same, and so are whole numbers of both decoders; an
// empty rule and no rule are not: one permits everybody.
func TestWhatAPolicyDoesIsCompared(t *testing.T) {
	of := func(spec map[string]any) any {
		return body(&unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"uid": "x"}, "spec": spec}})
	}
	plain := of(map[string]any{"ports": []any{map[string]any{"port": float64(80)}}})
	for name, tc := range map[string]struct {
		other any
		same  bool
	}{
		"null for absent":  {of(map[string]any{"ports": []any{map[string]any{"port": int64(80), "end": nil}}, "egress": nil}), true},
		"another port":     {of(map[string]any{"ports": []any{map[string]any{"port": int64(81)}}}), false},
		"one rule more":    {of(map[string]any{"ports": []any{map[string]any{"port": int64(80)}, map[string]any{}}}), false},
		"an empty ingress": {of(map[string]any{"ports": []any{map[string]any{"port": int64(80)}}, "ingress": []any{}}), false},
	} {
		if got := len(compare(map[string]any{"a": plain}, map[string]any{"a": tc.other})) == 0; got != tc.same {
			t.Errorf("%s: the same: %t", name, got)
		}
	}
}

func TestASampleNeedsAllItsMetrics(t *testing.T) {
	m := reading{
		"go_memstats_next_gc_bytes": 8, "go_goroutines": 3, "process_open_fds": 4, "workqueue_depth": 5, "controller_runtime_reconcile_total": 6,
		"controller_runtime_reconcile_panics_total": 1,
	}
	if err := whole(m); err != nil {
		t.Error(err)
	}
	s := sampleOf(m, 100)
	if s.Heap != 4 || s.Resident != 100 || s.Goroutines != 3 || s.Files != 4 || s.Queue != 5 || s.Passes != 6 || s.Panics != 1 {
		t.Errorf("%+v", s)
	}
	delete(m, "go_goroutines")
	if whole(m) == nil {
		t.Error("without goroutines it is whole")
	}
}
