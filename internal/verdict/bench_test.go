package verdict_test

import (
	"fmt"
	"testing"

	"github.com/medfence/medfence/internal/verdict"
)

// crowd returns a judge of n policies, of which four select the gateway or the
// pump: the others are of other namespaces or of other pods, or clusterwide for
// namespaces of their own.
func crowd(tb testing.TB, n int) *verdict.Judge {
	tb.Helper()
	objects := parse(tb, baseline+"---"+conduit+"---"+denyPACS+"---"+allowAll)
	for i := range n {
		objects = append(objects, parse(tb, fmt.Sprintf(`
kind: NetworkPolicy
metadata: {name: p, namespace: other-%d}
spec: {podSelector: {}, ingress: [{}]}
---
kind: CiliumNetworkPolicy
metadata: {name: p-%d, namespace: infusion}
spec: {endpointSelector: {matchLabels: {app: other-%d}}, ingress: [{}]}
---
kind: CiliumClusterwideNetworkPolicy
metadata: {name: p-%d}
spec: {endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": other-%d}}, ingress: [{}]}
---
kind: CiliumCIDRGroup
metadata: {name: g-%d}
spec: {externalCIDRs: [10.%d.%d.0/24]}
`, i, i, i, i, i, i, i/250, i%250))...)
	}
	return verdict.New(verdict.Semantics{Engine: verdict.Cilium}, objects...)
}

// BenchmarkJudge: a flow costs with the policies that select its two ends, not
// with those that there are.
func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{0, 100, 10_000} {
		j := crowd(b, n)
		b.Run(fmt.Sprintf("%d policies", 3*n+4), func(b *testing.B) {
			for b.Loop() {
				j.Judge(hospital["gateway"], hospital["pump"], testFlow)
			}
		})
		b.Run(fmt.Sprintf("%d policies and groups, an address", 4*n+4), func(b *testing.B) {
			for b.Loop() {
				j.Judge(hospital["gateway"], hospital["archive"], testFlow)
			}
		})
	}
}

// TestAFlowCostsWithThePoliciesThatSelectItsEnds counts allocations, which
// follow the policies looked at: as many beside thousands of others as alone.
func TestAFlowCostsWithThePoliciesThatSelectItsEnds(t *testing.T) {
	cost := func(j *verdict.Judge, to string) float64 {
		return testing.AllocsPerRun(100, func() { j.Judge(hospital["gateway"], hospital[to], testFlow) })
	}
	alone, beside := crowd(t, 0), crowd(t, 1000)
	for _, to := range []string{"pump", "pacs", "archive"} {
		if a, b := cost(alone, to), cost(beside, to); b > a+8 {
			t.Errorf("to %s: %v allocations beside 4,000 other objects, %v alone", to, b, a)
		}
	}
}
