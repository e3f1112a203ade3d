package compile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// Each pod is found by all selectors that match it, and by no others, as if each
// selector were held against each pod.
func TestSelectorsAreFoundByTheLabelsThatTheyWant(t *testing.T) {
	d := rand.New(rand.NewPCG(3, 3))
	draw := func(values int) string { return fmt.Sprint(d.IntN(values)) }
	matched := 0
	for range 300 {
		var keys []plan.WorkloadKey
		devices := map[plan.WorkloadKey]*device{}
		for i := range 1 + d.IntN(12) {
			selector := metav1.LabelSelector{MatchLabels: map[string]string{}}
			for range d.IntN(3) {
				selector.MatchLabels["k"+draw(3)] = draw(3)
			}
			for range d.IntN(3) {
				operators := []metav1.LabelSelectorOperator{metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists}
				e := metav1.LabelSelectorRequirement{Key: "k" + draw(3), Operator: operators[d.IntN(len(operators))]}
				if e.Operator != metav1.LabelSelectorOpExists {
					e.Values = []string{draw(3)}
				}
				selector.MatchExpressions = append(selector.MatchExpressions, e)
			}
			dev := &device{selector: canonicalSelector(&selector)}
			var err error
			if dev.matches, err = parseSelector(&dev.selector); err != nil {
				t.Fatal(err)
			}
			k := plan.WorkloadKey{Selector: fmt.Sprint(i)}
			keys, devices[k] = append(keys, k), dev
		}
		s := newSelecting(keys, func(k plan.WorkloadKey) *device { return devices[k] })
		for range 10 {
			pod := snapshot.Pod{Labels: map[string]string{}}
			for range d.IntN(4) {
				pod.Labels["k"+draw(3)] = draw(3)
			}
			var want []plan.WorkloadKey
			for _, k := range keys {
				if devices[k].matches.Matches(labelSet(pod.Labels)) {
					want = append(want, k)
				}
			}
			matched += len(want)
			if got := s.pod(pod); !slices.Equal(got, want) {
				t.Fatalf("pod %v is matched by %v, found are %v", pod.Labels, want, got)
			}
		}
	}
	if matched < 1000 {
		t.Errorf("only %d pods were matched", matched)
	}
}
