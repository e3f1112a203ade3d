package crash

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func keyOf(u *unstructured.Unstructured) string {
	return u.GetKind() + "/" + u.GetNamespace() + "/" + u.GetName()
}

func (s policySet) put(u *unstructured.Unstructured) { s[keyOf(u)] = u }

// A watchLog has every change of every policy, from raw watches. There is one
// etcd behind all kinds, so their resourceVersions have one order.
type watchLog struct {
	mu     sync.Mutex
	events []event // since the last trace
	rest   policySet
	failed error
}

type event struct {
	version uint64
	gone    bool
	object  *unstructured.Unstructured
	// seen is when the watch told it.
	seen time.Time
}

// watch follows all policies until the test ends.
func (l *lab) watch(t *testing.T) *watchLog {
	t.Helper()
	log := &watchLog{rest: policySet{}}
	ctx, cancel := context.WithCancel(context.Background())
	var follow sync.WaitGroup
	t.Cleanup(func() { cancel(); follow.Wait() })
	for _, kind := range l.policyKinds() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind + "List"})
		if err := l.admin.List(ctx, list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			log.rest.put(&list.Items[i])
		}
		w, err := l.admin.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
		if err != nil {
			t.Fatal(err)
		}
		follow.Go(func() {
			defer w.Stop()
			for e := range w.ResultChan() {
				log.add(e)
			}
			if ctx.Err() == nil {
				log.add(apiwatch.Event{Type: apiwatch.Error}) // the server ended it
			}
		})
	}
	return log
}

func (w *watchLog) add(e apiwatch.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ok := e.Object.(*unstructured.Unstructured)
	if !ok || e.Type == apiwatch.Error {
		w.failed = errWatch
		return
	}
	version, err := strconv.ParseUint(u.GetResourceVersion(), 10, 64)
	if err != nil {
		w.failed = err
	}
	u.SetManagedFields(nil)
	w.events = append(w.events, event{version: version, gone: e.Type == apiwatch.Deleted, object: u, seen: time.Now()})
}

// trace returns every set of policies that there was since the last trace, from
// the one at rest then to the one at rest now.
func (l *lab) trace(t testing.TB) []policySet {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		trace, err := l.log.replay()
		if err != nil {
			t.Fatal(err)
		}
		if versions(trace[len(trace)-1]).equal(versionsOf(l.policies(t))) {
			l.seen = l.log.times(trace)
			l.log.settle(trace)
			return trace
		}
		if time.Now().After(deadline) {
			t.Fatal("the watch does not tell what a list tells")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *watchLog) replay() ([]policySet, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(w.events, func(a, b event) int { return cmp.Compare(a.version, b.version) })
	now := maps.Clone(w.rest)
	out := []policySet{maps.Clone(now)}
	for _, e := range w.events {
		if e.gone {
			delete(now, keyOf(e.object))
		} else {
			now.put(e.object)
		}
		out = append(out, maps.Clone(now))
	}
	return out, w.failed
}

// times returns when each state of a trace but the first was seen.
func (w *watchLog) times(trace []policySet) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]time.Time, len(trace)-1)
	for i := range out {
		out[i] = w.events[i].seen
	}
	return out
}

// settle makes the end of a trace the beginning of the next one.
func (w *watchLog) settle(trace []policySet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = slices.Clone(w.events[len(trace)-1:])
	w.rest = trace[len(trace)-1]
}

// atVersions are the versions of objects, by their keys.
type atVersions map[string]string

var errWatch = errors.New("a watch broke off")

func versions(s policySet) atVersions {
	out := atVersions{}
	for key, u := range s {
		out[key] = u.GetResourceVersion()
	}
	return out
}

func versionsOf(list []unstructured.Unstructured) atVersions {
	out := atVersions{}
	for i := range list {
		out[keyOf(&list[i])] = list[i].GetResourceVersion()
	}
	return out
}

func (v atVersions) equal(other atVersions) bool { return maps.Equal(v, other) }
