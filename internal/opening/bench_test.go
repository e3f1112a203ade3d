package opening_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// BenchmarkFind: one allow-all beside policies of other namespaces.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{0, 1000} {
		text := netpol(`podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]`)
		for i := range n {
			text += "---\n" + strings.NewReplacer("namespace: infusion", fmt.Sprintf("namespace: other-%d", i)).Replace(
				netpol(fmt.Sprintf(`podSelector: {matchLabels: {key-%d: a}}, ingress: [{from: [{podSelector: {matchLabels: {far-%d: a}}}]}]`, i, i)))
		}
		in := opening.Input{
			Semantics: verdict.Semantics{Engine: verdict.Cilium}, Plan: hospital(), Zone: "infusion",
			Own: parse(b, baseline+"---"+allows+"---"+guard), Foreign: parse(b, text),
			Namespaces: []snapshot.Namespace{{Name: "infusion"}, {Name: "pacs"}},
		}
		b.Run(fmt.Sprintf("%d policies elsewhere", n), func(b *testing.B) {
			for b.Loop() {
				opening.Find(in)
			}
		})
	}
}

// TestPoliciesElsewhereChangeNothing: what is said of a zone depends only on the
// policies that may select its pods or their peers.
func TestPoliciesElsewhereChangeNothing(t *testing.T) {
	t.Parallel()
	here := netpol(`podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]`)
	var crowd strings.Builder
	crowd.WriteString(here)
	for i := range 50 {
		elsewhere := netpol(fmt.Sprintf(`podSelector: {matchLabels: {key-%d: a}}, ingress: [{from: [{podSelector: {matchLabels: {far-%d: a}}}]}]`, i, i))
		crowd.WriteString("---\n" + strings.ReplaceAll(elsewhere, "namespace: infusion", fmt.Sprintf("namespace: other-%d", i)))
	}
	alone, beside := find(t, baseline+"---"+allows, here), find(t, baseline+"---"+allows, crowd.String())
	if a, b := fmt.Sprint(lines(alone.Openings), alone.Closures), fmt.Sprint(lines(beside.Openings), beside.Closures); a != b {
		t.Errorf("alone\n%s\nbeside others\n%s", a, b)
	}
}
