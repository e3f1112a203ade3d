package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// mostCourtesy is for how long others give way to what is urgent, at a time: a
	// storm of urgent changes must not keep everything else from being written.
	mostCourtesy = time.Second
	// agentsTime is how long statuses wait after an urgent policy: it reaches the
	// agents, and is brought into force, while nobody waits for what tells of it.
	agentsTime = 60 * time.Millisecond
)

// giveWay waits, before a policy is written, while something urgent is under way,
// unless the context belongs to it. It does not wait for long, nor at all in a
// storm.
func (l *lanes) giveWay(ctx context.Context) {
	l.wait(ctx, func() time.Duration {
		own, ok := ctx.Value(requestKey{}).(reconcile.Request)
		switch {
		case ok && l.running[own]:
			l.written = l.now()
			return 0
		case l.hurry:
			return mostCourtesy - l.now().Sub(l.since)
		}
		return 0
	})
}

// comeLast waits, before a status is written, until nothing urgent is under way and
// what was has reached the agents. A pass that comes to its status is not urgent any
// more. It waits for a second at most, and does not when somebody changed its object
// again or it holds the worker that something urgent waits for.
func (l *lanes) comeLast(ctx context.Context) {
	own, working := ctx.Value(requestKey{}).(reconcile.Request)
	working = working && l.settle(own)
	end := l.now().Add(mostCourtesy)
	l.wait(ctx, func() time.Duration {
		now := l.now()
		left := agentsTime - now.Sub(l.written)
		switch {
		case working && (l.running[own] || len(l.urgent) > 0 && len(l.running) > l.workers):
			return 0
		case l.hurry:
			left = mostCourtesy - now.Sub(l.since)
		}
		return min(left, end.Sub(now))
	})
}

// settle notes that nothing of what a worker is at is urgent any more. It reports
// whether a worker has the request.
func (l *lanes) settle(r reconcile.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, running := l.running[r]; !running {
		return false
	}
	l.running[r] = false
	l.count()
	return true
}

// wait waits for as long as left says, which is asked anew whenever it may have
// changed. It is asked under the lock.
func (l *lanes) wait(ctx context.Context, left func() time.Duration) {
	for ctx.Err() == nil {
		l.mu.Lock()
		rest, turn := left(), l.turn
		l.mu.Unlock()
		if rest <= 0 {
			return
		}
		timer := time.NewTimer(rest)
		select {
		case <-turn:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
