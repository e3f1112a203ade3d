package crash

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	gocmp "github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/snapshot"
)

// usualEdits is how many edits the adversary makes at least, unless
// MEDFENCE_ADVERSARY_EDITS says another number; editSeed makes them the same ones
// in each run.
const (
	usualEdits = 60
	editSeed   = 7
)

// mostTheirs is how many objects of his own the adversary has at most. With nine
// he could have all the names under which the operator looks for a free one;
// that it then says so is tested where names are chosen.
const mostTheirs = 8

// TestAnAdversaryOpensNothingForLong: somebody who may edit all policies, and
// nothing else, does his worst. Every state is judged: what is open or cut
// against the plan is repaired, and how long that takes is told.
func TestAnAdversaryOpensNothingForLong(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	edits := usualEdits
	if text := os.Getenv("MEDFENCE_ADVERSARY_EDITS"); text != "" {
		var err error
		if edits, err = strconv.Atoi(text); err != nil {
			t.Fatalf("MEDFENCE_ADVERSARY_EDITS: %v", err)
		}
	}
	for _, target := range []snapshot.TargetKind{snapshot.Cilium, snapshot.Netpol} {
		t.Run(string(target), func(t *testing.T) {
			t.Parallel()
			newRide(t, target).resist(edits)
		})
	}
}

// resist lets an adversary make so many edits, or two more, while an operator
// runs.
func (r *ride) resist(edits int) {
	r.Helper()
	hospital := readObjects(r, "hospital.yaml")
	here := &way{name: "from nothing", passage: passage{nil, hospital.plan(r, r.lab.target)}, to: hospital, begin: func() {}}
	r.explore(here)
	r.drain()
	r.complain()
	a := &adversary{
		ride: r, dice: rand.New(rand.NewPCG(editSeed, 0)), want: r.expect(here.after),
		done: map[string]int{}, worst: map[string]time.Duration{},
	}
	names := a.names()
	a.openAll()
	o := r.live(r, 0)
	r.arrives(o, here, 0)
	a.recent = []string{"he opened everything before the operator came"}
	a.await(o, 0)
	a.broken, a.opened, a.cut = nil, 0, 0 // that took as long as nobody was there
	clear(a.worst)
	moments := 0
	for ; a.edits() < edits; moments++ {
		a.recent = nil
		for range 1 + a.dice.IntN(2)*a.dice.IntN(3) { // mostly one, sometimes up to three at once
			a.edit()
		}
		a.await(o, moments)
	}
	a.recent = []string{"he removes all that is his"}
	for len(a.theirs) > 0 {
		a.takeBack(0)
	}
	a.await(o, moments)
	if diff := gocmp.Diff(names, a.names()); diff != "" {
		r.Errorf("what the operator has at the end, by its rendered name (-before +after):\n%s", diff)
	}
	r.stop(o)
	a.report(moments)
}

// An adversary edits policies at random.
type adversary struct {
	*ride
	dice *rand.Rand
	// want is what the plan says to each question.
	want   verdict
	theirs []*unstructured.Unstructured
	recent []string       // what he did last
	done   map[string]int // edits by trick
	// broken is how long something was open or cut, each time it was.
	broken []time.Duration
	worst  map[string]time.Duration // by what he did
	since  time.Time                // of what is open or cut now
	opened int                      // the most flows that one state opened
	cut    int                      // the most flows that one state cut
}

// edits returns how many edits he made.
func (a *adversary) edits() (n int) {
	for _, times := range a.done {
		n += times
	}
	return n
}

// edit does one random thing to a random policy of the operator's.
func (a *adversary) edit() {
	a.Helper()
	all := a.ours()
	if len(all) == 0 {
		return
	}
	u := all[a.dice.IntN(len(all))]
	tricks := slices.DeleteFunc(a.tricks(), func(t trick) bool {
		return t.foreign && (a.lab.target != snapshot.Cilium || len(a.theirs) == mostTheirs) || t.of != "" && t.of != u.GetKind()
	})
	t := tricks[a.dice.IntN(len(tricks))]
	err := t.do(u)
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err) {
		a.Fatalf("the adversary %s (%s): %v", t.name, keyOf(u), err)
	}
	a.done[t.name]++
	a.recent = append(a.recent, t.name+": "+keyOf(u))
}

// openAll opens every policy while no operator runs: the judge must see it.
func (a *adversary) openAll() {
	a.Helper()
	for _, u := range a.ours() {
		if err := a.opens(u); err != nil {
			a.Fatal(err)
		}
	}
	if _, wrong := a.judgeStates(); wrong == 0 {
		a.Fatal("everything is open, and the judge finds nothing")
	}
}

// ours returns the policies that are not the adversary's, sorted.
func (a *adversary) ours() []*unstructured.Unstructured {
	a.Helper()
	his := map[types.UID]bool{}
	for _, u := range a.theirs {
		his[u.GetUID()] = true
	}
	var out []*unstructured.Unstructured
	for _, u := range a.policies(a) {
		if !his[u.GetUID()] {
			out = append(out, &u)
		}
	}
	slices.SortFunc(out, func(x, y *unstructured.Unstructured) int { return cmp.Compare(keyOf(x), keyOf(y)) })
	return out
}

// names returns what the operator has, by the names under which it would be but
// for others who have them.
func (a *adversary) names() []string {
	a.Helper()
	var out []string
	for _, u := range a.ours() {
		if name := u.GetAnnotations()[apply.AnnotationStandsFor]; name != "" {
			u.SetName(name)
		}
		out = append(out, keyOf(u))
	}
	slices.Sort(out)
	return out
}

// await waits until the operator rests and the state is as the plan says. The
// states are judged while it rests, so that what is told of it is its own time.
func (a *adversary) await(o *life, n int) {
	a.Helper()
	deadline := time.Now().Add(patience)
	for edited := time.Now(); ; {
		_, last := o.made()
		if time.Since(edited) < quiet || time.Since(last) < quiet {
			time.Sleep(quiet / 5)
			continue
		}
		state, wrong := a.judgeStates()
		if wrong == 0 {
			return
		}
		if err := o.over(); err != nil {
			a.Fatal(err)
		}
		if time.Now().After(deadline) {
			a.Fatalf("edit %d (%q): not repaired: %d flows are not as the plan says:\n%s", n, a.recent, wrong, a.explain(state))
		}
		time.Sleep(quiet)
	}
}

// judgeStates judges each state since it was called last. It returns the one at
// rest, and how many flows are not as the plan says there.
func (a *adversary) judgeStates() (last policySet, wrong int) {
	a.Helper()
	trace := a.trace(a)
	seen := a.seen
	for i, s := range trace {
		v, err := a.ask(s)
		if err != nil {
			a.Fatal(err)
		}
		opened, cut := 0, 0
		for q, want := range a.want {
			switch {
			case v[q] && !want:
				opened++
			case want && !v[q]:
				cut++
			}
		}
		last, wrong = s, opened+cut
		if i == 0 {
			continue // judged before
		}
		a.opened, a.cut = max(a.opened, opened), max(a.cut, cut)
		switch {
		case wrong > 0 && a.since.IsZero():
			a.since = seen[i-1]
		case wrong == 0 && !a.since.IsZero():
			took := max(0, seen[i-1].Sub(a.since)) // watches of two kinds may cross
			a.broken = append(a.broken, took)
			what := strings.Join(a.recent, ", ")
			a.worst[what] = max(a.worst[what], took)
			a.since = time.Time{}
		}
	}
	return last, wrong
}

// explain names some flows that are not as the plan says, and the policies
// without any of which they would be.
func (a *adversary) explain(s policySet) string {
	a.Helper()
	is, err := a.ask(s)
	if err != nil {
		a.Fatal(err)
	}
	var out strings.Builder
	said := 0
	for q, want := range a.want {
		if is[q] == want || said == fewFlows {
			continue
		}
		said++
		word := "cut"
		if is[q] {
			word = "open"
		}
		fmt.Fprintf(&out, "  %s: %s\n", word, a.questions[q])
		for _, key := range slices.Sorted(maps.Keys(s)) {
			without := maps.Clone(s)
			delete(without, key)
			if v, err := a.ask(without); err == nil && v[q] == want {
				fmt.Fprintf(&out, "    not without %s\n", key)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		raw, err := json.Marshal(s[key].Object)
		fmt.Fprintf(&out, "  %s %s %v\n", key, raw, err)
	}
	return out.String()
}

// report tells how long it took to repair.
func (a *adversary) report(moments int) {
	a.Helper()
	slices.Sort(a.broken)
	edits := a.edits()
	if len(a.broken) < moments/5 || a.opened == 0 || a.cut == 0 {
		a.Errorf("%d edits broke something only %d times, opening %d flows and cutting %d at most: he is no adversary", edits, len(a.broken), a.opened, a.cut)
		return
	}
	at := func(percent int) time.Duration {
		return a.broken[(len(a.broken)-1)*percent/100].Round(time.Millisecond)
	}
	a.Logf("%d edits at %d moments: %v; %d states, %d flows in each", edits, moments, a.done, a.states(), len(a.questions))
	a.Logf("%d times something was open (at most %d flows) or cut (%d): repaired in p50 %s, p99 %s, at most %s", len(a.broken), a.opened, a.cut, at(50), at(99), at(100))
	longest := slices.SortedFunc(maps.Keys(a.worst), func(x, y string) int { return cmp.Compare(a.worst[y], a.worst[x]) })
	for _, what := range longest[:min(3, len(longest))] {
		a.Logf("%s: %s", a.worst[what].Round(time.Millisecond), what)
	}
}
