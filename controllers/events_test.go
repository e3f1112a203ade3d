package controllers

import (
	"fmt"
	"strings"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
)

func repairs(n int, note string) []apply.Change {
	var out []apply.Change
	for i := range n {
		out = append(out, apply.Change{Kind: "NetworkPolicy", Namespace: "infusion", Name: fmt.Sprintf("medfence-%d", i), Note: note})
	}
	return out
}

// Few repairs are told one by one, many as what they are: one deed.
func TestManyRepairsAreOneEvent(t *testing.T) {
	for name, tc := range map[string]struct {
		repaired []apply.Change
		want     []string
	}{
		"none": {},
		"two": {append(repairs(1, "deleted"), repairs(1, "spec.ingress[0] added")...), []string{
			"Recreate NetworkPolicy infusion/medfence-0 was repaired: deleted.",
			"Restore NetworkPolicy infusion/medfence-0 was repaired: spec.ingress[0] added.",
		}},
		"one more than are told": {repairs(mostRepairsTold+1, "deleted"), []string{
			"Recreate 9 policies of the zone were repaired, after somebody changed or deleted them: NetworkPolicy infusion/medfence-0 (deleted) (8 more).",
		}},
		"a thousand, which were changed": {repairs(1000, "spec.ingress[0] added"), []string{
			"Restore 1000 policies of the zone were repaired, after somebody changed or deleted them: NetworkPolicy infusion/medfence-0 (spec.ingress[0] added) (999 more).",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for i, e := range driftRepaired(&medfencev1alpha1.DeviceZone{}, tc.repaired) {
				if e.kind != "Warning" || e.reason != "DriftRepaired" {
					t.Errorf("%s %s is no warning of a repair", e.kind, e.reason)
				}
				if alone := len(tc.repaired) <= mostRepairsTold; alone != (e.related != nil) {
					t.Errorf("event %d is related to %v", i, e.related)
				}
				got = append(got, e.action+" "+e.note)
			}
			if a, b := strings.Join(got, "\n"), strings.Join(tc.want, "\n"); a != b {
				t.Errorf("told\n%s\nnot\n%s", a, b)
			}
		})
	}
	if n := len(driftRepaired(&medfencev1alpha1.DeviceZone{}, repairs(mostRepairsTold, "deleted"))); n != mostRepairsTold {
		t.Errorf("%d of %d repairs have events", n, mostRepairsTold)
	}
}
