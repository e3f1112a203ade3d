package crash

import (
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/weather"
)

// In whatever weather, and in company: the operator arrives where it does in good weather, cuts
// and opens nothing on the way, and asks, in each weather, at most twice as often.
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

	for _, w := range []*way{here, there, back} {
		r.explore(w)
	}
	good := weather.Weather{Name: "good weather"}
	install, change := r.goes(road, good, here), r.goes(road, good, there, back)
	for i, now := range weather.All() {
		if i%6 == 0 {
			r.compare(now, install, r.goes(road, now, here))
		}
		r.compare(now, change, r.goes(road, now, there, back))
	}
	r.together(there, back)
	r.drain()
	r.complain()
	t.Logf("judged %d states, %d flows in each", r.states(), len(r.questions))
}

// A toll is what an operator asked of the API server on its way.
type toll struct {
	ways string
	// asked are the requests but watches, struck those that met the weather, and
	// idle those that were made at rest.
	asked, struck, idle int64
	// most is the write that was made most often, times how often.
	most  string
	times int64
}

const (
	// stormy is how many times the requests of good weather a weather may take.
	stormy = 2
	// stubborn is how often a single write may be made on one way. Of a fifth that
	// fails, one in ten thousand is not through by then.
	stubborn = 12
	// calm is how long the operator is watched when it has arrived, and restless
	// how many requests are too many: watches that were
	// cut begin with lists.
	calm     = 500 * time.Millisecond
	restless = 40
)

// goes takes an operator over ways in a weather, and counts the requests.
func (r *ride) goes(road *weather.Proxy, now weather.Weather, ways ...*way) toll {
	r.Helper()
	out := toll{ways: ways[0].name}
	for _, w := range ways {
		w.begin()
		r.declare(r, w.to)
		road.Turn(now)
		o := r.live(r, 0)
		r.arrives(o, w, 0)
		arrived := road.Asked()
		time.Sleep(calm)
		out.asked, out.struck, out.idle = out.asked+arrived, out.struck+road.Struck(), max(out.idle, road.Asked()-arrived)
		if most, times := road.Most(); times > out.times {
			out.most, out.times = most, times
		}
		r.stop(o)
		road.Turn(weather.Weather{})
		r.judgeTrace(w, 0)
	}
	return out
}

// compare complains of a weather that took too much, or that was none.
func (r *ride) compare(now weather.Weather, good, bad toll) {
	r.Helper()
	r.Logf("%s, %s: %d requests, %d in good weather; it struck %d; at most %d times %s; %d at rest",
		now.Name, bad.ways, bad.asked, good.asked, bad.struck, bad.times, bad.most, bad.idle)
	if bad.asked > stormy*good.asked {
		r.Errorf("%s, %s: %d requests, more than %d times the %d of good weather", now.Name, bad.ways, bad.asked, stormy, good.asked)
	}
	if bad.times > stubborn {
		r.Errorf("%s, %s: %d times %s", now.Name, bad.ways, bad.times, bad.most)
	}
	if bad.idle > restless {
		r.Errorf("%s, %s: %d requests in %s at rest", now.Name, bad.ways, bad.idle, calm)
	}
	if bad.struck == 0 {
		r.Errorf("%s, %s: no request met the weather", now.Name, bad.ways)
	}
}
