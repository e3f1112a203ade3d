package crash

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A fuse lets an operator make so many writes and blows when the last of them
// has reached the API server: its answer is not heard, nor is anything else.
type fuse struct {
	blown chan struct{}

	mu     sync.Mutex
	limit  int // 0 is without
	burnt  bool
	writes []string
	last   time.Time
	// strike is done in the middle of write number strikeAt, which is made and
	// not answered.
	strike   func()
	strikeAt int
	// refused are the writes that were answered by an error; lost those that were
	// not answered.
	refused, lost int
}

func newFuse(limit int) *fuse {
	return &fuse{blown: make(chan struct{}), limit: limit, last: time.Now()}
}

var (
	errDead = errors.New("the operator is dead")
	errCut  = errors.New("the connection is cut")
)

func (f *fuse) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if f.dead() {
			return nil, errDead
		}
		// Events change nothing that the operator reads: to die after one is to
		// die after the write before it.
		if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/events") || strings.Contains(r.URL.Path, "/events/") {
			return next.RoundTrip(r)
		}
		return f.write(r, next)
	})
}

// write makes one write at a time, so that none is under way when the fuse
// blows.
func (f *fuse) write(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.burnt {
		return nil, errDead
	}
	res, err := next.RoundTrip(r)
	if err != nil {
		f.lost++
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		f.refused++
	}
	f.writes, f.last = append(f.writes, r.Method+" "+r.URL.Path), time.Now()
	if f.strike != nil && len(f.writes) == f.strikeAt {
		f.strike()
		return nil, errors.Join(errCut, res.Body.Close())
	}
	if len(f.writes) != f.limit {
		return res, nil
	}
	f.blow()
	return nil, errors.Join(errDead, res.Body.Close())
}

// blow is called with the lock.
func (f *fuse) blow() {
	if !f.burnt {
		f.burnt = true
		close(f.blown)
	}
}

// kill blows the fuse whatever was written.
func (f *fuse) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blow()
}

func (f *fuse) dead() bool {
	select {
	case <-f.blown:
		return true
	default:
		return false
	}
}

// failures returns how many writes were answered by an error, and how many not
// at all.
func (f *fuse) failures() (refused, lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused, f.lost
}

// made returns the writes so far, and when the last one was made.
func (f *fuse) made() ([]string, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes, f.last
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
