package judged

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/oracle"
)

var seed = flag.Uint64("seed", 1, "first seed of the random worlds")

func text(n int) string { return strconv.Itoa(n) }

// wire returns the objects after a journey through YAML.
func wire(t testing.TB, objects []object) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, o := range objects {
		raw, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(raw, &u.Object); err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}

// withFamily gives a flow addresses, so that both judges mean the same family.
func withFamily(r *rand.Rand, from, to oracle.Endpoint, f flow.Flow) (flow.Flow, bool) {
	four := one(r, 2)
	find := func(e oracle.Endpoint) bool {
		for _, ip := range e.IPs {
			if ip.Is4() == four {
				return true
			}
		}
		return len(e.IPs) == 0
	}
	for range 2 {
		if find(from) && find(to) {
			for _, ip := range from.IPs {
				if ip.Is4() == four {
					f.Source = ip
				}
			}
			for _, ip := range to.IPs {
				if ip.Is4() == four {
					f.Destination = ip
				}
			}
			return f, true
		}
		four = !four
	}
	return f, false
}

// A score counts the answers.
type score struct{ asked, allowed, denied, unknown, wrong int }

func (s *score) add(t *testing.T, name string, v verdict.Verdict, allowed bool) {
	t.Helper()
	s.asked++
	switch v.Decision {
	case verdict.Allow:
		s.allowed++
	case verdict.Deny:
		s.denied++
	default:
		s.unknown++
		return
	}
	if (v.Decision == verdict.Allow) == allowed {
		return
	}
	s.wrong++
	if s.wrong <= 5 {
		t.Errorf("%s: we say %s, the engine allows = %t; steps:", name, v.Decision, allowed)
		for _, step := range v.Steps {
			t.Errorf("  %s %s %s %s: %s", step.Direction, step.Effect, step.Policy, step.Path, step.Text)
		}
	}
}

// world judges one random world by Cilium's engine.
func world(t *testing.T, s uint64, k kit, flows int, total *score) {
	t.Helper()
	objects := wire(t, k.objects())
	w := oracle.World{Endpoints: randomEndpoints(k.Rand, one(k.Rand, 4))}
	for _, o := range objects {
		w.Policies = append(w.Policies, client.Object(o))
	}
	engine, err := oracle.Cilium(w)
	if err != nil {
		t.Fatalf("seed %d: %v", s, err)
	}
	judge := verdict.New(verdict.Semantics{Engine: verdict.Cilium}, objects...)
	for range flows {
		from, to := pick(k.Rand, w.Endpoints), pick(k.Rand, w.Endpoints)
		f, ok := withFamily(k.Rand, from, to, randomFlow(k.Rand))
		if !ok || from.Kind != oracle.Pod && to.Kind != oracle.Pod && !one(k.Rand, 5) {
			continue
		}
		allowed, err := engine.Allowed(from, to, f)
		if err != nil {
			t.Fatalf("seed %d: %v", s, err)
		}
		name := fmt.Sprintf("seed %d: %s > %s %v", s, from, to, f)
		total.add(t, name, judge.Judge(from.Ours(), to.Ours(), f), allowed)
	}
}

func TestVerdictsAreThoseOfCiliumsEngine(t *testing.T) {
	const worlds, flows = 400, 250
	total := &score{}
	for s := *seed; s < *seed+worlds; s++ {
		world(t, s, kit{Rand: rand.New(rand.NewPCG(s, s))}, flows, total)
	}
	t.Logf("%+v", *total)
	if total.asked < 50_000 || total.wrong > 0 {
		t.Errorf("asked about %d flows, %d of them wrong", total.asked, total.wrong)
	}
	if total.unknown*100 >= 5*total.asked {
		t.Errorf("%d of %d flows are Unknown: too many to be of use", total.unknown, total.asked)
	}
	if total.allowed*10 < total.asked || total.denied*10 < total.asked {
		t.Errorf("%d allowed and %d denied: the worlds say little", total.allowed, total.denied)
	}
}

func TestVerdictsWithNamesAndContentAreThoseOfCiliumsEngineWhereTheyAreSure(t *testing.T) {
	const worlds, flows = 100, 200
	total := &score{}
	for s := *seed; s < *seed+worlds; s++ {
		world(t, s, kit{Rand: rand.New(rand.NewPCG(s, s+1)), names: true, content: true}, flows, total)
	}
	t.Logf("%+v", *total)
	if total.wrong > 0 {
		t.Errorf("%d of %d flows are wrong", total.wrong, total.asked)
	}
}
