package guard

import (
	"math/rand/v2"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var operators = []metav1.LabelSelectorOperator{
	metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist,
}

// randomTerms returns up to three requirements on two keys of two values.
func randomTerms(d *rand.Rand) []Term {
	var out []Term
	for range d.IntN(4) {
		t := Term{Key: string("ab"[d.IntN(2)]), Operator: operators[d.IntN(4)]}
		if t.Operator == metav1.LabelSelectorOpIn || t.Operator == metav1.LabelSelectorOpNotIn {
			t.Values = [][]string{{"x"}, {"y"}, {"x", "y"}}[d.IntN(3)]
		}
		out = append(out, t)
	}
	return termsOf(metav1.LabelSelector{MatchExpressions: out})
}

// pods are all that the keys and values make: each label absent, x, y or z.
func pods() []labels.Set {
	var out []labels.Set
	for _, a := range []string{"", "x", "y", "z"} {
		for _, b := range []string{"", "x", "y", "z"} {
			pod := labels.Set{}
			if a != "" {
				pod["a"] = a
			}
			if b != "" {
				pod["b"] = b
			}
			out = append(out, pod)
		}
	}
	return out
}

func matches(t *testing.T, terms []Term, pod labels.Set) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: terms})
	if err != nil {
		t.Fatalf("%v: %v", terms, err)
	}
	return s.Matches(pod)
}

func TestAComplementHoldsExactlyThePodsThatNoSelectorMatches(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	given := 0
	for range 2000 {
		var selectors [][]Term
		for range d.IntN(4) {
			selectors = append(selectors, randomTerms(d))
		}
		rest, ok := complement(selectors)
		if !ok {
			continue
		}
		given++
		if n := count(rest); n > MaxTerms {
			t.Fatalf("%d requirements", n)
		}
		for _, pod := range pods() {
			want := !slices.ContainsFunc(selectors, func(s []Term) bool { return matches(t, s, pod) })
			got := slices.ContainsFunc(rest, func(s []Term) bool { return matches(t, s, pod) })
			if got != want {
				t.Fatalf("%v of %v: %v is in it: %t, want %t", rest, selectors, pod, got, want)
			}
		}
	}
	if given < 1500 {
		t.Errorf("only %d complements were given", given)
	}
}

func TestDisjointSelectorsShareNoPod(t *testing.T) {
	d := rand.New(rand.NewPCG(3, 4))
	proved := 0
	for range 3000 {
		a, b := randomTerms(d), randomTerms(d)
		if !disjoint(a, b) {
			continue
		}
		proved++
		for _, pod := range pods() {
			if matches(t, a, pod) && matches(t, b, pod) {
				t.Fatalf("%v and %v share %v", a, b, pod)
			}
		}
	}
	if proved < 500 {
		t.Errorf("only %d pairs were proved disjoint", proved)
	}
}

func TestTheSameKeyWithDifferentValuesIsDisjoint(t *testing.T) {
	is := func(op metav1.LabelSelectorOperator, values ...string) []Term {
		return []Term{{Key: "app", Operator: op, Values: values}}
	}
	const in, notIn, exists, none = metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist
	for name, tc := range map[string]struct {
		a, b []Term
		want bool
	}{
		"two values":              {is(in, "a"), is(in, "b"), true},
		"one value in both":       {is(in, "a", "b"), is(in, "b", "c"), false},
		"a value and all others":  {is(in, "a"), is(notIn, "a", "b"), true},
		"more than is left out":   {is(in, "a", "c"), is(notIn, "a"), false},
		"a value and the absence": {is(in, "a"), is(none), true},
		"presence and absence":    {is(exists), is(none), true},
		"two absences":            {is(notIn, "a"), is(none), false},
		"another key":             {is(in, "a"), []Term{{Key: "tier", Operator: in, Values: []string{"b"}}}, false},
		"no requirement":          {nil, is(in, "a"), false},
	} {
		if got := disjoint(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: disjoint = %t", name, got)
		}
		if got := disjoint(tc.b, tc.a); got != tc.want {
			t.Errorf("%s, turned round: disjoint = %t", name, got)
		}
	}
}
