package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
)

// changedHospitals is how many random hospitals are changed, and changes how
// often each.
const (
	changedHospitals = 40
	changes          = 6
)

// After any change, the zones that the event wakes, and those that these wake
// in turn, are all that had to be looked at: policies and facts are those of a
// fresh look at everything.
func TestAChangeWakesEveryZoneThatItConcerns(t *testing.T) {
	passes, zones := 0, 0
	for seed := range uint64(changedHospitals) {
		w := newWorld(t, seed)
		w.wakeAll()
		w.run()
		w.compare("at first")
		for i := range changes {
			what := w.change(rand.New(rand.NewPCG(seed, uint64(i))))
			passes += w.run()
			zones += len(w.whole.Zones)
			w.compare(fmt.Sprintf("hospital %d, change %d: %s", seed, i, what))
		}
	}
	t.Logf("%d passes where all would have been %d", passes, zones)
}

// A world is a hospital in memory, with the operator's zones but no cluster.
type world struct {
	*testing.T
	whole   *snapshot.Snapshot // target and time
	memory  *gathertest.Memory
	gather  *gather.Gatherer
	board   *board
	zones   zoneMap
	queued  map[string]bool
	written map[string]string // by zone
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	whole := hospital.Random(seed, hospital.Options{Sound: seed%2 == 0})
	memory, err := gathertest.New(whole)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		T: t, whole: whole, memory: memory, board: newBoard(), zones: newZoneMap(memory, types.NamespacedName{}),
		gather: &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}},
		queued: map[string]bool{}, written: map[string]string{},
	}
	w.board.wakeZone = func(name string) { w.queued[name] = true }
	w.board.tellZone = w.board.wakeZone
	return w
}

// wakeAll wakes every zone that exists or is named, as a start does.
func (w *world) wakeAll() {
	for _, o := range w.memory.Objects {
		w.wake(o)
	}
}

func (w *world) wake(objects ...client.Object) {
	for _, o := range objects {
		var names []string
		switch o := o.(type) {
		case *medfencev1alpha1.DeviceZone:
			names = w.zones.ofZone(w.Context(), o)
		case *medfencev1alpha1.MedicalDevice:
			names = w.zones.ofDevice(w.Context(), o)
		case *medfencev1alpha1.Conduit:
			names = w.zones.ofConduit(w.Context(), o)
		case *metav1.PartialObjectMetadata:
			names = w.zones.ofNamespace(w.Context(), o)
		case *corev1.Pod, *corev1.Service:
			names = w.zones.ofWorkload(w.Context(), o)
		}
		for _, n := range names {
			w.queued[n] = true
		}
	}
}

// run passes the zones that are queued until none is, and returns how many
// passes that took.
func (w *world) run() int {
	w.Helper()
	passes := 0
	for len(w.queued) > 0 {
		name := slices.Sorted(maps.Keys(w.queued))[0]
		delete(w.queued, name)
		w.pass(name)
		if passes++; passes > 200 {
			w.Fatal("the zones wake each other for ever")
		}
	}
	return passes
}

func (w *world) pass(name string) {
	w.Helper()
	number := w.board.begin()
	in, result := w.look(name)
	facts := collectFacts(name, in, result)
	facts.outcome = outcome{state: outcomeApplied}
	w.board.publish(number, facts)
	w.written[name] = rendered(w.T, result, name)
}

func (w *world) look(name string) (*gather.Gathering, compile.Result) {
	w.Helper()
	in, err := w.gather.Zone(context.Background(), name, w.whole.Now)
	if err != nil {
		w.Fatal(err)
	}
	in.Cluster, in.Target, in.Catalogue = w.whole.Cluster, w.whole.Target, w.whole.Catalogue
	return in, compile.Compile(in.Snapshot)
}

func rendered(t *testing.T, result compile.Result, zone string) string {
	t.Helper()
	raw, err := json.Marshal(render.Zone(result.Plan, zone))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// change replaces, adds or removes one object, and wakes whom the event wakes.
func (w *world) change(dice *rand.Rand) string {
	others := gathertest.Objects(hospital.Random(dice.Uint64N(1000), hospital.Options{Sound: dice.IntN(2) == 0}))
	next := others[dice.IntN(len(others))]
	i := slices.IndexFunc(w.memory.Objects, func(o client.Object) bool {
		return fmt.Sprintf("%T", o) == fmt.Sprintf("%T", next) && client.ObjectKeyFromObject(o) == client.ObjectKeyFromObject(next)
	})
	name := fmt.Sprintf("%T %s", next, client.ObjectKeyFromObject(next))
	switch {
	case i < 0:
		w.memory.Objects = append(w.memory.Objects, next)
		w.wake(next)
		return "created " + name
	case dice.IntN(4) == 0:
		was := w.memory.Objects[i]
		w.memory.Objects = slices.Delete(w.memory.Objects, i, i+1)
		w.wake(was)
		return "deleted " + name
	}
	was := w.memory.Objects[i]
	w.memory.Objects[i] = next
	w.wake(was, next)
	return "changed " + name
}

// compare compares what the zones wrote and found out with a fresh look.
func (w *world) compare(when string) {
	w.Helper()
	for name := range w.zoneNames() {
		in, result := w.look(name)
		if diff := cmp.Diff(rendered(w.T, result, name), w.written[name]); diff != "" {
			w.Fatalf("%s: policies of zone %s (-fresh +written):\n%s", when, name, diff)
		}
		fresh := collectFacts(name, in, result)
		for key, want := range fresh.devices {
			got, _, _ := w.board.device(key, types.UID(want.UID), want.Generation)
			if diff := cmp.Diff(inBrief(want.subject), inBrief(got.subject)); diff != "" {
				w.Fatalf("%s: device %s (-fresh +known):\n%s", when, key, diff)
			}
			want.Problems, got.Problems = nil, nil
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(deviceFacts{})); diff != "" {
				w.Fatalf("%s: device %s (-fresh +known):\n%s", when, key, diff)
			}
		}
		for conduit, want := range fresh.conduits {
			got, _, known := w.board.conduit(conduit, types.UID(want.UID), want.Generation)
			if !known {
				w.Fatalf("%s: conduit %s: not all of its zones have spoken", when, conduit)
			}
			if diff := cmp.Diff(inBrief(want.subject), inBrief(got.subject)); diff != "" {
				w.Fatalf("%s: conduit %s (-fresh +known):\n%s", when, conduit, diff)
			}
			want.Problems, got.Problems = nil, nil
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(conduitFacts{})); diff != "" {
				w.Fatalf("%s: conduit %s (-fresh +known):\n%s", when, conduit, diff)
			}
		}
	}
}

// inBrief writes down the problems without their words: a hint at a name or at
// another zone may be of yesterday.
func inBrief(s subject) []string {
	var out []string
	for _, p := range s.Problems {
		out = append(out, p.Reason+" "+p.Path)
	}
	return out
}

// zoneNames returns the zones that exist and those that are named.
func (w *world) zoneNames() map[string]bool {
	names := map[string]bool{}
	for _, o := range w.memory.Objects {
		switch o := o.(type) {
		case *medfencev1alpha1.DeviceZone:
			names[o.Name] = true
		case *medfencev1alpha1.MedicalDevice:
			for _, n := range gather.DeviceZones(o) {
				names[n] = true
			}
		case *medfencev1alpha1.Conduit:
			for _, n := range gather.ConduitZones(o) {
				names[n] = true
			}
		}
	}
	return names
}

// A device that concerns no zone which its next version does not is not asked
// twice: what that finds is what both find.
func TestOneVersionOfADeviceIsAskedOnlyWhereItFindsAll(t *testing.T) {
	dice := rand.New(rand.NewPCG(5, 6))
	within := 0
	for seed := range uint64(changedHospitals) {
		w := newWorld(t, seed)
		var devices []*medfencev1alpha1.MedicalDevice
		for _, o := range w.memory.Objects {
			if d, ok := o.(*medfencev1alpha1.MedicalDevice); ok {
				devices = append(devices, d)
			}
		}
		for range min(20, 100*len(devices)) {
			was, is := devices[dice.IntN(len(devices))].DeepCopy(), devices[dice.IntN(len(devices))].DeepCopy()
			if dice.IntN(2) == 0 {
				is.Status.Accepted = &medfencev1alpha1.AcceptedDevice{Spec: was.Spec}
			}
			if !deviceWithin(was, is) {
				continue
			}
			within++
			alone := w.zones.ofDevice(t.Context(), is)
			for _, zone := range w.zones.ofDevice(t.Context(), was) {
				if !slices.Contains(alone, zone) {
					t.Errorf("hospital %d: zone %s hears of %s before and not of %s after", seed, zone, was.Name, is.Name)
				}
			}
		}
	}
	if within < 50 {
		t.Errorf("only %d of the changes were of that kind", within)
	}
}
