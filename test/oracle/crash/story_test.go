package crash

import (
	"cmp"
	"context"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/snapshot"
)

// A story is what happens to the wards, change after change, and that all of it
// is undone at the end.
type story struct {
	name    string
	chapter []chapter
}

// A chapter is a change of what is declared.
type chapter struct {
	file string // of testdata/stories; ward.yaml undoes all
	// before is what people do before they declare it.
	before func(*ride)
	// target is what the operator is told from now on; empty is the cluster's own.
	target snapshot.TargetKind
}

var stories = []story{
	{"a pump moves to another zone", []chapter{{file: "a-pump-moves"}, {file: wards}}},
	{"a workload moves to another zone, with its namespace", []chapter{{file: "a-workload-moves"}, {file: wards}}},
	{"a zone and a conduit are renamed", []chapter{{file: "a-zone-is-renamed"}, {file: wards}}},
	{"a zone is split, and made one again", []chapter{{file: "a-zone-is-split"}, {file: wards}}},
	{"a zone is deleted, and made again", []chapter{{file: "a-zone-is-deleted"}, {file: wards}}},
	{"a zone is deleted, held, let go, and made again", []chapter{
		{file: "a-zone-is-retained"}, {file: "a-zone-is-held"}, {file: "a-zone-is-deleted", before: letGo}, {file: wards},
	}},
}

// switched is told where the operator can write for two targets.
var switched = story{"the operator is told to write for any network, and for Cilium again", []chapter{
	{file: wards, target: snapshot.Netpol}, {file: wards},
}}

// wards is where every story begins and ends.
const wards = "ward"

// letGo lets the laboratory go.
func letGo(r *ride) {
	r.Helper()
	zone := blank(declaredKinds["DeviceZone"])
	zone.SetName("laboratory")
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"deletionPolicy":"Release"}}`))
	if err := r.admin.Patch(context.Background(), zone, patch); err != nil {
		r.Fatal(err)
	}
}

// TestNoStoryIsSpoiltByACrash: each of them is told with a stop after some of
// the writes of each chapter; MEDFENCE_ALL_CRASHES=1 stops after every one.
func TestNoStoryIsSpoiltByACrash(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	for _, target := range []snapshot.TargetKind{snapshot.Cilium, snapshot.Netpol} {
		t.Run(string(target), func(t *testing.T) {
			t.Parallel()
			r := newRide(t, target)
			r.polite = true
			beginning := readObjects(r, "stories/ward.yaml")
			here := &way{name: "from nothing", passage: passage{nil, beginning.plan(r, target)}, to: beginning, begin: func() {}}
			r.explore(here)
			all := stories
			if target == snapshot.Cilium {
				all = append([]story{switched}, stories...)
			}
			for _, s := range all {
				r.tell(s, here)
			}
			if target == snapshot.Cilium {
				r.turnBack(here)
			}
			r.inherit(here)
		})
	}
}

// tell takes an operator through a story: once, and once for each crash.
func (r *ride) tell(s story, here *way) {
	r.Helper()
	crashes := r.crashes
	var ways []*way
	last := here
	for _, c := range s.chapter {
		to := here.to
		if c.file != wards {
			to = last.to.changed(readObjects(r, "stories/"+c.file+".yaml"))
		}
		target := cmp.Or(c.target, r.lab.target)
		w := &way{name: s.name + ", " + c.file, passage: passage{last.after, to.plan(r, target)}, to: to, begin: func() {
			r.asked = target
			if c.before != nil {
				c.before(r)
			}
		}}
		if target != r.lab.target {
			w.name += " for " + string(target)
		}
		r.explore(w)
		ways, last = append(ways, w), w
	}
	if diff := gocmp.Diff(here.want, last.want); diff != "" {
		r.Errorf("%s: the wards are not what they were (-was +is):\n%s", s.name, diff)
	}
	picks := make([][]int, len(ways))
	rounds := 0
	for i, w := range ways {
		picks[i] = stops(w)
		rounds = max(rounds, len(picks[i]))
	}
	for n := range rounds {
		for i, w := range ways {
			k := 0 // none
			if n < len(picks[i]) {
				k = picks[i][n]
			}
			r.crash(w, k)
		}
	}
	r.drain()
	r.complain()
	for i, w := range ways {
		r.Logf("%s: %d writes, stopped after %v", w.name, w.writes, picks[i])
	}
	r.Logf("%s: %d crashes", s.name, r.crashes-crashes)
}

// turnBack stops the operator in the middle of a switch to the other target, and
// tells the next one the first target again: what is left of the switch goes, and
// nothing is cut or opened on the way.
func (r *ride) turnBack(here *way) {
	r.Helper()
	crashes := r.crashes
	bare := here.to.plan(r, snapshot.Netpol)
	away := &way{name: "a switch to netpol", passage: passage{here.after, bare}, to: here.to, begin: func() { r.asked = snapshot.Netpol }}
	back := &way{name: "and back", passage: passage{bare, here.after}, to: here.to, begin: func() { r.asked = snapshot.Cilium }}
	r.explore(away)
	r.explore(back)
	picks := stops(away)
	for _, k := range picks {
		away.begin()
		o := r.live(r, k)
		if r.arrives(o, away, k) {
			r.Errorf("%s: it arrived without write %d", away.name, k)
		}
		r.stop(o)
		r.crashes++
		back.begin()
		o = r.live(r, 0)
		r.arrives(o, back, k)
		r.stop(o)
		if diff := gocmp.Diff(here.want, r.state(r)); diff != "" {
			r.Errorf("turned back after write %d: the wards are not what they were (-was +is):\n%s", k, diff)
		}
		r.judgeTrace(&way{name: "turned back", passage: passage{here.after, here.after}, by: bare}, k)
	}
	r.asked = ""
	r.drain()
	r.complain()
	r.Logf("%s: %d writes, turned back after %v; %d crashes", away.name, away.writes, picks, r.crashes-crashes)
}

// fewStops is after how many writes of a way the operator is stopped, unless
// all are asked for.
const fewStops = 5

// stops chooses after which writes of a way to stop: the same ones in each run.
func stops(w *way) []int {
	all := make([]int, w.writes)
	for i := range all {
		all[i] = i + 1
	}
	if os.Getenv("MEDFENCE_ALL_CRASHES") != "" || len(all) <= fewStops {
		return all
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(w.name)) // never fails
	dice := rand.New(rand.NewPCG(h.Sum64(), 0))
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return slices.Sorted(slices.Values(all[:fewStops]))
}
