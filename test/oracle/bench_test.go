package oracle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/medfence/medfence/internal/flow"
)

// largeWorld has 40 pods and, beside the conduits and the guard, 60 policies.
func largeWorld(tb testing.TB) World {
	r := rand.New(rand.NewPCG(1, 1))
	w := World{Policies: decode(tb, conduits+"---"+guard)}
	for i := range 40 {
		e := podEndpoint(fmt.Sprintf("%s/pod-%d", namespaces[i%len(namespaces)], i), i+1)
		e.Labels = map[string]string{"app": fmt.Sprintf("app-%d", i), "tier": "a", "ward": "b"}
		w.Endpoints = append(w.Endpoints, e)
	}
	for i := range 60 {
		w.Policies = append(w.Policies, randomNetworkPolicy(r, i))
	}
	return w
}

// BenchmarkWorld is a change of policies: a new judge, and every pod's policy
// computed.
func BenchmarkWorld(b *testing.B) {
	w := largeWorld(b)
	for b.Loop() {
		j, err := Cilium(w)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range w.Endpoints {
			if _, err := j.Allowed(e, w.Endpoints[0], flow.Flow{Protocol: flow.TCP, Port: 104}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkFlow(b *testing.B) {
	w := largeWorld(b)
	j, err := Cilium(w)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	for b.Loop() {
		if _, err := j.Allowed(pick(r, w.Endpoints), pick(r, w.Endpoints), randomFlow(r)); err != nil {
			b.Fatal(err)
		}
	}
}
