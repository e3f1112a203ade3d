package crash

import (
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// limited is the conduit that ends while the clock is set.
const limited = "infusion-to-integration"

// ending returns a declaration in which a conduit ends.
func (d declaration) ending(at time.Time) declaration {
	for _, o := range d {
		if o.GetKind() == "Conduit" && o.GetName() == limited {
			o = o.DeepCopy()
			spec, _ := o.Object["spec"].(map[string]any)
			spec["expiresAt"] = at.UTC().Format(time.RFC3339)
			return d.changed(declaration{o})
		}
	}
	panic("no conduit " + limited)
}

// clockIsSet sets the operator's clock: past the end of a conduit, back before it
// as if nothing had been, to the far future, and to where clocks without a
// battery begin. What has ended stays ended until somebody moves its end.
func (r *ride) clockIsSet(here *way) {
	r.Helper()
	var ahead atomic.Int64
	r.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	defer func() { r.now = nil }()
	ends := time.Now().Add(time.Hour).Truncate(time.Second)
	declared := here.to.ending(ends)
	opened := declared.planAt(r, r.lab.target, ends.Add(-time.Hour))
	closed := declared.planAt(r, r.lab.target, ends)
	is := func(want string) func() bool {
		return func() bool { return reason(r.object("Conduit", "", limited), "Ready") == want }
	}

	r.declare(r, declared)
	o := r.live(r, 0)
	r.settles(o, opened, "before the end", is("True Enforced"))
	r.judgeTrace(&way{name: "an end is set", passage: passage{here.after, opened}}, 0)

	const year = 365 * 24 * time.Hour
	was := opened
	for _, jump := range []struct {
		name  string
		ahead time.Duration
	}{
		{"past the end", 2 * time.Hour},
		{"back before it", 0},
		{"a hundred years on", 100 * year},
		{"to 1970", -time.Since(time.Unix(0, 0))},
		{"back again", 0},
	} {
		what := "the clock is set " + jump.name
		passes, writes := o.passes(r), len(o.policyWrites())
		ahead.Store(int64(jump.ahead))
		r.looksAgain(o, passes, what)
		r.settles(o, closed, what, is("True Expired"))
		r.idles(o, what)
		n := len(o.policyWrites()) - writes
		if first := jump.ahead == 2*time.Hour; first != (n > 0) {
			r.Errorf("%s: %d writes of policies", what, n)
		}
		r.judgeTrace(&way{name: what, passage: passage{was, closed}}, 0)
		was = closed
		r.Logf("%s: %d passes, %d writes of policies", what, o.passes(r)-passes, n)
	}
	r.stop(o)

	ahead.Store(-int64(time.Since(time.Unix(0, 0))))
	o = r.live(r, 0)
	r.looksAgain(o, uint64(len(declared)), "an operator starts in 1970")
	r.settles(o, closed, "an operator starts in 1970", is("True Expired"))
	r.idles(o, "an operator starts in 1970")
	if n := o.policyWrites(); len(n) > 0 {
		r.Errorf("an operator that starts in 1970 writes %q", n)
	}
	ahead.Store(0)

	r.declare(r, here.to.ending(ends.Add(time.Hour)))
	r.settles(o, opened, "the end is moved", is("True Enforced"))
	r.judgeTrace(&way{name: "the end is moved", passage: passage{closed, opened}}, 0)
	if at, there, _ := unstructured.NestedString(r.object("Conduit", "", limited).Object, "status", "ended"); there {
		r.Errorf("the end is moved: it is still said to have ended (%s)", at)
	}
	r.declare(r, here.to)
	r.arrives(o, here, 0)
	r.stop(o)
	r.judgeTrace(&way{name: "the end is taken away", passage: passage{opened, here.after}}, 0)
}
