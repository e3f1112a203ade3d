package compile

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A selector of which the copy in status would not fit into etcd is refused, with
// words, rather than by an error that nobody sees.
func TestASelectorHasSoManyValuesAndNoMore(t *testing.T) {
	of := func(expressions, values int) *metav1.LabelSelector {
		out := &metav1.LabelSelector{}
		for i := range expressions {
			e := metav1.LabelSelectorRequirement{Key: fmt.Sprintf("key-%d", i), Operator: metav1.LabelSelectorOpIn}
			for j := range values {
				e.Values = append(e.Values, fmt.Sprintf("v%d", j))
			}
			out.MatchExpressions = append(out.MatchExpressions, e)
		}
		return out
	}
	for _, sound := range []*metav1.LabelSelector{of(1, maxValues), of(32, 64), of(1, 1)} {
		if got := selectorProblem(sound); got != "" {
			t.Errorf("%d expressions of %d: %s", len(sound.MatchExpressions), len(sound.MatchExpressions[0].Values), got)
		}
	}
	for _, large := range []*metav1.LabelSelector{of(1, maxValues+1), of(33, 64), of(1, 30_000)} {
		if got := selectorProblem(large); !strings.Contains(got, "values, more than 2048; give the objects one label of their own") {
			t.Errorf("%d expressions of %d: %q", len(large.MatchExpressions), len(large.MatchExpressions[0].Values), got)
		}
	}
}
