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

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// A watch says which zones an event of one kind wakes.
type watch struct {
	// zones returns those that an object concerns; of an update, both versions
	// are asked.
	zones func(context.Context, client.Object) []string
	// changed says whether an update matters at once, and settled, which may be
	// nil, whether it matters in a while.
	changed, settled func(was, is client.Object) bool
	// edited, which may be nil, says of an object that is found at the start
	// whether somebody changed it while no operator ran.
	edited func(client.Object) bool
	// mark, which may be nil, says that a request is urgent: people wait for what
	// they declared, and nobody for what a start finds as it was left.
	mark func(reconcile.Request)
}

// handler returns the watch as controller-runtime takes it.
func (w watch) handler() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			calm := w
			if e.IsInInitialList && (w.edited == nil || !w.edited(e.Object)) {
				calm.mark = nil
			}
			calm.wake(ctx, q, 0, e.Object)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			switch {
			case w.changed(e.ObjectOld, e.ObjectNew):
				w.wake(ctx, q, 0, e.ObjectOld, e.ObjectNew)
			case w.settled != nil && w.settled(e.ObjectOld, e.ObjectNew):
				w.wake(ctx, q, settleDelay, e.ObjectOld, e.ObjectNew)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			w.wake(ctx, q, 0, e.Object)
		},
	}
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
