package crash

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// open is what somebody who wants all open puts under our names.
var open = map[string]map[string]any{
	"NetworkPolicy": {
		"podSelector": map[string]any{}, "policyTypes": []any{"Ingress", "Egress"},
		"ingress": []any{map[string]any{}}, "egress": []any{map[string]any{}},
	},
	"CiliumNetworkPolicy":            allowEverything,
	"CiliumClusterwideNetworkPolicy": allowEverything,
	"CiliumCIDRGroup":                {"externalCIDRs": []any{"0.0.0.0/0", "::/0"}},
}

var allowEverything = map[string]any{
	"endpointSelector": map[string]any{},
	"ingress":          []any{map[string]any{"fromEntities": []any{"all"}}},
	"egress":           []any{map[string]any{"toEntities": []any{"all"}}},
}

// take puts an open object under every name that the operator would use, in a
// cluster without Medfence.
func (l *lab) take(t testing.TB, names []unstructured.Unstructured) (theirs state) {
	t.Helper()
	theirs = state{}
	for i := range names {
		o := blank(names[i].GroupVersionKind())
		o.SetNamespace(names[i].GetNamespace())
		o.SetName(names[i].GetName())
		o.Object["spec"] = open[o.GetKind()]
		if err := l.admin.Create(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		theirs[keyOf(o)] = string(o.GetUID()) + " " + o.GetResourceVersion()
	}
	return theirs
}

// taken goes from a cluster in which others have all our names to the hospital:
// nothing of theirs is touched, and nothing is open for it.
func (r *ride) taken(to declaration) {
	r.Helper()
	names := r.policies(r)
	r.wipe(r)
	theirs := r.take(r, names)
	r.trace(r)
	// Beside what others allow, only what guards and moats are concerned with is
	// closed; and so it is judged.
	r.judge = &judge{
		target: r.judge.target, endpoints: r.judge.endpoints,
		questions: slices.DeleteFunc(slices.Clone(r.questions), func(q question) bool { return !q.beside }),
		verdicts:  map[[32]byte]verdict{}, expected: r.judge.expected,
	}
	clear(r.judge.expected)
	w := &way{name: "our names are taken", passage: passage{nil, to.plan(r, r.lab.target)}, to: to, begin: func() {}}
	r.explore(w)
	r.drain()
	r.complain()

	untouched := state{}
	for _, o := range r.policies(r) {
		if key := keyOf(&o); theirs[key] != "" {
			untouched[key] = string(o.GetUID()) + " " + o.GetResourceVersion()
		}
	}
	if diff := cmp.Diff(theirs, untouched); diff != "" {
		r.Errorf("what others had by our names (-was +is):\n%s", diff)
	}
	if got, want := len(r.policies(r)), 2*len(names); got != want {
		r.Errorf("%d policies beside theirs, want %d", got-len(names), want-len(names))
	}
	r.Logf("%s: %d writes beside %d objects of others, %d flows in %d states", w.name, w.writes, len(theirs), len(r.questions), r.states())
}
