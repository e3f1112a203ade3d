package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Lanes order what waits for a worker: what is urgent overtakes the rest, and in
// each lane what came first goes first. They hold each request once: the queue
// above them sees to that. One worker is for what is urgent alone, and while
// that is under way the others write nothing: the API server has its processors
// for it.
type lanes struct {
	// workers is how many may be at work on the rest at a time.
	workers int
	now     func() time.Time
	// nudge wakes a worker that waits: a queue wakes none for a request that it has
	// already, although that may be urgent by now.
	nudge func()

	mu     sync.Mutex
	marked map[reconcile.Request]bool
	// due are the times at which requests become urgent by themselves.
	due    map[reconcile.Request]time.Time
	urgent []reconcile.Request
	rest   []reconcile.Request
	// running are the requests that workers have.
	running map[reconcile.Request]*stint
	// hurry is set while anything is urgent, since a time.
	hurry bool
	since time.Time
	// written is when an urgent pass last began to write a policy.
	written time.Time
	// hurried, which must not wait, is told whenever hurry changes.
	hurried func(bool)
	// turn is closed, and made anew, when one who gives way may go on.
	turn chan struct{}
}

// A stint is what a worker has in hand.
type stint struct {
	urgent bool
	// patience is until when it gives way; none before it first has to.
	patience time.Time
}

func newLanes(workers int) *lanes {
	return &lanes{workers: workers, now: time.Now, nudge: func() {}, hurried: func(bool) {}, turn: make(chan struct{}), marked: map[reconcile.Request]bool{}, due: map[reconcile.Request]time.Time{}, running: map[reconcile.Request]*stint{}}
}

// mark says that a request, which is added next, is urgent. It is until it has
// been given to a worker and done; one that a worker has already is from now on.
func (l *lanes) mark(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked[r] = true
	if s, running := l.running[r]; running {
		s.urgent = true
		l.goOn() // it may be giving way
	}
	l.count()
}

// dueIn says when a zone will be urgent by itself: when a conduit of it begins or
// ends. It holds until the zone is looked at; 0 is never.
func (l *lanes) dueIn(zone string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := reconcile.Request{NamespacedName: types.NamespacedName{Name: zone}}
	if d <= 0 {
		delete(l.due, r)
		return
	}
	l.due[r] = l.now().Add(d)
}

// markZones marks the requests of zones.
func (l *lanes) markZones(zones []string) {
	for _, zone := range zones {
		l.mark(reconcile.Request{NamespacedName: types.NamespacedName{Name: zone}})
	}
}

// presses reports whether a request is urgent that no worker has yet.
func (l *lanes) presses(r reconcile.Request) bool {
	due, timed := l.due[r]
	return l.marked[r] || r == nobody || timed && !l.now().Before(due)
}

// Push adds a request.
func (l *lanes) Push(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.presses(r) {
		l.urgent = append(l.urgent, r)
		l.goOn() // one that holds a worker for nothing but its status may let it go
	} else {
		l.rest = append(l.rest, r)
	}
	l.count()
}

// Touch is told that a request was added that waits already: it changes lanes if
// it has become urgent.
func (l *lanes) Touch(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.rest, r); i >= 0 && l.marked[r] {
		l.rest = slices.Delete(l.rest, i, i+1)
		l.urgent = append(l.urgent, r)
		go l.nudge() // the queue is locked here
	}
	l.count()
}

// Len returns how many requests there are for a worker who asks: none of the rest
// while as many as may be are at work on it.
func (l *lanes) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy := 0
	for _, s := range l.running {
		if !s.urgent {
			busy++
		}
	}
	if busy >= l.workers {
		return len(l.urgent)
	}
	return len(l.urgent) + len(l.rest)
}

// Pop takes the next request.
func (l *lanes) Pop() reconcile.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := &l.rest
	if len(l.urgent) > 0 {
		from = &l.urgent
	}
	next := (*from)[0]
	*from = (*from)[1:]
	l.running[next] = &stint{urgent: l.presses(next)}
	delete(l.marked, next)
	delete(l.due, next)
	l.count()
	return next
}

// done notes that a worker has done with a request.
func (l *lanes) done(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, r)
	l.count()
}

// count notes whether anything is urgent.
func (l *lanes) count() {
	was := l.hurry
	l.hurry = len(l.urgent) > 0
	for _, s := range l.running {
		l.hurry = l.hurry || s.urgent
	}
	switch {
	case l.hurry && !was:
		l.since = l.now()
		l.hurried(true)
	case !l.hurry && was:
		l.goOn()
		l.hurried(false)
	}
}

// goOn has those who give way look again whether they have to.
func (l *lanes) goOn() {
	close(l.turn)
	l.turn = make(chan struct{})
}

// bequeath makes urgent what a pass is to be followed by, if it is urgent itself:
// its own next one, and those of zones for which it waits. It returns these, to
// be woken.
func (l *lanes) bequeath(ctx context.Context, zones []string) []string {
	own, ok := ctx.Value(requestKey{}).(reconcile.Request)
	if !ok || !l.isUrgent(own) {
		return nil
	}
	l.mark(own)
	l.markZones(zones)
	return zones
}

// nobody is a request that wakes a worker, and nothing else. No zone has its name.
var nobody = reconcile.Request{}

// requestKey is the key of the request that a context belongs to.
type requestKey struct{}

// reconciler has requests done in their lane. An urgent one that has to come again
// soon, because it failed or something was not there yet, comes as urgently.
func (l *lanes) reconciler(inner reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		urgent := l.isUrgent(r)
		defer l.done(r)
		if r == nobody {
			return reconcile.Result{}, nil
		}
		res, err := inner.Reconcile(context.WithValue(ctx, requestKey{}, r), r)
		if urgent && (err != nil || res.RequeueAfter > 0 && res.RequeueAfter < echoDelay) {
			l.mark(r)
		}
		return res, err
	})
}

// isUrgent reports whether a request that a worker has is urgent.
func (l *lanes) isUrgent(r reconcile.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.running[r]
	return s != nil && s.urgent
}

// queue makes the queue of a controller out of the lanes, with the metrics of
// any other.
func (l *lanes) queue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	inner := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: l})
	l.nudge = func() { inner.Add(nobody) }
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
		Name: name,
		DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
			Name: name, Queue: inner,
		}),
	})
}
