package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// A fault is how a single call may fail.
type fault struct {
	name string
	err  error
	// verbs are the calls that fail so; none stands for all.
	verbs []string
	// made marks a call that is made, and whose answer is lost.
	made bool
	// meanwhile is what somebody does to the object just before the call, which then
	// fails by itself, or does not, and may be dealt with at once.
	meanwhile func(context.Context, client.Object) error
}

const (
	read   = "read"
	create = "create"
	update = "update"
	remove = "delete"
)

var (
	anything = schema.GroupResource{Resource: "things"}
	errHere  = errors.New("by the test")
	faults   = []fault{
		{name: "internal error", err: apierrors.NewInternalError(errHere)},
		{name: "too many requests", err: apierrors.NewTooManyRequests("by the test", 1)},
		{name: "forbidden", err: apierrors.NewForbidden(anything, "x", errHere)},
		{name: "timeout", err: apierrors.NewTimeoutError("by the test", 1)},
		{name: "too late", err: fmt.Errorf("by the test: %w", context.DeadlineExceeded)},
		{name: "cut", err: io.ErrUnexpectedEOF},
		{name: "lost answer", err: io.ErrUnexpectedEOF, verbs: []string{create, update, remove}, made: true},
		{name: "changed by somebody", verbs: []string{update, remove}, meanwhile: func(ctx context.Context, o client.Object) error {
			return shared.admin.Patch(ctx, another(o), mergePatch(`{"metadata":{"annotations":{"medfence.io/permits":null}}}`))
		}},
		{name: "deleted by somebody", verbs: []string{update, remove}, meanwhile: func(ctx context.Context, o client.Object) error {
			return shared.admin.Delete(ctx, another(o))
		}},
		{name: "replaced by somebody", verbs: []string{update, remove}, meanwhile: func(ctx context.Context, o client.Object) error {
			again := another(o)
			if err := shared.admin.Get(ctx, client.ObjectKeyFromObject(o), again); err != nil {
				return err
			}
			err := errors.Join(
				shared.admin.Patch(ctx, another(o), mergePatch(`{"metadata":{"finalizers":null}}`)),
				client.IgnoreNotFound(shared.admin.Delete(ctx, another(o))))
			again.SetUID("")
			again.SetResourceVersion("")
			return errors.Join(err, shared.admin.Create(ctx, again))
		}},
		{name: "created by another operator", verbs: []string{create}, meanwhile: func(ctx context.Context, o client.Object) error {
			return shared.admin.Create(ctx, another(o))
		}},
	}
)

// ofAll is how many of the faults, the first, may be any call's. Each call has one of
// them, by turns, and all others that are its own.
const ofAll = 6

func (f *fault) hits(verb string) bool {
	return len(f.verbs) == 0 || slices.Contains(f.verbs, verb)
}

// A tap stands between the applier and its clients: it counts the calls, to the cache
// and to the API server, and lets one of them fail.
type tap struct {
	mu    sync.Mutex
	calls []string // by their verbs
	at    int      // which one fails, from 1; 0 is none
	fault fault
	// broken says that what should happen meanwhile did not.
	broken error
}

func (p *tap) call(ctx context.Context, verb string, o client.Object, do func() error) error {
	p.mu.Lock()
	p.calls = append(p.calls, verb)
	fails := len(p.calls) == p.at
	p.mu.Unlock()
	if !fails {
		return do()
	}
	if p.fault.meanwhile != nil {
		p.broken = p.fault.meanwhile(ctx, o)
		return do()
	}
	if p.fault.made {
		if err := do(); err != nil {
			return err
		}
	}
	return p.fault.err
}

func another(o client.Object) client.Object { return o.DeepCopyObject().(client.Object) }

// over returns a client whose calls go through the tap.
func (p *tap) over(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			return p.call(ctx, read, nil, func() error { return c.Get(ctx, key, o, options...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			return p.call(ctx, read, nil, func() error { return c.List(ctx, list, options...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			return p.call(ctx, create, o, func() error { return c.Create(ctx, o, options...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.UpdateOption) error {
			return p.call(ctx, update, o, func() error { return c.Update(ctx, o, options...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			return p.call(ctx, remove, o, func() error { return c.Delete(ctx, o, options...) })
		},
	})
}

// tapped has the applier make its calls through a tap.
func (l *lab) tapped(at int, f fault) *tap {
	l.Helper()
	p := &tap{at: at, fault: f}
	live, err := client.NewWithWatch(shared.config, client.Options{Scheme: shared.scheme, Mapper: shared.mapper})
	l.must(err)
	cached, err := client.NewWithWatch(shared.config, client.Options{
		Scheme: shared.scheme, Mapper: shared.mapper, Cache: &client.CacheOptions{Reader: shared.cache, Unstructured: true},
	})
	l.must(err)
	server := p.over(live)
	l.applier = &Applier{Cache: p.over(cached), Live: server, Writer: server}
	return p
}

// Each call of each passage fails once, alone, in one of the ways in which it may: no
// error is swallowed, a pass that says nothing is done, what was done has its place in
// the record, and the next passes arrive where all would have been without it.
func TestEachSingleCallMayFail(t *testing.T) {
	for name, p := range passages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failEverywhere(t, p)
		})
	}
}

func failEverywhere(t *testing.T, p passage) {
	l := newLab(t)
	l.begin(p)
	l.request.Desired = p.to(l)
	clean := l.tapped(0, fault{})
	_, err := l.try()
	l.must(err)
	calls := slices.Clone(clean.calls)
	l.settle(p.to(l)...)
	want, tried := l.state(), map[string]int{}
	for i, verb := range calls {
		for n, f := range faults {
			if !f.hits(verb) || len(f.verbs) == 0 && n != i%ofAll {
				continue
			}
			tried[verb]++
			l.begin(p)
			l.request.Desired = p.to(l)
			tap := l.tapped(i+1, f)
			set, err := l.try()
			what := fmt.Sprintf("call %d, %s: %s", i+1, verb, f.name)
			if len(tap.calls) <= i {
				t.Fatalf("%s: there was no such call", what)
			}
			if tap.broken != nil {
				t.Errorf("%s: %v", what, tap.broken)
			}
			if f.meanwhile == nil && !errors.Is(err, f.err) {
				t.Errorf("%s: the pass returned %v", what, err)
			}
			if err == nil && len(set.Waiting) == 0 {
				if diff := cmp.Diff(want, l.state()); diff != "" {
					t.Errorf("%s: the pass took itself for done (-without it +after it):\n%s", what, diff)
				}
			}
			l.settle(p.to(l)...)
			if diff := cmp.Diff(want, l.state()); diff != "" {
				t.Fatalf("%s (-without it +after it):\n%s", what, diff)
			}
			l.recordIsExact()
			l.rest(p.to(l)...)
		}
	}
	t.Logf("tried %v", tried)
	if tried[read] == 0 || tried[create]+tried[update]+tried[remove] == 0 {
		t.Errorf("tried only %v", tried)
	}
}
