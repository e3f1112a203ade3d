package judged

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/oracle"
)

// netpols draws NetworkPolicies that cyclonus reads aright: without NotIn.
func (k kit) netpols() []object {
	var out []object
	for i := range 1 + k.IntN(6) {
		for {
			o := k.networkPolicy(fmt.Sprintf("policy-%d", i))
			if !strings.Contains(fmt.Sprint(o), "NotIn") {
				out = append(out, o)
				break
			}
		}
	}
	return out
}

// TestVerdictsOnNetworkPolicyAreThoseOfCyclonus: pods, nodes and addresses under
// plain NetworkPolicy, where a prefix matches whatever has the address.
func TestVerdictsOnNetworkPolicyAreThoseOfCyclonus(t *testing.T) {
	const worlds, flows = 300, 200
	total := &score{}
	for s := *seed; s < *seed+worlds; s++ {
		k := kit{Rand: rand.New(rand.NewPCG(s, s+2))}
		objects := wire(t, k.netpols())
		w := oracle.World{Endpoints: randomEndpoints(k.Rand, false)}
		for _, o := range objects {
			w.Policies = append(w.Policies, o)
		}
		cyclonus, err := oracle.Cyclonus(w)
		if err != nil {
			t.Fatalf("seed %d: %v", s, err)
		}
		judge := verdict.New(verdict.Semantics{Engine: verdict.NetworkPolicy}, objects...)
		for range flows {
			from, to := pick(k.Rand, w.Endpoints), pick(k.Rand, w.Endpoints)
			f, ok := withFamily(k.Rand, from, to, randomFlow(k.Rand))
			if !ok || f.Protocol == flow.ICMP || len(from.IPs) == 0 || len(to.IPs) == 0 {
				continue
			}
			v := judge.Judge(from.Ours(), to.Ours(), f)
			allowed, err := cyclonus.Allowed(from, to, f)
			if err != nil { // a pod and its own node: plugins differ
				if v.Decision == verdict.Deny {
					t.Errorf("seed %d: %s > %s: Deny where plugins differ", s, from, to)
				}
				continue
			}
			total.add(t, fmt.Sprintf("seed %d: %s > %s %v", s, from, to, f), v, allowed)
		}
	}
	t.Logf("%+v", *total)
	if total.wrong > 0 || total.asked < 20_000 {
		t.Errorf("asked about %d flows, %d of them wrong", total.asked, total.wrong)
	}
	if total.unknown*100 >= 5*total.asked || total.allowed*10 < total.asked || total.denied*10 < total.asked {
		t.Errorf("%+v: the worlds say little", *total)
	}
}

// TestAJudgeOfNothingAllowsEverything: without objects nothing is restricted.
func TestAJudgeOfNothingAllowsEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(*seed, 3))
	endpoints := randomEndpoints(r, false)
	for _, engine := range []verdict.Engine{verdict.Cilium, verdict.NetworkPolicy} {
		judge := verdict.New(verdict.Semantics{Engine: engine}, []*unstructured.Unstructured{}...)
		for range 500 {
			from, to := pick(r, endpoints), pick(r, endpoints)
			f, ok := withFamily(r, from, to, randomFlow(r))
			if !ok || from.Kind == oracle.Init || to.Kind == oracle.Init {
				continue
			}
			if v := judge.Judge(from.Ours(), to.Ours(), f); v.Decision != verdict.Allow {
				t.Errorf("%s: %s > %s %v: %s %v", engine, from, to, f, v.Decision, v.Steps)
			}
		}
	}
}
