package crash

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/controlplane"
)

// discovered lets the operator find out for itself what to write.
const discovered snapshot.TargetKind = "auto"

// TestTroubleOfTheClusterOpensNothing: the programs that the operator depends on
// die, the clock is set, Cilium's CRDs go, a namespace goes. Whatever was done,
// it is undone, and the cluster must be what it was. All of it is watched in
// etcd, so that no state is missed while the API server is down.
func TestTroubleOfTheClusterOpensNothing(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	t.Parallel()
	l := openLab(t, snapshot.Cilium, controlplane.Options{})
	l.log = l.watchStore(t)
	r := newRideIn(t, l)
	r.polite, r.asked = true, discovered
	wards := readObjects(r, "stories/ward.yaml")
	split := wards.changed(readObjects(r, "stories/a-zone-is-split.yaml"))
	before, after := wards.plan(r, snapshot.Cilium), split.plan(r, snapshot.Cilium)
	here := &way{name: "from nothing", passage: passage{nil, before}, to: wards, begin: func() {}}
	there := &way{name: "a zone is split", passage: passage{before, after}, to: split, begin: func() {}}
	back := &way{name: "a zone is made one again", passage: passage{after, before}, to: wards, begin: func() {}}
	for _, w := range []*way{here, there, back} {
		r.explore(w)
	}
	for _, trouble := range []struct {
		name string
		make func()
	}{
		{"programs die", func() { r.programsDie(there, back) }},
		{"the clock is set", func() { r.clockIsSet(here) }},
		{"CRDs go", func() { r.definitionsGo(here) }},
		{"a namespace goes", func() { r.namespaceGoes(here) }},
	} {
		begin := time.Now()
		trouble.make()
		r.drain()
		r.complain()
		r.Logf("%s: %s", trouble.name, time.Since(begin).Round(time.Second))
	}
	t.Logf("judged %d states, %d flows in each", r.states(), len(r.questions))
}

// programsDie kills etcd and the API server while the operator goes these ways:
// in the middle of a write, which is made and not answered.
func (r *ride) programsDie(ways ...*way) {
	r.Helper()
	for _, program := range []string{controlplane.Etcd, controlplane.APIServer} {
		for i, w := range ways {
			r.kill(program, w, (i+1)*w.writes/3)
		}
	}
}

// kill kills a program with the operator's write of that number, and starts it
// again. The operator is left alone with that.
func (r *ride) kill(program string, w *way, k int) {
	r.Helper()
	killed := make(chan error, 1)
	f := newFuse(0)
	f.strikeAt, f.strike = k, func() { killed <- r.cluster.Kill(program) }
	w.begin()
	r.declare(r, w.to)
	o := r.liveOn(r, f)
	select {
	case err := <-killed:
		if err != nil {
			r.Fatal(err)
		}
	case <-time.After(patience):
		r.Fatalf("%s: there is no write %d", w.name, k)
	}
	begin := time.Now()
	if err := r.cluster.Restart(program); err != nil {
		r.Fatal(err)
	}
	up := time.Since(begin)
	r.arrives(o, w, k)
	made, _ := o.made()
	refused, lost := o.failures()
	taken := len(made) - refused
	r.Logf("%s, %s killed with write %d: it was up after %s, the operator arrived %s later; %d writes (%d without), %d refused, %d lost",
		w.name, program, k, up.Round(time.Millisecond), (time.Since(begin) - up).Round(time.Millisecond), taken, w.writes, refused, lost)
	// A zone that cannot write for long says so in statuses, and takes it back.
	if most := stormy*w.writes + 2*len(w.to); taken > most {
		r.Errorf("%s, %s killed with write %d: %d writes, more than %d", w.name, program, k, taken, most)
	}
	r.stop(o)
	r.judgeTrace(w, k)
}

// settles waits until the policies do what a plan says, the operator does
// nothing, and what else is asked for is so.
func (r *ride) settles(o *life, p *plan.Plan, what string, also func() bool) {
	r.Helper()
	var passes uint64
	since, deadline := time.Now(), time.Now().Add(patience)
	for {
		if n := o.passes(r); n != passes {
			passes, since = n, time.Now()
		}
		_, last := o.made()
		if min(time.Since(since), time.Since(last)) > quiet && also() {
			wrong := r.unlike(p, r.verdictNow(), 0)
			if len(wrong) == 0 {
				return
			}
			if time.Now().After(deadline) {
				r.Fatalf("%s: %d flows are not as they shall be, such as %s", what, len(wrong), wrong[0])
			}
		}
		if err := o.over(); err != nil {
			r.Fatalf("%s: %v", what, err)
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s: the operator does not come to rest, or statuses do not tell:\n%s", what, r.words())
		}
		time.Sleep(quiet / 5)
	}
}

// verdictNow judges the policies that there are.
func (r *ride) verdictNow() verdict {
	r.Helper()
	now := policySet{}
	for _, u := range r.policies(r) {
		now.put(&u)
	}
	v, err := r.ask(now)
	if err != nil {
		r.Fatal(err)
	}
	return v
}

// fewPasses is how often an operator at rest may look at something while it is
// watched for as long as calm; fewRefused is how many of its writes may be
// refused while something goes.
const (
	fewPasses  = 8
	fewRefused = 8
)

// idles waits until the operator rests, and complains of an operator that is busy though there is nothing to do.
func (r *ride) idles(o *life, what string) {
	r.Helper()
	var passes uint64
	var since time.Time
	r.await(what+": the operator comes to rest", func() bool {
		if n := o.passes(r); n != passes {
			passes, since = n, time.Now()
		}
		_, last := o.made()
		return min(time.Since(since), time.Since(last)) > quiet
	})
	made, _ := o.made()
	time.Sleep(calm)
	again, _ := o.made()
	if n := o.passes(r) - passes; n > fewPasses {
		r.Errorf("%s: %d passes in %s at rest", what, n, calm)
	}
	if n := len(again) - len(made); n > 0 {
		r.Errorf("%s: at rest it wrote %q", what, again[len(made):])
	}
}

// looksAgain waits until the operator has had a pass since it had so many.
func (r *ride) looksAgain(o *life, passes uint64, what string) {
	r.Helper()
	r.await(what+": the operator looks again", func() bool { return o.passes(r) > passes })
}

// policyWrites returns those of an operator's writes that were of policies.
func (o *life) policyWrites() []string {
	all, _ := o.made()
	return slices.DeleteFunc(slices.Clone(all), func(w string) bool {
		return !strings.Contains(w, "policies/") && !strings.HasSuffix(w, "policies") && !strings.Contains(w, "cidrgroups")
	})
}

// object reads one of the declared objects.
func (r *ride) object(kind, namespace, name string) *unstructured.Unstructured {
	r.Helper()
	o := blank(declaredKinds[kind])
	o.SetNamespace(namespace)
	o.SetName(name)
	if err := r.admin.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
		r.Fatal(err)
	}
	return o
}

// reason returns the status and the reason of a condition: "True Enforced".
func reason(o *unstructured.Unstructured, condition string) string {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range list {
		if c, _ := item.(map[string]any); conditionType(c) == condition {
			status, _ := c["status"].(string)
			why, _ := c["reason"].(string)
			return status + " " + why
		}
	}
	return ""
}

// words says how all that is declared stands.
func (r *ride) words() string {
	r.Helper()
	var out strings.Builder
	for _, o := range r.declared(r) {
		out.WriteString(keyOf(&o) + ": Ready " + reason(&o, "Ready") + ", Enforced " + reason(&o, "Enforced") + "\n")
	}
	return out.String()
}

// opened returns the flows that are open in a state of a trace though a plan
// denies them.
func (j *judge) opened(p *plan.Plan, trace []policySet) ([]finding, error) {
	var out []finding
	for i, s := range trace {
		v, err := j.ask(s)
		if err != nil {
			return nil, err
		}
		for n, want := range j.expect(p) {
			if v[n] && !want {
				out = append(out, finding{lawOpen, i, j.questions[n]})
			}
		}
	}
	return out, nil
}

// nothingOpens judges a trace on which flows may be cut, but not opened.
func (r *ride) nothingOpens(what string, p *plan.Plan, trace []policySet) {
	r.Helper()
	found, err := r.opened(p, trace)
	if err != nil {
		r.Fatal(err)
	}
	if len(found) > 0 {
		r.Errorf("%s: in %d cases something is open, such as %s\n%s", what, len(found), found[0], steps(trace))
	}
}
