package crash

import (
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/weather"
)

// In whatever weather, and in company: the operator arrives where it does in good weather, cuts
// and opens nothing on the way, and asks, over all weathers, at most twice as often.
func TestAnOperatorArrivesInEveryWeather(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	t.Parallel()
	r := newRide(t, snapshot.Cilium)
	road, err := weather.NewProxy(r.operatorConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(road.Close)
	r.operatorConfig = road.Config()
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
		road.Turn(weather.Weather{})
		r.explore(w)
		clean = append(clean, road.Asked())
	}
	var asked, usual int64
	for i, now := range weather.All() {
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
func (r *ride) goes(road *weather.Proxy, now weather.Weather, clean forecast, ways ...*way) (asked, usual int64) {
	r.Helper()
	var struck int64
	for i, w := range ways {
		w.begin()
		r.declare(r, w.to)
		road.Turn(now)
		o := r.live(r, 0)
		r.arrives(o, w, 0)
		r.stop(o)
		asked, struck, usual = asked+road.Asked(), struck+road.Struck(), usual+clean[i]
		road.Turn(weather.Weather{})
		r.judgeTrace(w, 0)
	}
	r.Logf("%s, %s: %d requests, %d in good weather; it struck %d", now.Name, ways[0].name, asked, usual, struck)
	if asked > stormy*usual {
		r.Errorf("%s, %s: %d requests, more than %d times the %d of good weather", now.Name, ways[0].name, asked, stormy, usual)
	}
	if struck == 0 {
		r.Errorf("%s, %s: no request met the weather", now.Name, ways[0].name)
	}
	return asked, usual
}
