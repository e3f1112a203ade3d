package controllers

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/apply"
)

// A zone that waits for another is woken by the news of what it waits for. They
// may have come while it had not said yet that it waits: it also looks again by
// itself, soon and then less and less often.
const (
	shortestWait = 20 * time.Millisecond
	longestWait  = 300 * time.Millisecond
)

// waits remembers the zones that wait, each for how long and for what.
type waits struct {
	mu    sync.Mutex
	zones map[string]waiting
}

type waiting struct {
	since time.Time
	times int
	// objects are what it waits for, without notes.
	objects []apply.Change
}

func newWaits() *waits { return &waits{zones: map[string]waiting{}} }

// again notes how a pass of a zone ended, and returns when the zone is to look
// again; one that does not wait is forgotten.
func (w *waits) again(zone string, changes apply.ChangeSet, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(changes.Waiting) == 0 {
		delete(w.zones, zone)
		return 0
	}
	was, known := w.zones[zone]
	if !known {
		was.since = now
	}
	w.zones[zone] = waiting{since: was.since, times: was.times + 1, objects: changes.Awaited}
	shortest := shortestWait
	if changes.Tidying {
		shortest = echoDelay
	}
	return min(shortest<<min(was.times, 8), longestWait)
}

// first reports whether a zone did not wait until now.
func (w *waits) first(zone string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, known := w.zones[zone]
	return !known
}

// brief reports whether a zone waits, and not for long yet: for others who are
// about to write.
func (w *waits) brief(zone string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	is, known := w.zones[zone]
	return known && now.Sub(is.since) < blipWait
}

// on returns the zones that wait for an object.
func (w *waits) on(o client.Object) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := apply.Change{Kind: o.GetObjectKind().GroupVersionKind().Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
	var out []string
	for name, is := range w.zones {
		for _, object := range is.objects {
			if object == at {
				out = append(out, name)
			}
		}
	}
	return out
}
