package guard

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/render/object"
)

// deniesOf are rules that are told apart by a number.
func deniesOf(n int) []Deny {
	port := flow.PortRange{Port: uint16(n), End: uint16(n)}
	return []Deny{{World: true, Ports: []object.Port{{Protocol: flow.TCP, Range: port}}}}
}

func in(key string, values ...string) Term {
	return Term{Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}
}

func notApp(values ...string) Term {
	return Term{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: values}
}

func specOf(denies int, namespace string, terms ...Term) Spec {
	return Spec{Subject: PodSet{Namespaces: []string{namespace}, Terms: terms}, Ingress: deniesOf(denies), permitted: denies}
}

func TestSpecsThatDenyTheSameBecomeOne(t *testing.T) {
	several := func(spec Spec, namespaces ...string) Spec {
		spec.Subject.Namespaces = namespaces
		return spec
	}
	cases := map[string]struct{ specs, want []Spec }{
		"one label": {
			[]Spec{specOf(1, "icu", in("app", "b")), specOf(1, "icu", in("app", "a")), specOf(1, "icu", in("app", "a", "c"))},
			[]Spec{specOf(1, "icu", in("app", "a", "b", "c"))},
		},
		"something else is denied": {
			[]Spec{specOf(1, "icu", in("app", "a")), specOf(2, "icu", in("app", "b"))},
			[]Spec{specOf(1, "icu", in("app", "a")), specOf(2, "icu", in("app", "b"))},
		},
		"two labels of two": {
			[]Spec{specOf(1, "icu", in("app", "a"), in("tier", "x")), specOf(1, "icu", in("app", "b"), in("tier", "y"))},
			[]Spec{specOf(1, "icu", in("app", "a"), in("tier", "x")), specOf(1, "icu", in("app", "b"), in("tier", "y"))},
		},
		"one label of two": {
			[]Spec{specOf(1, "icu", in("app", "a"), in("tier", "x")), specOf(1, "icu", in("app", "b"), in("tier", "x"))},
			[]Spec{specOf(1, "icu", in("app", "a", "b"), in("tier", "x"))},
		},
		"all of a square": {
			[]Spec{
				specOf(1, "icu", in("app", "a"), in("tier", "x")), specOf(1, "icu", in("app", "b"), in("tier", "x")),
				specOf(1, "icu", in("app", "a"), in("tier", "y")), specOf(1, "icu", in("app", "b"), in("tier", "y")),
			},
			[]Spec{specOf(1, "icu", in("app", "a", "b"), in("tier", "x", "y"))},
		},
		"a label more": {
			[]Spec{specOf(1, "icu", in("app", "a")), specOf(1, "icu", in("app", "b"), in("tier", "x"))},
			[]Spec{specOf(1, "icu", in("app", "a")), specOf(1, "icu", in("app", "b"), in("tier", "x"))},
		},
		"excluded values": {
			[]Spec{specOf(1, "icu", notApp("a")), specOf(1, "icu", notApp("b"))},
			[]Spec{specOf(1, "icu", notApp("a")), specOf(1, "icu", notApp("b"))},
		},
		"one label twice": {
			[]Spec{specOf(1, "icu", in("app", "a"), notApp("z")), specOf(1, "icu", in("app", "b"), notApp("z"))},
			[]Spec{specOf(1, "icu", in("app", "a"), notApp("z")), specOf(1, "icu", in("app", "b"), notApp("z"))},
		},
		"namespaces and labels": {
			[]Spec{specOf(1, "icu", in("app", "a")), specOf(1, "ward", in("app", "a")), specOf(1, "icu", in("app", "b")), specOf(1, "ward", in("app", "b"))},
			[]Spec{several(specOf(1, "", in("app", "a", "b")), "icu", "ward")},
		},
		"namespaces": {
			[]Spec{specOf(1, "ward"), specOf(1, "icu")},
			[]Spec{several(specOf(1, ""), "icu", "ward")},
		},
		"what is outside of namespaces": {
			[]Spec{{Subject: PodSet{Outside: true, Namespaces: []string{"a"}}, Ingress: deniesOf(1)}, {Subject: PodSet{Outside: true, Namespaces: []string{"b"}}, Ingress: deniesOf(1)}},
			[]Spec{{Subject: PodSet{Outside: true, Namespaces: []string{"a"}}, Ingress: deniesOf(1)}, {Subject: PodSet{Outside: true, Namespaces: []string{"b"}}, Ingress: deniesOf(1)}},
		},
		"the other direction": {
			[]Spec{specOf(1, "icu", in("app", "a")), {Subject: PodSet{Namespaces: []string{"icu"}, Terms: []Term{in("app", "b")}}, Egress: deniesOf(1)}},
			[]Spec{specOf(1, "icu", in("app", "a")), {Subject: PodSet{Namespaces: []string{"icu"}, Terms: []Term{in("app", "b")}}, Egress: deniesOf(1)}},
		},
		"nothing": {nil, []Spec{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			given := text(tc.specs)
			if diff := cmp.Diff(tc.want, merge(tc.specs), cmp.AllowUnexported(Spec{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if after := text(tc.specs); after != given {
				t.Errorf("what was given is %s, and was %s", after, given)
			}
		})
	}
}

// selects reports whether a set of pods holds one.
func selects(t *testing.T, p PodSet, namespace string, own labels.Set) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: p.Terms})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(p.Namespaces, namespace) != p.Outside && selector.Matches(own)
}

// denied is all that specs deny to a pod.
func denied(t *testing.T, specs []Spec, namespace string, own labels.Set) []string {
	t.Helper()
	out := map[string]bool{}
	for _, s := range specs {
		if selects(t, s.Subject, namespace, own) {
			out[text([][]Deny{s.Ingress, s.Egress})] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// TestMergedSpecsDenyEachPodTheSame over random specs, and in whatever order they
// come.
func TestMergedSpecsDenyEachPodTheSame(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 4))
	words := []string{"a", "b", "c"}
	some := func() []string { return words[:1+dice.IntN(len(words))] }
	merged := 0
	for range 3000 {
		var specs []Spec
		for range 1 + dice.IntN(16) {
			s := Spec{Subject: PodSet{Namespaces: slices.Clone(some()), Outside: dice.IntN(8) == 0}, Ingress: deniesOf(1 + dice.IntN(2))}
			for _, key := range words[:1+dice.IntN(2)] {
				term := Term{Key: key, Operator: []metav1.LabelSelectorOperator{"In", "In", "In", "NotIn", "Exists", "DoesNotExist"}[dice.IntN(6)]}
				if term.Operator == "In" || term.Operator == "NotIn" {
					term.Values = slices.Clone(some())
				}
				s.Subject.Terms = append(s.Subject.Terms, term)
			}
			specs = append(specs, s)
		}
		got := merge(specs)
		merged += len(specs) - len(got)
		for _, namespace := range words {
			for range 6 {
				own := labels.Set{}
				for _, key := range words {
					if dice.IntN(3) > 0 {
						own[key] = words[dice.IntN(len(words))]
					}
				}
				if diff := cmp.Diff(denied(t, specs, namespace, own), denied(t, got, namespace, own)); diff != "" {
					t.Fatalf("to %s/%v (-apart +merged):\n%s\nof %s\nmade %s", namespace, own, diff, text(specs), text(got))
				}
			}
		}
	}
	if merged < 1000 {
		t.Errorf("only %d specs were merged", merged)
	}
}

// A zone of many devices with the same conduits has a guard of the same size.
func TestAGuardDoesNotGrowWithDevicesThatAreAlike(t *testing.T) {
	size := func(n int) int {
		var specs []Spec
		for i := range n {
			specs = append(specs, specOf(1, "icu", in("app", fmt.Sprintf("pump-%d", i))))
		}
		return len(merge(specs))
	}
	if few, many := size(2), size(2000); few != many {
		t.Errorf("%d specs for 2 devices, %d for 2,000", few, many)
	}
}
