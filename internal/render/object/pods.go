package object

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/plan"
)

// Pods are the pods that one selector matches in some namespaces: one peer of a
// policy.
type Pods struct {
	Namespaces []string // sorted, never empty
	Selector   metav1.LabelSelector
}

// Every reports whether they are every pod of their namespaces.
func (p Pods) Every() bool {
	return len(p.Selector.MatchLabels) == 0 && len(p.Selector.MatchExpressions) == 0
}

// Pods returns the pods of the workloads, with the namespaces that share a
// selector in one, by namespace and selector.
func (ix *Index) Pods(keys []plan.WorkloadKey) []Pods {
	namespaces := map[string][]string{}
	selectors := map[string]metav1.LabelSelector{}
	for _, k := range keys {
		if w := ix.workloads[k]; w != nil {
			namespaces[k.Selector] = append(namespaces[k.Selector], k.Namespace)
			selectors[k.Selector] = w.Selector
		}
	}
	texts := make([]string, 0, len(selectors))
	for text := range selectors {
		namespaces[text] = set(namespaces[text], nil, cmp.Compare)
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int {
		return cmp.Or(slices.Compare(namespaces[a], namespaces[b]), cmp.Compare(a, b))
	})
	out := make([]Pods, 0, len(texts))
	for _, text := range texts {
		out = append(out, Pods{Namespaces: namespaces[text], Selector: selectors[text]})
	}
	return out
}
