package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// quiet is for how long an operator that has arrived does nothing; unasked is
// longer than any wait of its own.
const (
	quiet   = 100 * time.Millisecond
	unasked = 1500 * time.Millisecond
)

// A way is a change that is declared while no operator runs, and what the
// cluster is at its end.
type way struct {
	name string
	passage
	// begin brings the cluster to the beginning of the way, at rest.
	begin func()
	to    declaration
	want  state
	// by is a plan that is on its way when the operator turns back, or nil: what it
	// leaves open may be open meanwhile.
	by *plan.Plan
	// writes is how many an operator makes that is not stopped.
	writes int
}

func TestAnOperatorThatIsStoppedAfterAnyWriteArrivesSafely(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	for _, target := range []snapshot.TargetKind{snapshot.Cilium, snapshot.Netpol} {
		// Each on a cluster of its own: they wait more than they work.
		t.Run(string(target)+", from nothing", func(t *testing.T) {
			t.Parallel()
			newRide(t, target).install()
		})
		t.Run(string(target)+", a change and its undoing", func(t *testing.T) {
			t.Parallel()
			newRide(t, target).change()
		})
	}
}

// A ride takes an operator over its ways, with crashes.
type ride struct {
	*testing.T
	*lab
	*judge
	crashes, traces, hung int
	begin                 time.Time
	dying, arriving       time.Duration
	// faults are the broken laws, and where each was seen first; failed is the
	// first trace that could not be judged. Both are for after drain.
	faults map[string]string
	failed error
	// traced are the traces to judge, one after the other, while the next
	// operator runs: it waits more than it works.
	traced  chan func()
	judging sync.WaitGroup
}

func newRide(t *testing.T, target snapshot.TargetKind) *ride {
	t.Helper()
	return newRideIn(t, newLab(t, target))
}

func newRideIn(t *testing.T, l *lab) *ride {
	t.Helper()
	r := &ride{
		T: t, lab: l, judge: newJudge(t, l.target), faults: map[string]string{}, begin: time.Now(),
		traced: make(chan func(), 1024),
	}
	go func() {
		for judge := range r.traced {
			judge()
			r.judging.Done()
		}
	}()
	t.Cleanup(func() { close(r.traced) })
	return r
}

// drain waits until all traces are judged.
func (r *ride) drain() {
	r.Helper()
	r.judging.Wait()
	if r.failed != nil {
		r.Fatal(r.failed)
	}
}

// install goes from a cluster without Medfence to the hospital.
func (r *ride) install() {
	r.Helper()
	hospital := readObjects(r, "hospital.yaml")
	w := &way{name: "from nothing", passage: passage{nil, hospital.plan(r, r.lab.target)}, to: hospital, begin: func() {
		r.wipe(r)
		r.trace(r)
	}}
	r.explore(w)
	r.stopOn(w)
	r.sum(w)
	if r.lab.target == snapshot.Cilium {
		r.taken(hospital)
	}
}

// change goes from the hospital to the changed one and back.
func (r *ride) change() {
	r.Helper()
	hospital := readObjects(r, "hospital.yaml")
	changed := hospital.changed(readObjects(r, "change.yaml"))
	before, after := hospital.plan(r, r.lab.target), changed.plan(r, r.lab.target)
	here := &way{name: "from nothing", passage: passage{nil, before}, to: hospital, begin: func() {}}
	there := &way{name: "change", passage: passage{before, after}, to: changed, begin: func() {}}
	back := &way{name: "change back", passage: passage{after, before}, to: hospital, begin: func() {}}
	r.explore(here)
	r.drain()
	clear(r.faults) // the other test's
	r.explore(there)
	r.explore(back)
	if diff := cmp.Diff(here.want, back.want); diff != "" {
		r.Errorf("the hospital is not what it was before the change and its undoing (-was +is):\n%s", diff)
	}
	r.stopOn(there, back)
	r.sum(there, back)
}

// sum says what was judged, complains of what was wrong, and of too little.
func (r *ride) sum(ways ...*way) {
	r.Helper()
	r.drain()
	least := 0
	for _, w := range ways {
		least += w.writes
		r.Logf("%s: %d writes", w.name, w.writes)
	}
	r.Logf("judged %d states, %d flows in each, %d in all; %d crashes in %d passages, in %s (dying %s, arriving %s)",
		r.states(), len(r.questions), r.states()*len(r.questions), r.crashes, r.traces,
		time.Since(r.begin).Round(time.Second), r.dying.Round(time.Second), r.arriving.Round(time.Second))
	if r.hung > 0 {
		r.Logf("%d operators did not stop within %s and were killed", r.hung, courtesy)
	}
	r.complain()
	// A run may need some writes fewer than another; every policy is a state.
	if r.crashes < least*9/10 || r.states() <= len(r.policies(r)) {
		r.Errorf("there were only %d crashes and %d states", r.crashes, r.states())
	}
}

// explore goes a way without a crash, to learn where it leads.
func (r *ride) explore(w *way) {
	r.Helper()
	w.begin()
	r.declare(r, w.to)
	o := r.live(r, 0)
	deadline := time.Now().Add(patience)
	for {
		made, last := o.made()
		if len(made) > 0 && time.Since(last) > unasked {
			w.writes = len(made)
			break
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s: no rest after %d writes", w.name, len(made))
		}
		time.Sleep(quiet)
	}
	r.stop(o)
	w.want = r.state(r)
	r.judgeTrace(w, 0)
}

// stopOn stops the operator after its k-th write of each way in turn, for every
// k that there is.
func (r *ride) stopOn(ways ...*way) {
	r.Helper()
	survived := map[*way]bool{}
	for k := 1; len(survived) < len(ways); k++ {
		for _, w := range ways {
			if r.crash(w, k) && k > w.writes {
				survived[w] = true
			}
		}
	}
}

// crash stops the operator after its k-th write and lets another one arrive. It
// reports whether the first one arrived by itself, with fewer writes.
func (r *ride) crash(w *way, k int) (survived bool) {
	r.Helper()
	w.begin()
	r.declare(r, w.to)
	begin := time.Now()
	o := r.live(r, k)
	survived = r.arrives(o, w, k)
	r.stop(o)
	r.dying += time.Since(begin)
	if !survived {
		r.crashes++
		begin = time.Now()
		o = r.live(r, 0)
		r.arrives(o, w, k)
		r.stop(o)
		r.arriving += time.Since(begin)
	}
	if diff := cmp.Diff(w.want, r.state(r)); diff != "" {
		r.Errorf("%s, stopped after write %d: it does not stay where it arrived (-want +got):\n%s", w.name, k, diff)
	}
	r.judgeTrace(w, k)
	return survived
}

// stop ends a life.
func (r *ride) stop(o *life) {
	r.Helper()
	if !o.end(r) {
		r.hung++
	}
}

// arrives waits until the operator has reconciled everything, all is as it
// shall be, and stays so for a while. It reports false if the operator died.
func (r *ride) arrives(o *life, w *way, k int) bool {
	r.Helper()
	var passes uint64
	since, deadline := time.Now(), time.Now().Add(patience)
	for !o.dead() {
		if n := o.passes(r); n != passes {
			passes, since = n, time.Now()
		}
		_, last := o.made()
		idle := min(time.Since(since), time.Since(last))
		if idle > quiet && passes >= uint64(len(w.to)) && maps.Equal(w.want, r.state(r)) {
			return true
		}
		if err := o.over(); err != nil {
			r.Fatalf("%s: %v", w.name, err)
		}
		if time.Now().After(deadline) {
			made, _ := o.made()
			r.Fatalf("%s, stopped after write %d: it does not arrive (-want +got):\n%s\nwrites: %q", w.name, k, cmp.Diff(w.want, r.state(r)), made)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// judgeTrace judges all that a raw watch saw since the last rest.
func (r *ride) judgeTrace(w *way, k int) {
	r.Helper()
	trace := r.trace(r)
	r.traces++
	r.judging.Add(1)
	r.traced <- func() {
		found, err := r.check(w.passage, trace)
		if err != nil && r.failed == nil {
			r.failed = fmt.Errorf("%s, stopped after write %d: %w", w.name, k, err)
		}
		for _, f := range found {
			if f.law == lawOpen && w.by != nil && leftOpen(w.by, f.question) {
				continue
			}
			id := w.name + ": " + f.law + lawEnd + f.question.String()
			if _, known := r.faults[id]; !known {
				r.faults[id] = fmt.Sprintf("stopped after write %d, state %d\n%s", k, f.state, steps(trace))
			}
		}
	}
}

// fewFlows is how many flows are named of those that break a law on one way.
const fewFlows = 5

// complain reports the broken laws: of each way and law some flows, and the
// trace of the first.
func (r *ride) complain() {
	r.Helper()
	byLaw := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(r.faults)) {
		if r.faults[id] == "" {
			continue // said
		}
		law, flow, _ := strings.Cut(id, lawEnd)
		byLaw[law] = append(byLaw[law], flow)
	}
	for _, law := range slices.Sorted(maps.Keys(byLaw)) {
		flows := byLaw[law]
		where := r.faults[law+lawEnd+flows[0]]
		r.Errorf("%s: %d flows, such as\n  %s\nthe first of them %s", law, len(flows), strings.Join(flows[:min(len(flows), fewFlows)], "\n  "), where)
		for _, flow := range flows {
			r.faults[law+lawEnd+flow] = ""
		}
	}
}

// lawEnd parts a law from the flow that breaks it.
const lawEnd = " | "

func steps(trace []policySet) string {
	var out strings.Builder
	for i := range trace {
		fmt.Fprintf(&out, "  %3d %s\n", i, step(trace, i))
	}
	return out.String()
}

// step says what led to a state of a trace.
func step(trace []policySet, i int) string {
	if i == 0 {
		return fmt.Sprintf("at rest: %d policies", len(trace[0]))
	}
	was, is := versions(trace[i-1]), versions(trace[i])
	for key := range was {
		if _, there := is[key]; !there {
			return "deleted " + key
		}
	}
	for key, version := range is {
		switch was[key] {
		case version:
		case "":
			return "created " + key
		default:
			return "updated " + key
		}
	}
	return "nothing"
}
