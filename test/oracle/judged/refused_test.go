package judged

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/oracle"
)

// oddValues replace what a policy says somewhere.
var oddValues = []any{
	"", "everyone", "10.0.0.0/40", "70000", "NaN", nil, -1, 0, 300, true, []any{}, []any{nil}, object{},
	object{"cidr": "10.0.0.0/8", "cidrGroupRef": "a"}, []any{object{"port": "0", "protocol": "ICMP"}}, []any{"all", "10.0.0.0/8"},
}

// spoil replaces one value somewhere in a tree, or adds a field that exists.
func spoil(r *rand.Rand, v any) any {
	switch x := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(x))
		if len(keys) == 0 || one(r, 6) {
			x[pick(r, []string{"toCIDR", "fromCIDR", "toEntities", "fromEntities", "icmps", "toPorts", "endPort", "toFQDNs", "nodeSelector"})] = pick(r, oddValues)
			return x
		}
		k := pick(r, keys)
		x[k] = spoil(r, x[k])
		return x
	case []any:
		if len(x) > 0 && !one(r, 5) {
			i := r.IntN(len(x))
			x[i] = spoil(r, x[i])
			return x
		}
	}
	return pick(r, oddValues)
}

// TestWhatTheAgentRefusesIsUnknown: an object that the agent would not take is
// never taken for one that decides.
func TestWhatTheAgentRefusesIsUnknown(t *testing.T) {
	const rounds = 4000
	refused, strictOnly := 0, 0
	for s := *seed; s < *seed+rounds; s++ {
		k := kit{Rand: rand.New(rand.NewPCG(s, s+5)), names: true, content: true}
		o := k.cilium("CiliumNetworkPolicy", "odd", "infusion")
		for _, field := range []string{"spec", "specs"} {
			if o[field] != nil {
				o[field] = spoil(k.Rand, o[field])
			}
		}
		u := wire(t, []object{o})[0]
		pod := oracle.Endpoint{Namespace: "infusion", Name: "pod", IPs: addresses("10.0.0.1")}
		far := oracle.Endpoint{Kind: oracle.Address, IPs: addresses("203.0.113.9")}
		v := verdict.New(verdict.Semantics{Engine: verdict.Cilium}, u).Judge(pod.Ours(), far.Ours(), randomFlow(k.Rand))
		if agentTakes(u, pod, far) {
			if v.Decision == verdict.Unknown {
				strictOnly++
			}
			continue
		}
		refused++
		if v.Decision != verdict.Unknown {
			t.Errorf("seed %d: the agent refuses it, and we say %s: %v", s, v.Decision, u.Object)
		}
	}
	t.Logf("%d objects are refused; %d others are Unknown", refused, strictOnly)
	if refused < rounds/10 {
		t.Errorf("only %d of %d objects were refused: too few to mean anything", refused, rounds)
	}
}

// agentTakes reports whether the engine reads the object. Its decoders panic on
// some.
func agentTakes(u *unstructured.Unstructured, endpoints ...oracle.Endpoint) (takes bool) {
	defer func() {
		if recover() != nil {
			takes = false
		}
	}()
	_, err := oracle.Cilium(oracle.World{Policies: []client.Object{u}, Endpoints: endpoints})
	return err == nil
}
