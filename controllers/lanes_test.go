package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func zoneRequest(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}

// drain takes all that waits from a queue, in its order.
func drain(q queue) []string {
	var out []string
	for q.Len() > 0 {
		r, _ := q.Get()
		if r != nobody {
			out = append(out, r.Name)
		}
		q.Done(r)
	}
	return out
}

func newLaneQueue(t *testing.T) (*lanes, queue) {
	t.Helper()
	return newLaneQueueOf(t, 100)
}

// newLaneQueueOf leaves nothing in the queue, whose length is a metric of the
// process.
func newLaneQueueOf(t *testing.T, workers int) (*lanes, queue) {
	t.Helper()
	l := newLanes(workers)
	q := l.queue("lanes", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(func() {
		l.mu.Lock()
		l.workers = 1000
		l.mu.Unlock()
		q.ShutDown()
		for r, stop := q.Get(); !stop; r, stop = q.Get() {
			q.Done(r)
		}
	})
	return l, q
}

func TestWhatIsUrgentOvertakesTheRest(t *testing.T) {
	for name, tc := range map[string]struct {
		add  func(l *lanes, q queue)
		want []string
	}{
		"nothing is": {func(_ *lanes, q queue) {
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
		}, []string{"a", "b"}},
		"the last one is": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
			l.mark(zoneRequest("c"))
			q.Add(zoneRequest("c"))
		}, []string{"c", "a", "b"}},
		"one is due": {func(l *lanes, q queue) {
			l.dueIn("b", time.Nanosecond)
			l.dueIn("c", time.Hour)
			l.dueIn("d", time.Nanosecond)
			l.dueIn("d", 0) // somebody took its end away
			time.Sleep(time.Millisecond)
			for _, n := range []string{"a", "c", "d", "b"} {
				q.Add(zoneRequest(n))
			}
		}, []string{"b", "a", "c", "d"}},
		"one was due, and has been looked at": {func(l *lanes, q queue) {
			l.dueIn("b", time.Nanosecond)
			time.Sleep(time.Millisecond)
			q.Add(zoneRequest("b"))
			drain(q)
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
		}, []string{"a", "b"}},
		"the clock was set": {func(l *lanes, q queue) {
			l.markZones([]string{"b", "c"})
			for _, n := range []string{"a", "c", "b"} {
				q.Add(zoneRequest(n))
			}
		}, []string{"c", "b", "a"}},
		"one that waits becomes so, and is taken once": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
			l.mark(zoneRequest("b"))
			q.Add(zoneRequest("b"))
		}, []string{"b", "a"}},
		"several are, in their order": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			for _, n := range []string{"c", "b"} {
				l.mark(zoneRequest(n))
				q.Add(zoneRequest(n))
			}
		}, []string{"c", "b", "a"}},
		"one with a worker becomes so": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			at, _ := q.Get()
			q.Add(zoneRequest("b"))
			l.mark(at)
			q.Add(at)
			q.Done(at)
		}, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, q := newLaneQueue(t)
			tc.add(l, q)
			if diff := cmp.Diff(tc.want, drain(q)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUrgencyEndsWithThePass(t *testing.T) {
	l, q := newLaneQueue(t)
	l.mark(zoneRequest("b"))
	q.Add(zoneRequest("b"))
	drain(q)
	q.Add(zoneRequest("a"))
	q.Add(zoneRequest("b"))
	if diff := cmp.Diff([]string{"a", "b"}, drain(q)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// A start lists all there is; what somebody changes meanwhile, or changed while
// no operator ran, comes first.
func TestAStartIsNotUrgentButWhatPeopleChangeIs(t *testing.T) {
	device := func(zone string, generation, observed int64) *medfencev1alpha1.MedicalDevice {
		d := &medfencev1alpha1.MedicalDevice{}
		d.Spec.Zone, d.Generation, d.Status.ObservedGeneration = zone, generation, observed
		return d
	}
	for name, tc := range map[string]struct {
		event func(handle func(any))
		want  []string
	}{
		"found at the start":     {func(handle func(any)) { handle(listed(device("new", 1, 0))) }, []string{"waits", "new"}},
		"found as it was left":   {func(handle func(any)) { handle(listed(device("old", 2, 2))) }, []string{"waits", "old"}},
		"changed while down":     {func(handle func(any)) { handle(listed(device("edited", 3, 2))) }, []string{"edited", "waits"}},
		"created by somebody":    {func(handle func(any)) { handle(event.CreateEvent{Object: device("born", 1, 0)}) }, []string{"born", "waits"}},
		"changed by somebody":    {func(handle func(any)) { handle(updated(device("x", 1, 1), device("x", 2, 1))) }, []string{"x", "waits"}},
		"moved to another zone":  {func(handle func(any)) { handle(updated(device("x", 1, 1), device("y", 2, 1))) }, []string{"x", "y", "waits"}},
		"deleted by somebody":    {func(handle func(any)) { handle(event.DeleteEvent{Object: device("gone", 1, 1)}) }, []string{"gone", "waits"}},
		"touched without effect": {func(handle func(any)) { handle(updated(device("x", 1, 1), device("x", 1, 1))) }, []string{"waits"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, q := newLaneQueue(t)
			q.Add(zoneRequest("waits"))
			w := declaredKinds(zoneMap{})[1].watch
			w.mark = l.mark
			h := w.handler()
			tc.event(func(e any) {
				switch e := e.(type) {
				case event.CreateEvent:
					h.Create(t.Context(), e, q)
				case event.UpdateEvent:
					h.Update(t.Context(), e, q)
				case event.DeleteEvent:
					h.Delete(t.Context(), e, q)
				}
			})
			if diff := cmp.Diff(tc.want, drain(q)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func listed(o client.Object) event.CreateEvent {
	return event.CreateEvent{Object: o, IsInInitialList: true}
}

func updated(was, is client.Object) event.UpdateEvent {
	return event.UpdateEvent{ObjectOld: was, ObjectNew: is}
}

// take takes so many requests from a queue, as workers do that are not done with
// them; it returns those that it got at once.
func take(q queue, n int) []reconcile.Request {
	var out []reconcile.Request
	for range n {
		if q.Len() == 0 {
			break
		}
		r, _ := q.Get()
		out = append(out, r)
	}
	return out
}

func namesOf(requests []reconcile.Request) []string {
	var out []string
	for _, r := range requests {
		out = append(out, r.Name)
	}
	return out
}

func TestOneWorkerIsForWhatIsUrgent(t *testing.T) {
	l, q := newLaneQueueOf(t, 2)
	for _, name := range []string{"a", "b", "c", "d"} {
		q.Add(zoneRequest(name))
	}
	check := func(when string, got []reconcile.Request, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, namesOf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	finish := func(r reconcile.Request) {
		l.done(r)
		q.Done(r)
	}
	busy := take(q, 5)
	check("of four, two are taken", busy, "a", "b")
	l.mark(zoneRequest("u"))
	q.Add(zoneRequest("u"))
	urgent := take(q, 5)
	check("beside them what is urgent", urgent, "u")
	finish(urgent[0])
	check("its worker takes none of the rest", take(q, 5))
	finish(busy[0])
	check("a worker of the rest does", take(q, 5), "c")
	// One of the rest becomes urgent while a worker has it: it is no more of the
	// rest, and urgent once more afterwards.
	l.mark(busy[1])
	q.Add(busy[1])
	check("it makes room for another of the rest", take(q, 5), "d")
	finish(busy[1])
	check("and comes again at once", take(q, 5), "b")
}

// givingWay starts to give way, and returns what is closed when that is over.
func givingWay(ctx context.Context, l *lanes) chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.giveWay(ctx)
	}()
	return over
}

func isOver(over <-chan struct{}) bool {
	select {
	case <-over:
		return true
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

func TestOthersGiveWayToWhatIsUrgent(t *testing.T) {
	l, q := newLaneQueue(t)
	l.giveWay(t.Context()) // there is nothing to give way to
	q.Add(zoneRequest("a"))
	rest, _ := q.Get()
	l.giveWay(t.Context())
	l.mark(zoneRequest("u"))
	q.Add(zoneRequest("u"))
	other := givingWay(context.WithValue(t.Context(), requestKey{}, rest), l)
	status := givingWay(t.Context(), l)
	if isOver(other) || isOver(status) {
		t.Error("something urgent waits, and others go on")
	}
	urgent, _ := q.Get()
	if isOver(other) || isOver(status) {
		t.Error("something urgent is under way, and others go on")
	}
	l.giveWay(context.WithValue(t.Context(), requestKey{}, urgent)) // does not wait for itself
	l.done(urgent)
	<-other
	<-status
}

func TestWhatBecomesUrgentWaitsNoMore(t *testing.T) {
	l, q := newLaneQueue(t)
	q.Add(zoneRequest("a"))
	a, _ := q.Get()
	l.mark(a)
	if isOver(givingWay(t.Context(), l)) {
		t.Error("others do not give way to a request that a worker had already")
	}
	l.giveWay(context.WithValue(t.Context(), requestKey{}, a))
}

// One gives way to another, and becomes urgent itself meanwhile.
func TestWhatGivesWayGoesOnWhenItBecomesUrgent(t *testing.T) {
	l, q := newLaneQueue(t)
	q.Add(zoneRequest("a"))
	a, _ := q.Get()
	l.mark(zoneRequest("u"))
	q.Add(zoneRequest("u"))
	over := givingWay(context.WithValue(t.Context(), requestKey{}, a), l)
	other := givingWay(t.Context(), l)
	if isOver(over) {
		t.Error("it does not give way")
	}
	l.mark(a)
	<-over
	if isOver(other) {
		t.Error("others go on")
	}
}

// A pass gives way for two seconds from when it first had to, however much more
// urgent comes after that, and the next pass of its zone does again.
func TestCourtesyEnds(t *testing.T) {
	l, q := newLaneQueue(t)
	passed := stopClock(l)
	q.Add(zoneRequest("a"))
	a, _ := q.Get()
	pass := of(t, "a")
	urgent := func(name string) {
		l.mark(zoneRequest(name))
		q.Add(zoneRequest(name))
	}
	finish := func(r reconcile.Request) {
		l.done(r)
		q.Done(r)
	}
	passed.Add(int64(time.Hour))
	l.giveWay(pass) // nothing is urgent: its patience has not begun
	urgent("u")
	u, _ := q.Get()
	ctx, cancel := context.WithCancel(pass)
	over := givingWay(ctx, l)
	if isOver(over) {
		t.Error("nobody gave way")
	}
	cancel() // the operator ends
	<-over

	passed.Add(int64(mostCourtesy - time.Millisecond))
	urgent("v")
	finish(u)
	v, _ := q.Get()
	over = givingWay(pass, l)
	if isOver(over) {
		t.Error("it does not give way to another one for what is left of its time")
	}
	finish(v)
	<-over
	urgent("w")
	w, _ := q.Get()
	passed.Add(int64(time.Millisecond))
	for range 3 {
		l.giveWay(pass) // its time is over
	}

	finish(a)
	q.Add(a)
	a, _ = q.Get()
	over = givingWay(pass, l)
	if isOver(over) {
		t.Error("the next pass of the zone does not give way")
	}
	finish(w)
	<-over
	finish(a)
}

// Ten changes in a row, each done in a fifth of a second, find nobody in their way.
func TestOneAfterTheOtherIsGivenWayTo(t *testing.T) {
	l, q := newLaneQueue(t)
	passed := stopClock(l)
	q.Add(zoneRequest("a"))
	a, _ := q.Get()
	pass := of(t, "a")
	l.mark(zoneRequest("u0"))
	q.Add(zoneRequest("u0"))
	over := givingWay(pass, l)
	for i := range 10 {
		next := zoneRequest(fmt.Sprintf("u%d", i+1))
		l.mark(next)
		q.Add(next)
		r, _ := q.Get()
		if isOver(over) {
			t.Fatalf("after %d changes others go on", i)
		}
		passed.Add(int64(150 * time.Millisecond))
		l.done(r)
		q.Done(r)
	}
	r, _ := q.Get()
	l.done(r)
	q.Done(r)
	<-over
	l.done(a)
	q.Done(a)
}

// A reconciler is told apart from others by its context, and is done when it
// returns, whatever it returns.
func TestAReconcilerKeepsItsLane(t *testing.T) {
	l, q := newLaneQueue(t)
	failed := errors.New("no")
	inner := reconcile.Func(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		l.giveWay(ctx)
		if isOver(givingWay(t.Context(), l)) {
			t.Errorf("nobody gives way to %s", r.Name)
		}
		return reconcile.Result{RequeueAfter: time.Minute}, failed
	})
	l.mark(zoneRequest("u"))
	q.Add(zoneRequest("u"))
	r, _ := q.Get()
	res, err := l.reconciler(inner).Reconcile(t.Context(), r)
	if !errors.Is(err, failed) || res.RequeueAfter != time.Minute {
		t.Errorf("%v, %v: not what the reconciler returned", res, err)
	}
	l.giveWay(t.Context())
}

// Many goroutines add, mark, take and finish: each request is passed, and the
// workers of the rest are never more than there are.
func TestLanesUnderLoad(t *testing.T) {
	const workers, requests = 3, 400
	l := newLanes(workers)
	q := l.queue("lanes", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	var mu sync.Mutex
	passed, rest, most := map[string]bool{}, 0, 0
	var all sync.WaitGroup
	inner := reconcile.Func(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		calm := r.Name[0] == 'r'
		mu.Lock()
		if passed[r.Name] = true; calm {
			rest++
		}
		most = max(most, rest)
		mu.Unlock()
		l.giveWay(ctx)
		mu.Lock()
		defer mu.Unlock()
		if calm {
			rest--
		}
		return reconcile.Result{}, nil
	})
	for range workers + 1 {
		all.Go(func() {
			for {
				r, stop := q.Get()
				if stop {
					return
				}
				_, _ = l.reconciler(inner).Reconcile(t.Context(), r)
				q.Done(r)
			}
		})
	}
	var adders sync.WaitGroup
	for i := range requests {
		adders.Go(func() {
			r := zoneRequest(fmt.Sprintf("r%d", i))
			if i%3 == 0 {
				r = zoneRequest(fmt.Sprintf("u%d", i))
				l.mark(r)
			}
			q.Add(r)
		})
	}
	adders.Wait()
	q.ShutDownWithDrain()
	all.Wait()
	if len(passed) != requests {
		t.Errorf("%d of %d were passed", len(passed), requests)
	}
	if most > workers {
		t.Errorf("%d workers were at work on the rest, of %d", most, workers)
	}
}

// A worker that has nothing to do is woken for a request that waited in the other
// lane, and becomes urgent there.
func TestAWorkerIsWokenForWhatBecomesUrgent(t *testing.T) {
	l, q := newLaneQueueOf(t, 1)
	q.Add(zoneRequest("a"))
	take(q, 1) // by the only worker of the rest
	q.Add(zoneRequest("b"))
	got := make(chan string, 10)
	worker := l.reconciler(reconcile.Func(func(_ context.Context, r reconcile.Request) (reconcile.Result, error) {
		got <- r.Name
		return reconcile.Result{}, nil
	}))
	go func() {
		for {
			r, stop := q.Get()
			if stop {
				return
			}
			_, _ = worker.Reconcile(t.Context(), r)
			q.Done(r)
		}
	}()
	select {
	case name := <-got:
		t.Fatalf("%s was taken by the worker for what is urgent", name)
	case <-time.After(100 * time.Millisecond):
	}
	l.mark(zoneRequest("b"))
	q.Add(zoneRequest("b"))
	select {
	case name := <-got:
		if name != "b" {
			t.Errorf("the worker got %q", name)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody woke the worker")
	}
}

// An urgent zone that waits for another comes again as urgently, and so does the
// other; one that is not has nothing to bequeath.
func TestWhatAnUrgentPassWaitsForIsUrgentToo(t *testing.T) {
	for name, tc := range map[string]struct {
		urgent      bool
		woken, want []string
	}{
		"an urgent pass":        {true, []string{"peer"}, []string{"a", "peer", "rest"}},
		"one that is not":       {false, nil, []string{"rest", "a"}},
		"one without a request": {false, nil, []string{"rest", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, q := newLaneQueue(t)
			if tc.urgent {
				l.mark(zoneRequest("a"))
			}
			q.Add(zoneRequest("a"))
			a, _ := q.Get()
			q.Add(zoneRequest("rest"))
			ctx := context.WithValue(t.Context(), requestKey{}, a)
			if name == "one without a request" {
				ctx = t.Context()
			}
			woken := l.bequeath(ctx, []string{"peer"})
			if diff := cmp.Diff(tc.woken, woken); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
			q.Add(a)
			l.done(a)
			q.Done(a)
			for _, w := range woken {
				q.Add(zoneRequest(w))
			}
			if diff := cmp.Diff(tc.want, drain(q)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}
