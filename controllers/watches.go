package controllers

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// settleDelay is how long a zone waits before it looks again at what was
// accepted: a burst of such changes becomes one pass.
const settleDelay = 500 * time.Millisecond

// idleDelay is how long a zone that closes nothing waits when a conduit of it
// goes: what others write to close it reaches the agents first.
const idleDelay = 100 * time.Millisecond

// echoDelay is how long a zone waits before it looks at what it has just written
// itself: the agents are at work on it, and more of its own may come.
const echoDelay = 100 * time.Millisecond

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// A watch says which zones an event of one kind wakes.
type watch struct {
	// zones returns those that an object concerns; of an update, both versions
	// are asked.
	zones func(context.Context, client.Object) []string
	// changed says whether an update matters at once, and settled, which may be
	// nil, whether it matters in a while.
	changed, settled func(was, is client.Object) bool
	// within, which may be nil, says that an object concerns no zone that its next
	// version does not: then that one alone is asked.
	within func(was, is client.Object) bool
	// edited, which may be nil, says of an object that is found at the start
	// whether somebody changed it while no operator ran.
	edited func(client.Object) bool
	// mark, which may be nil, says that a request is urgent: people wait for what
	// they declared, and nobody for what a start finds as it was left.
	mark func(reconcile.Request)
	// idle, which may be nil, returns the zones that an object that is gone concerns
	// only in a while.
	idle func(context.Context, client.Object) []string
	// echo, which may be nil, tells the news of our own writes from those of
	// others'.
	echo *echo
}

// An echo says what news are of our own writes, and who waits for them all the
// same.
type echo struct {
	wrote, deleted func(client.Object) bool
	waiting        func(client.Object) []string
}

// handler returns the watch as controller-runtime takes it.
func (w watch) handler() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			calm := w
			if e.IsInInitialList && (w.edited == nil || !w.edited(e.Object)) {
				calm.mark = nil
			}
			calm.hear(ctx, q, w.echo != nil && w.echo.wrote(e.Object), e.Object)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			switch {
			case w.changed(e.ObjectOld, e.ObjectNew):
				w.hear(ctx, q, w.echo != nil && w.echo.wrote(e.ObjectNew), e.ObjectOld, e.ObjectNew)
			case w.settled != nil && w.settled(e.ObjectOld, e.ObjectNew):
				w.wake(ctx, q, settleDelay, w.both(e)...)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			if w.idle == nil {
				w.hear(ctx, q, w.echo != nil && w.echo.deleted(e.Object), e.Object)
				return
			}
			idle := w.idle(ctx, e.Object)
			busy, rest := w, w
			busy.zones = func(ctx context.Context, o client.Object) []string { return without(w.zones(ctx, o), idle) }
			rest.zones = func(context.Context, client.Object) []string { return idle }
			busy.wake(ctx, q, 0, e.Object)
			rest.wake(ctx, q, idleDelay, e.Object)
		},
	}
}

// both returns the versions of an update that are to be asked for zones.
func (w watch) both(e event.UpdateEvent) []client.Object {
	if w.within != nil && w.within(e.ObjectOld, e.ObjectNew) {
		return []client.Object{e.ObjectNew}
	}
	return []client.Object{e.ObjectOld, e.ObjectNew}
}

// hear wakes those whom news concern: at once, or in a while if they are of our
// own writes.
func (w watch) hear(ctx context.Context, q queue, own bool, objects ...client.Object) {
	if !own {
		w.wake(ctx, q, 0, objects...)
		return
	}
	w.wake(ctx, q, echoDelay, objects...)
	w.zones = func(_ context.Context, o client.Object) []string { return w.echo.waiting(o) }
	w.wake(ctx, q, 0, objects...)
}

func (w watch) wake(ctx context.Context, q queue, after time.Duration, objects ...client.Object) {
	var names []string
	for _, o := range objects {
		names = append(names, w.zones(ctx, o)...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		request := reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
		if after > 0 {
			q.AddAfter(request, after)
			continue
		}
		if w.mark != nil {
			w.mark(request)
		}
		q.Add(request)
	}
}

// without returns the names that are not in another list.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// find makes a function over one kind of object one over any.
func find[T client.Object](zones func(context.Context, T) []string) func(context.Context, client.Object) []string {
	return func(ctx context.Context, o client.Object) []string {
		object, ok := o.(T)
		if !ok {
			return nil
		}
		return zones(ctx, object)
	}
}

// differs makes a comparison of one kind of object one over any.
func differs[T client.Object](changed func(was, is T) bool) func(was, is client.Object) bool {
	return func(was, is client.Object) bool {
		a, okA := was.(T)
		b, okB := is.(T)
		return okA && okB && changed(a, b)
	}
}
