package guard

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// termsOf returns the requirements of a selector, sorted; none match every pod.
func termsOf(s metav1.LabelSelector) []Term {
	var out []Term
	for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		out = append(out, Term{Key: k, Operator: metav1.LabelSelectorOpIn, Values: []string{s.MatchLabels[k]}})
	}
	for _, e := range s.MatchExpressions {
		values := slices.Sorted(slices.Values(e.Values))
		out = append(out, Term{Key: e.Key, Operator: e.Operator, Values: slices.Compact(values)})
	}
	return sortTerms(out)
}

func sortTerms(terms []Term) []Term {
	slices.SortFunc(terms, compareTerms)
	return slices.CompactFunc(terms, func(a, b Term) bool { return compareTerms(a, b) == 0 })
}

func compareTerms(a, b Term) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Operator, b.Operator), slices.Compare(a.Values, b.Values))
}

// negated returns the requirement that holds where t does not. NotIn and
// DoesNotExist hold for pods without the label.
func negated(t Term) Term {
	opposite := map[metav1.LabelSelectorOperator]metav1.LabelSelectorOperator{
		metav1.LabelSelectorOpIn:           metav1.LabelSelectorOpNotIn,
		metav1.LabelSelectorOpNotIn:        metav1.LabelSelectorOpIn,
		metav1.LabelSelectorOpExists:       metav1.LabelSelectorOpDoesNotExist,
		metav1.LabelSelectorOpDoesNotExist: metav1.LabelSelectorOpExists,
	}
	return Term{Key: t.Key, Operator: opposite[t.Operator], Values: t.Values}
}

// complement returns the pods that none of the selectors matches, as lists of
// requirements of which one holds. It is false if that takes more than MaxTerms
// requirements.
func complement(selectors [][]Term) (out [][]Term, ok bool) {
	out = [][]Term{nil}
	for _, s := range selectors {
		var next [][]Term
		for _, clause := range out {
			for _, t := range s {
				if joined, possible := and(clause, negated(t)); possible {
					next = append(next, joined)
				}
			}
		}
		slices.SortFunc(next, func(a, b []Term) int { return slices.CompareFunc(a, b, compareTerms) })
		out = slices.CompactFunc(next, func(a, b []Term) bool { return slices.CompareFunc(a, b, compareTerms) == 0 })
		if count(out) > MaxTerms {
			return nil, false
		}
	}
	return out, true
}

func count(clauses [][]Term) int {
	n := 0
	for _, c := range clauses {
		n += len(c)
	}
	return n
}

// and adds a requirement to a list of them. It is false where both can never
// hold. Two lists of excluded values of one key become one.
func and(clause []Term, t Term) ([]Term, bool) {
	var out []Term
	for _, have := range clause {
		if opposed(have, t) {
			return nil, false
		}
		if have.Key == t.Key && have.Operator == metav1.LabelSelectorOpNotIn && t.Operator == metav1.LabelSelectorOpNotIn {
			values := slices.Concat(have.Values, t.Values)
			slices.Sort(values)
			t.Values = slices.Compact(values)
			continue
		}
		out = append(out, have)
	}
	return sortTerms(append(out, t)), true
}

// disjoint reports whether no pod can match both selectors: there is a label
// that they want differently.
func disjoint(a, b []Term) bool {
	return slices.ContainsFunc(a, func(x Term) bool {
		return slices.ContainsFunc(b, func(y Term) bool { return opposed(x, y) })
	})
}

// opposed reports whether no pod can meet both requirements.
func opposed(a, b Term) bool {
	if a.Key != b.Key {
		return false
	}
	const in, notIn, none = metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpDoesNotExist
	missing := func(x, y Term) bool { // each value of x is one that y lacks
		return !slices.ContainsFunc(x.Values, func(v string) bool { return slices.Contains(y.Values, v) == (y.Operator == in) })
	}
	switch {
	case a.Operator == none:
		return b.Operator == in || b.Operator == metav1.LabelSelectorOpExists
	case b.Operator == none:
		return a.Operator == in || a.Operator == metav1.LabelSelectorOpExists
	case a.Operator == in && (b.Operator == in || b.Operator == notIn):
		return missing(a, b)
	case b.Operator == in && a.Operator == notIn:
		return missing(b, a)
	}
	return false
}

// text is equal for equal values.
func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "" // impossible: all of it is plain data
	}
	return string(raw)
}

// sortedBy sorts by a key that is worked out once for each item.
func sortedBy[T any](items []T, key func(*T) string) []T {
	type keyed struct {
		key  string
		item T
	}
	list := make([]keyed, 0, len(items))
	for i := range items {
		list = append(list, keyed{key(&items[i]), items[i]})
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	for i := range list {
		items[i] = list[i].item
	}
	return items
}
