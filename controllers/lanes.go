package controllers

import (
	"slices"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Lanes order what waits for a worker: what is urgent overtakes the rest, and in
// each lane what came first goes first. They hold each request once: the queue
// above them sees to that.
type lanes struct {
	mu     sync.Mutex
	marked map[reconcile.Request]bool
	urgent []reconcile.Request
	rest   []reconcile.Request
}

func newLanes() *lanes { return &lanes{marked: map[reconcile.Request]bool{}} }

// mark says that a request, which is added next, is urgent. It is until it has
// been given to a worker.
func (l *lanes) mark(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked[r] = true
}

// Push adds a request.
func (l *lanes) Push(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.marked[r] {
		l.urgent = append(l.urgent, r)
		return
	}
	l.rest = append(l.rest, r)
}

// Touch is told that a request was added that waits already: it changes lanes if
// it has become urgent.
func (l *lanes) Touch(r reconcile.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.rest, r); i >= 0 && l.marked[r] {
		l.rest = slices.Delete(l.rest, i, i+1)
		l.urgent = append(l.urgent, r)
	}
}

// Len returns how many requests wait.
func (l *lanes) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
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
	delete(l.marked, next)
	return next
}

// queue makes the queue of a controller out of the lanes, with the metrics of
// any other.
func (l *lanes) queue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	inner := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: l})
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
		Name: name,
		DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
			Name: name, Queue: inner,
		}),
	})
}
