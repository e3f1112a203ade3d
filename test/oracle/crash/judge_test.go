package crash

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/oracle"
)

// A policySet is what a watcher knows at one moment, by kind, namespace and
// name.
type policySet map[string]*unstructured.Unstructured

// A verdict has an answer for each of the judge's questions.
type verdict []bool

// A judge answers all questions of any set of policies, once.
type judge struct {
	target    snapshot.TargetKind
	endpoints []oracle.Endpoint
	questions []question

	mu       sync.Mutex
	verdicts map[[sha256.Size]byte]verdict
	expected map[*plan.Plan]verdict
	sides    []*side // made when first asked
}

func newJudge(t testing.TB, target snapshot.TargetKind) *judge {
	t.Helper()
	all := questions(t)
	if target == snapshot.Cilium {
		book := newWardBook(t)
		for _, q := range all {
			if q.beside = true; book.concerns(q) {
				all = append(all, q)
			}
		}
	}
	return &judge{
		target: target, endpoints: endpoints(t), questions: all,
		verdicts: map[[sha256.Size]byte]verdict{}, expected: map[*plan.Plan]verdict{},
	}
}

// states returns how many different sets of policies were judged.
func (j *judge) states() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.verdicts)
}

func (j *judge) ask(s policySet) (verdict, error) {
	hash, err := s.hash()
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if v, ok := j.verdicts[hash]; ok {
		return v, nil
	}
	v, err := j.decide(s)
	if err == nil {
		j.verdicts[hash] = v
	}
	return v, err
}

func (s policySet) hash() ([sha256.Size]byte, error) {
	specs := make([]any, 0, 2*len(s))
	for _, key := range slices.Sorted(maps.Keys(s)) {
		specs = append(specs, key, s[key].GetLabels(), s[key].Object["spec"], s[key].Object["specs"])
	}
	raw, err := json.Marshal(specs)
	return sha256.Sum256(raw), err
}

// allowAll is what another team has in the cluster all the time. Without a
// guard nothing is closed beside it.
const allowAll = `
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: allow-all}
spec:
  endpointSelector: {}
  ingress: [{fromEntities: [all]}]
  egress: [{toEntities: [all]}]
`

// An engine is one of the two that nobody here wrote.
type engine interface {
	Allowed(from, to oracle.Endpoint, f flow.Flow) (bool, error)
	Sends(from, to oracle.Endpoint, f flow.Flow) (bool, error)
	Receives(from, to oracle.Endpoint, f flow.Flow) (bool, error)
}

// engines returns the judge of the policies alone, and, on Cilium, of the same
// beside an allow-all.
func (j *judge) engines(s policySet) (alone, beside engine, err error) {
	w := oracle.World{Endpoints: j.endpoints}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		w.Policies = append(w.Policies, client.Object(s[key]))
	}
	if j.target != snapshot.Cilium {
		alone, err = oracle.Cyclonus(w)
		return alone, nil, err
	}
	if alone, err = oracle.Cilium(w); err != nil {
		return nil, nil, err
	}
	theirs := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(allowAll), &theirs.Object); err != nil {
		return nil, nil, err
	}
	w.Policies = append(slices.Clone(w.Policies), theirs)
	beside, err = oracle.Cilium(w)
	return alone, beside, err
}

// A passage is a change of what people declared: what a plan permits before it
// and after it. No plan is a cluster without Medfence.
type passage struct {
	before, after *plan.Plan
}

// revokes reports whether the flow loses its conduit. It may then be cut at
// once, also where the zone is released in the same change, so that it is open
// at the end (ruling 14: what the change concerns may lag).
func (p passage) revokes(q question) bool {
	return p.before != nil && permitted(p.before, q) && !permitted(p.after, q)
}

// A finding is a law that a trace breaks.
type finding struct {
	law   string
	state int // of the trace
	question
}

func (f finding) String() string { return fmt.Sprintf("state %d: %s: %s", f.state, f.law, f.question) }

// The laws.
const (
	lawUnlike = "the policies at rest do not say what the plan says"
	lawCut    = "a flow that is permitted before and after is cut"
	lawOpen   = "a flow that is denied before and after is open"
	lawBack   = "a flow changes more than once"
)

// check judges a trace: the sets of policies from one rest to the next. What a
// flow is before and after, it is in between; what changes, changes once.
func (j *judge) check(p passage, trace []policySet) ([]finding, error) {
	verdicts := make([]verdict, len(trace))
	for i, s := range trace {
		v, err := j.ask(s)
		if err != nil {
			return nil, fmt.Errorf("state %d: %w", i, err)
		}
		verdicts[i] = v
	}
	first, last := verdicts[0], verdicts[len(verdicts)-1]
	out := append(j.unlike(p.before, first, 0), j.unlike(p.after, last, len(trace)-1)...)
	for n, q := range j.questions {
		changes := 0
		for i := 1; i < len(verdicts); i++ {
			if verdicts[i][n] != verdicts[i-1][n] {
				changes++
			}
			switch now := verdicts[i][n]; {
			case first[n] && last[n] && !now && !p.revokes(q):
				out = append(out, finding{lawCut, i, q})
			case !first[n] && !last[n] && now:
				out = append(out, finding{lawOpen, i, q})
			}
		}
		if first[n] != last[n] && changes > 1 {
			out = append(out, finding{lawBack, len(verdicts) - 1, q})
		}
	}
	return out, nil
}

// unlike finds where policies at rest differ from the plan.
func (j *judge) unlike(p *plan.Plan, v verdict, state int) []finding {
	var out []finding
	for n, want := range j.expect(p) {
		if v[n] != want {
			out = append(out, finding{lawUnlike, state, j.questions[n]})
		}
	}
	return out
}

// expect returns what a plan says of the questions. What no enforced zone is
// concerned with is open.
func (j *judge) expect(p *plan.Plan) verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	out, known := j.expected[p]
	if known {
		return out
	}
	for _, q := range j.questions {
		out = append(out, leftOpen(p, q))
	}
	j.expected[p] = out
	return out
}

// leftOpen reports whether a plan permits a flow, or leaves it to others.
func leftOpen(p *plan.Plan, q question) bool {
	// Beside what others allow, only a guard closes: plain policies have none.
	unguarded := p != nil && q.beside && p.Target != snapshot.Cilium
	return p == nil || unguarded || !enforced(p, q) || permitted(p, q)
}
