package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// mostCourtesy is for how long a pass gives way to what is urgent, and a status
	// does, and all of these in a storm: urgent changes without an end must not keep
	// everything else from being written.
	mostCourtesy = 2 * time.Second
	// agentsTime is how long statuses wait after an urgent policy: it reaches the
	// agents, and is brought into force, while nobody waits for what tells of it.
	agentsTime = 60 * time.Millisecond
)

// giveWay waits, before a policy is written, while something urgent is under way,
// unless the context belongs to it. In a pass it does not wait any more a while
// after it first had to.
func (l *lanes) giveWay(ctx context.Context) {
	s := l.inHand(ctx)
	if s == nil {
		s = &stint{}
	}
	l.wait(ctx, func() time.Duration {
		now := l.now()
		switch {
		case s.urgent:
			l.written = now
			return 0
		case !l.hurry:
			return 0
		case s.patience.IsZero():
			s.patience = now.Add(mostCourtesy)
		}
		return s.patience.Sub(now)
	})
}

// comeLast waits, before a status is written, until nothing urgent is under way and
// what was has reached the agents. A pass that comes to its status is not urgent any
// more. It waits for two seconds at most, and does not when somebody changed its object
// again or it holds the worker that something urgent waits for.
func (l *lanes) comeLast(ctx context.Context) {
	s := l.inHand(ctx)
	if s != nil {
		l.settle(s)
	}
	end := l.now().Add(mostCourtesy)
	l.wait(ctx, func() time.Duration {
		now := l.now()
		left := agentsTime - now.Sub(l.written)
		switch {
		case s != nil && (s.urgent || len(l.urgent) > 0 && len(l.running) > l.workers):
			return 0
		case l.hurry:
			left = mostCourtesy - now.Sub(l.since)
		}
		return min(left, end.Sub(now))
	})
}

// inHand returns what the worker has in hand whose pass the context belongs to, or
// nil. It is read and changed under the lock.
func (l *lanes) inHand(ctx context.Context) *stint {
	own, ok := ctx.Value(requestKey{}).(reconcile.Request)
	if !ok {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running[own]
}

// settle notes that nothing of what a worker is at is urgent any more.
func (l *lanes) settle(s *stint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.urgent = false
	l.count()
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
