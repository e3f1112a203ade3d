package crash

import (
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/internal/snapshot"
)

// In whatever weather, and in company: the operator arrives where it does in good weather, cuts
// and opens nothing on the way, and asks, over all weathers, at most twice as often.
func TestAnOperatorArrivesInEveryWeather(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	t.Parallel()
	r := newRide(t, snapshot.Cilium)
	road := newProxy(t, r.operatorConfig)
	r.operatorConfig = road.config()
	hospital := readObjects(r, "hospital.yaml")
	changed := hospital.changed(readObjects(r, "change.yaml"))
	before, after := hospital.plan(r, r.lab.target), changed.plan(r, r.lab.target)
	here := &way{name: "from nothing", passage: passage{nil, before}, to: hospital, begin: func() {
		r.wipe(r)
		r.trace(r)
	}}
	there := &way{name: "change", passage: passage{before, after}, to: changed, begin: func() {}}
	back := &way{name: "change back", passage: passage{after, before}, to: hospital, begin: func() {}}

	var clean forecast
	for _, w := range []*way{here, there, back} {
		road.turn(weather{})
		r.explore(w)
		clean = append(clean, road.asked.Load())
	}
	var asked, usual int64
	for i, now := range weathers() {
		if i%6 == 0 {
			n, m := r.goes(road, now, clean[:1], here)
			asked, usual = asked+n, usual+m
		}
		n, m := r.goes(road, now, clean[1:], there, back)
		asked, usual = asked+n, usual+m
	}
	if asked > 2*usual {
		t.Errorf("%d requests, more than twice the %d of good weather", asked, usual)
	}
	r.together(there, back)
	r.drain()
	r.complain()
	t.Logf("judged %d states, %d flows in each", r.states(), len(r.questions))
}

// A forecast is how many requests each way takes in good weather.
type forecast []int64

// stormy is how many times the requests of good weather a single weather may
// take: chance decides which requests fail, and how much of a pass is repeated.
const stormy = 4

// goes takes an operator over ways in a weather, and counts the requests.
func (r *ride) goes(road *proxy, now weather, clean forecast, ways ...*way) (asked, usual int64) {
	r.Helper()
	var struck int64
	for i, w := range ways {
		w.begin()
		r.declare(r, w.to)
		road.turn(now)
		o := r.live(r, 0)
		r.arrives(o, w, 0)
		r.stop(o)
		asked, struck, usual = asked+road.asked.Load(), struck+road.struck.Load(), usual+clean[i]
		road.turn(weather{})
		r.judgeTrace(w, 0)
	}
	r.Logf("%s, %s: %d requests, %d in good weather; it struck %d", now.name, ways[0].name, asked, usual, struck)
	if asked > stormy*usual {
		r.Errorf("%s, %s: %d requests, more than %d times the %d of good weather", now.name, ways[0].name, asked, stormy, usual)
	}
	if struck == 0 {
		r.Errorf("%s, %s: no request met the weather", now.name, ways[0].name)
	}
	return asked, usual
}
