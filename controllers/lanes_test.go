package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func zoneRequest(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}

// drain takes all that waits from a queue, in its order.
func drain(q queue) []string {
	var out []string
	for q.Len() > 0 {
		r, _ := q.Get()
		out = append(out, r.Name)
		q.Done(r)
	}
	return out
}

func newLaneQueue(t *testing.T) (*lanes, queue) {
	t.Helper()
	l := newLanes()
	q := l.queue("lanes", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(q.ShutDown)
	return l, q
}

func TestWhatIsUrgentOvertakesTheRest(t *testing.T) {
	for name, tc := range map[string]struct {
		add  func(l *lanes, q queue)
		want []string
	}{
		"nothing is": {func(_ *lanes, q queue) {
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
		}, []string{"a", "b"}},
		"the last one is": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
			l.mark(zoneRequest("c"))
			q.Add(zoneRequest("c"))
		}, []string{"c", "a", "b"}},
		"one that waits becomes so, and is taken once": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			q.Add(zoneRequest("b"))
			l.mark(zoneRequest("b"))
			q.Add(zoneRequest("b"))
		}, []string{"b", "a"}},
		"several are, in their order": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			for _, n := range []string{"c", "b"} {
				l.mark(zoneRequest(n))
				q.Add(zoneRequest(n))
			}
		}, []string{"c", "b", "a"}},
		"one with a worker becomes so": {func(l *lanes, q queue) {
			q.Add(zoneRequest("a"))
			at, _ := q.Get()
			q.Add(zoneRequest("b"))
			l.mark(at)
			q.Add(at)
			q.Done(at)
		}, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, q := newLaneQueue(t)
			tc.add(l, q)
			if diff := cmp.Diff(tc.want, drain(q)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUrgencyEndsWithThePass(t *testing.T) {
	l, q := newLaneQueue(t)
	l.mark(zoneRequest("b"))
	q.Add(zoneRequest("b"))
	drain(q)
	q.Add(zoneRequest("a"))
	q.Add(zoneRequest("b"))
	if diff := cmp.Diff([]string{"a", "b"}, drain(q)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// A start lists all there is; what somebody changes meanwhile, or changed while
// no operator ran, comes first.
func TestAStartIsNotUrgentButWhatPeopleChangeIs(t *testing.T) {
	device := func(zone string, generation, observed int64) *medfencev1alpha1.MedicalDevice {
		d := &medfencev1alpha1.MedicalDevice{}
		d.Spec.Zone, d.Generation, d.Status.ObservedGeneration = zone, generation, observed
		return d
	}
	for name, tc := range map[string]struct {
		event func(handle func(any))
		want  []string
	}{
		"found at the start":     {func(handle func(any)) { handle(listed(device("new", 1, 0))) }, []string{"waits", "new"}},
		"found as it was left":   {func(handle func(any)) { handle(listed(device("old", 2, 2))) }, []string{"waits", "old"}},
		"changed while down":     {func(handle func(any)) { handle(listed(device("edited", 3, 2))) }, []string{"edited", "waits"}},
		"created by somebody":    {func(handle func(any)) { handle(event.CreateEvent{Object: device("born", 1, 0)}) }, []string{"born", "waits"}},
		"changed by somebody":    {func(handle func(any)) { handle(updated(device("x", 1, 1), device("x", 2, 1))) }, []string{"x", "waits"}},
		"moved to another zone":  {func(handle func(any)) { handle(updated(device("x", 1, 1), device("y", 2, 1))) }, []string{"x", "y", "waits"}},
		"deleted by somebody":    {func(handle func(any)) { handle(event.DeleteEvent{Object: device("gone", 1, 1)}) }, []string{"gone", "waits"}},
		"touched without effect": {func(handle func(any)) { handle(updated(device("x", 1, 1), device("x", 1, 1))) }, []string{"waits"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, q := newLaneQueue(t)
			q.Add(zoneRequest("waits"))
			w := declaredKinds(zoneMap{})[1].watch
			w.mark = l.mark
			h := w.handler()
			tc.event(func(e any) {
				switch e := e.(type) {
				case event.CreateEvent:
					h.Create(t.Context(), e, q)
				case event.UpdateEvent:
					h.Update(t.Context(), e, q)
				case event.DeleteEvent:
					h.Delete(t.Context(), e, q)
				}
			})
			if diff := cmp.Diff(tc.want, drain(q)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func listed(o client.Object) event.CreateEvent {
	return event.CreateEvent{Object: o, IsInInitialList: true}
}

func updated(was, is client.Object) event.UpdateEvent {
	return event.UpdateEvent{ObjectOld: was, ObjectNew: is}
}
