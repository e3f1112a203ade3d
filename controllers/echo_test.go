package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A slate writes down when which zones are woken.
type slate struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	woken []string
}

func (s *slate) Add(r reconcile.Request) { s.woken = append(s.woken, r.Name) }

func (s *slate) AddAfter(r reconcile.Request, after time.Duration) {
	s.woken = append(s.woken, r.Name+" after "+after.String())
}

func TestAZoneLooksAtItsOwnWritesInAWhile(t *testing.T) {
	ours, theirs := &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicy{}
	ours.ResourceVersion, theirs.ResourceVersion = "2", "3"
	was := &networkingv1.NetworkPolicy{}
	was.ResourceVersion = "1"
	mine := func(o client.Object) bool { return o.GetResourceVersion() == "2" }
	w := watch{
		zones:   func(context.Context, client.Object) []string { return []string{"infusion"} },
		changed: versionChanged,
		echo:    &echo{wrote: mine, deleted: mine, waiting: func(client.Object) []string { return []string{"monitoring"} }},
	}
	without := w
	without.echo = nil
	own, foreign := []string{"infusion after 100ms", "monitoring"}, []string{"infusion"}
	for name, tc := range map[string]struct {
		watch  watch
		object client.Object
		want   []string
	}{
		"ours":                          {w, ours, own},
		"theirs":                        {w, theirs, foreign},
		"ours, where nobody can tell":   {without, ours, foreign},
		"theirs, where nobody can tell": {without, theirs, foreign},
	} {
		h := tc.watch.handler()
		for news, send := range map[string]func(queue){
			"created": func(q queue) { h.Create(t.Context(), event.CreateEvent{Object: tc.object}, q) },
			"updated": func(q queue) { h.Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: tc.object}, q) },
			"deleted": func(q queue) { h.Delete(t.Context(), event.DeleteEvent{Object: tc.object}, q) },
		} {
			q := &slate{}
			send(q)
			if diff := cmp.Diff(tc.want, q.woken); diff != "" {
				t.Errorf("%s, %s (-want +got)\n%s", name, news, diff)
			}
		}
	}
}

func TestWhoClosesNothingWaitsWhenAConduitGoes(t *testing.T) {
	w := watch{
		zones: func(context.Context, client.Object) []string { return []string{"engine", "infusion"} },
		idle:  func(context.Context, client.Object) []string { return []string{"engine"} },
	}
	q := &slate{}
	w.handler().Delete(t.Context(), event.DeleteEvent{Object: &networkingv1.NetworkPolicy{}}, q)
	if diff := cmp.Diff([]string{"infusion", "engine after 100ms"}, q.woken); diff != "" {
		t.Errorf("deleted (-want +got)\n%s", diff)
	}
	q = &slate{}
	w.handler().Create(t.Context(), event.CreateEvent{Object: &networkingv1.NetworkPolicy{}}, q)
	if diff := cmp.Diff([]string{"engine", "infusion"}, q.woken); diff != "" {
		t.Errorf("created (-want +got)\n%s", diff)
	}
}

func TestPeersCloseNothing(t *testing.T) {
	b := newHappy(t, "netpol")
	conduit := &medfencev1alpha1.Conduit{}
	conduit.Spec.From.Zones, conduit.Spec.To.Zones = []string{"infusion", "nobody"}, []string{"druglib"}
	m := newZoneMap(b.admin, client.ObjectKey{})
	if diff := cmp.Diff([]string{"druglib"}, m.idleWithout(t.Context(), conduit)); diff != "" {
		t.Errorf("idle without it (-want +got)\n%s", diff)
	}
}
