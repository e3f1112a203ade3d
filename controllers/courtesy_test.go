package controllers

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A courtesyLab is lanes with a clock that stands still, and an urgent zone "u" in
// the hands of a worker.
type courtesyLab struct {
	t *testing.T
	*lanes
	q queue
	// passed is for how long the clock went on.
	passed *atomic.Int64
}

func newCourtesyLab(t *testing.T, workers int) *courtesyLab {
	t.Helper()
	lab := &courtesyLab{t: t}
	lab.lanes, lab.q = newLaneQueueOf(t, workers)
	lab.passed = stopClock(lab.lanes)
	lab.mark(zoneRequest("u"))
	lab.q.Add(zoneRequest("u"))
	take(lab.q, 1)
	t.Cleanup(func() { lab.q.Done(zoneRequest("u")) }) // it may have been added again
	return lab
}

// stopClock makes the clock stand still, but for what is added to what it returns.
func stopClock(l *lanes) *atomic.Int64 {
	var passed atomic.Int64
	begin := time.Now()
	l.now = func() time.Time { return begin.Add(time.Duration(passed.Load())) }
	return &passed
}

// of returns the context of a zone's pass.
func of(t *testing.T, zone string) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), requestKey{}, zoneRequest(zone))
}

// statusOf begins to write a status.
func (lab *courtesyLab) statusOf(ctx context.Context) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		lab.comeLast(ctx)
	}()
	return over
}

func TestStatusesComeAfterThePolicyHasReachedTheAgents(t *testing.T) {
	lab := newCourtesyLab(t, 4)
	lab.giveWay(of(t, "u")) // it writes a policy
	lab.passed.Add(int64(20 * time.Millisecond))
	own, other := lab.statusOf(of(t, "u")), lab.statusOf(t.Context())
	if isOver(own) || isOver(other) {
		t.Error("a status was written before the agents had their time")
	}
	lab.passed.Add(int64(agentsTime - 21*time.Millisecond))
	if isOver(own) || isOver(other) {
		t.Error("a status was written a moment before the agents had their time")
	}
	lab.passed.Add(int64(time.Millisecond))
	<-own
	<-other
}

func TestAPassThatWroteNothingHoldsNoStatus(t *testing.T) {
	lab := newCourtesyLab(t, 4)
	lab.comeLast(of(t, "u"))
	lab.comeLast(t.Context())
}

// Policies of others need not wait for a status.
func TestAPassThatComesToItsStatusIsNotUrgent(t *testing.T) {
	lab := newCourtesyLab(t, 4)
	lab.giveWay(of(t, "u"))
	if isOver(givingWay(t.Context(), lab.lanes)) {
		t.Error("others do not give way to the policy")
	}
	own := lab.statusOf(of(t, "u"))
	lab.giveWay(t.Context())
	if isOver(own) {
		t.Error("the status was written before the agents had their time")
	}
	lab.passed.Add(int64(agentsTime))
	<-own
}

func TestAStatusWaitsNoLongerThanItMust(t *testing.T) {
	for name, tc := range map[string]struct {
		workers int
		happens func(*courtesyLab)
		over    bool
	}{
		"its zone is changed again": {4, func(lab *courtesyLab) {
			lab.mark(zoneRequest("u"))
			lab.q.Add(zoneRequest("u"))
		}, true},
		"another zone is, which has a worker": {4, func(lab *courtesyLab) {
			lab.mark(zoneRequest("v"))
			lab.q.Add(zoneRequest("v"))
		}, false},
		"another zone is, and no worker is free": {1, func(lab *courtesyLab) {
			lab.q.Add(zoneRequest("r"))
			lab.lanes.mu.Lock()
			lab.running[zoneRequest("r")] = &stint{} // by the other worker
			lab.lanes.mu.Unlock()
			lab.mark(zoneRequest("v"))
			lab.q.Add(zoneRequest("v"))
		}, true},
		"another zone waits, which nobody hurries for": {1, func(lab *courtesyLab) {
			lab.q.Add(zoneRequest("v"))
		}, false},
		"others' policies come without an end": {4, func(lab *courtesyLab) {
			lab.mark(zoneRequest("v"))
			lab.q.Add(zoneRequest("v"))
			take(lab.q, 1)
			lab.passed.Add(int64(mostCourtesy))
			lab.giveWay(of(lab.t, "v"))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newCourtesyLab(t, tc.workers)
			lab.giveWay(of(t, "u"))
			own := lab.statusOf(of(t, "u"))
			if isOver(own) {
				t.Fatal("it did not wait at all")
			}
			tc.happens(lab)
			patience := 2 * agentsTime
			if tc.over {
				patience = time.Minute
			}
			select {
			case <-own:
				if !tc.over {
					t.Error("it waits no more")
				}
			case <-time.After(patience):
				if tc.over {
					t.Error("it still waits")
				}
			}
			lab.passed.Add(int64(mostCourtesy))
			<-own
		})
	}
}

func TestAStatusIsNotWaitedForWhenTheOperatorEnds(t *testing.T) {
	lab := newCourtesyLab(t, 4)
	lab.giveWay(of(t, "u"))
	ctx, cancel := context.WithCancel(of(t, "u"))
	own := lab.statusOf(ctx)
	cancel()
	<-own
}

// An urgent pass that has to be made again is as urgent then: it comes before what
// waited already. One that looks again in a while is not.
func TestWhatMustBeRepeatedStaysUrgent(t *testing.T) {
	failed := errors.New("no")
	for name, tc := range map[string]struct {
		urgent bool
		result reconcile.Result
		err    error
		want   bool
	}{
		"it failed":                        {true, reconcile.Result{}, failed, true},
		"its cache was old":                {true, reconcile.Result{RequeueAfter: staleWait}, nil, true},
		"it waits for another":             {true, reconcile.Result{RequeueAfter: shortestWait}, nil, true},
		"it has something to tidy up":      {true, reconcile.Result{RequeueAfter: echoDelay}, nil, false},
		"it is done":                       {true, reconcile.Result{}, nil, false},
		"it is done, until a time":         {true, reconcile.Result{RequeueAfter: time.Minute}, nil, false},
		"it failed, and was not urgent":    {false, reconcile.Result{}, failed, false},
		"it was early, and was not urgent": {false, reconcile.Result{RequeueAfter: staleWait}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLanes(4)
			q := l.queue("lanes", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			t.Cleanup(q.ShutDown)
			if tc.urgent {
				l.mark(zoneRequest("u"))
			}
			q.Add(zoneRequest("u"))
			r, _ := q.Get()
			inner := reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
				l.comeLast(ctx) // its status ends the urgency of the pass, not of the zone
				return tc.result, tc.err
			})
			_, _ = l.reconciler(inner).Reconcile(t.Context(), r)
			q.Done(r)
			q.Add(zoneRequest("rest"))
			q.Add(r)
			want := "rest"
			if tc.want {
				want = "u"
			}
			if got := drain(q)[0]; got != want {
				t.Errorf("%s was first, not %s", got, want)
			}
		})
	}
}
