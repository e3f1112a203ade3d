package crash

import "time"

// together lets two operators take a way at once, as nobody intends: without
// leader election, or while a leader that was cut off still writes. They must
// not fight.
func (r *ride) together(ways ...*way) {
	r.Helper()
	for _, w := range ways {
		w.begin()
		r.declare(r, w.to)
		a, b := r.live(r, 0), r.live(r, 0)
		r.arrives(a, w, 0)
		r.arrives(b, w, 0)
		here, _ := a.made()
		other, _ := b.made()
		n := len(here) + len(other)
		time.Sleep(unasked)
		here, _ = a.made()
		other, _ = b.made()
		if more := len(here) + len(other) - n; more > 0 {
			r.Errorf("%s, two operators: %d writes after they arrived", w.name, more)
		}
		r.stop(a)
		r.stop(b)
		r.judgeTrace(w, 0)
		r.Logf("%s, two operators: %d and %d writes, %d by one", w.name, len(here), len(other), w.writes)
		if n > 4*w.writes {
			r.Errorf("%s, two operators: %d writes, one needs %d", w.name, n, w.writes)
		}
	}
}
