package apply

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

var serial atomic.Int64

// A lab is one zone with one namespace, on the shared server, and the operator
// that serves it.
type lab struct {
	*testing.T
	owner     Owner
	namespace string
	wire      *wire
	applier   *Applier
	// request is what is asked for next; its record is kept up to date.
	request Request
}

func newLab(t *testing.T) *lab {
	t.Helper()
	n := serial.Add(1)
	l := &lab{
		T:         t,
		owner:     Owner{Zone: fmt.Sprintf("zone%d", n), UID: fmt.Sprintf("uid-of-zone-%d", n)},
		namespace: fmt.Sprintf("ward%d", n),
	}
	l.restart()
	l.request = Request{Owner: l.owner, Cilium: true}
	l.must(shared.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: named(l.namespace)}))
	t.Cleanup(l.clean)
	return l
}

// restart replaces the operator by a new process: it knows nothing but what is
// recorded.
func (l *lab) restart() {
	l.Helper()
	l.wire = &wire{}
	config := rest.CopyConfig(shared.config)
	config.Wrap(func(rt http.RoundTripper) http.RoundTripper {
		l.wire.RoundTripper = rt
		return l.wire
	})
	c, err := client.New(config, client.Options{Scheme: shared.scheme, Mapper: shared.mapper})
	l.must(err)
	l.applier = &Applier{Cache: shared.cache, Live: c, Writer: c}
}

// apply applies the request, saves the record as the operator would in status,
// and returns what changed and what was written.
func (l *lab) apply(desired ...object.Object) (ChangeSet, []string) {
	l.Helper()
	l.request.Desired = desired
	set, err := l.try()
	l.must(err)
	return set, l.wire.take()
}

func (l *lab) try() (ChangeSet, error) {
	l.Helper()
	l.sync()
	l.wire.take()
	set, err := l.applier.Apply(l.Context(), l.request)
	l.request.Recorded = set.Recorded
	return set, err
}

// rest asserts that nothing is written, read live or left to wait for.
func (l *lab) rest(desired ...object.Object) {
	l.Helper()
	l.request.Desired = desired
	set, err := l.try()
	l.must(err)
	reads := len(l.wire.reads)
	if writes := l.wire.take(); len(writes) > 0 || reads > 0 || len(set.Waiting) > 0 {
		l.Fatalf("at rest: %d live reads, writes %q, waiting %v; want none", reads, writes, set.Waiting)
	}
}

// settle applies until nothing is written, as the operator would.
func (l *lab) settle(desired ...object.Object) {
	l.Helper()
	for range 10 {
		if set, writes := l.apply(desired...); len(writes) == 0 && len(set.Waiting) == 0 {
			return
		}
	}
	l.Fatal("the zone does not come to rest")
}

// sync waits until the cache has what the server has: it has seen the latest
// object of each kind. (A live list would do, but takes a tenth of a second.)
func (l *lab) sync() {
	l.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for _, kind := range Kinds(true) {
		k := key{kind: kind.Kind, name: "sync-" + l.namespace}
		if kind.Kind == kindNetworkPolicy || kind.Kind == kindCiliumPolicy {
			k.namespace = "default"
		}
		want, got := l.mark(k), blank(k)
		for got.GetResourceVersion() != want {
			if time.Now().After(deadline) {
				l.Fatalf("the cache never saw %s", k)
			}
			time.Sleep(time.Millisecond)
			l.must(client.IgnoreNotFound(shared.cache.Get(context.Background(), client.ObjectKeyFromObject(got), got)))
		}
	}
}

// mark creates or changes an object that is nobody's, and returns its version.
func (l *lab) mark(k key) string {
	l.Helper()
	u := blank(k)
	err := shared.admin.Patch(context.Background(), u, mergePatch(`{"metadata":{"annotations":{"n":"`+rnd()+`"}}}`))
	if apierrors.IsNotFound(err) {
		u.Object["spec"] = map[string]any{"podSelector": map[string]any{}}
		switch k.kind {
		case kindGroup:
			u.Object["spec"] = map[string]any{"externalCIDRs": []any{}}
		case kindCiliumPolicy, kindClusterPolicy:
			u.Object["spec"] = map[string]any{"endpointSelector": map[string]any{}, "egress": []any{map[string]any{}}}
		}
		l.Cleanup(func() { _ = shared.admin.Delete(context.Background(), u) })
		err = shared.admin.Create(context.Background(), u)
	}
	l.must(err)
	return u.GetResourceVersion()
}

func (l *lab) isMine(u *unstructured.Unstructured) bool {
	return u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] == l.owner.UID
}

// all returns the objects of a kind, as the cache has them.
func all(t *testing.T, kind string) []unstructured.Unstructured {
	t.Helper()
	list := listOf(kind)
	if err := shared.cache.List(context.Background(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// live returns an object from the server, or nil.
func (l *lab) live(k key) *unstructured.Unstructured {
	l.Helper()
	u := blank(k)
	err := shared.admin.Get(context.Background(), client.ObjectKeyFromObject(u), u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	l.must(err)
	return u
}

// state returns what the zone has on the server, without what differs from run
// to run.
func (l *lab) state() map[string]any {
	l.Helper()
	l.sync()
	out := map[string]any{}
	for _, kind := range Kinds(true) {
		for _, u := range all(l.T, kind.Kind) {
			if l.isMine(&u) {
				out[keyOf(&u).String()] = map[string]any{
					"body": bodyOf(u.Object), "labels": u.GetLabels(), "annotations": u.GetAnnotations(),
				}
			}
		}
	}
	return out
}

// patch does what somebody else may do to an object: a JSON merge patch.
func (l *lab) patch(k key, patch string) {
	l.Helper()
	l.must(shared.admin.Patch(l.Context(), blank(k), mergePatch(patch)))
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// clean removes what the zone has, and whatever else is in its namespace.
func (l *lab) clean() {
	l.sync()
	for _, kind := range Kinds(true) {
		for _, u := range all(l.T, kind.Kind) {
			if !l.isMine(&u) && u.GetNamespace() != l.namespace {
				continue
			}
			if len(u.GetFinalizers()) > 0 {
				u.SetFinalizers(nil)
				_ = shared.admin.Update(context.Background(), &u)
			}
			_ = shared.admin.Delete(context.Background(), &u)
		}
	}
}

func mergePatch(patch string) client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(patch))
}

func (l *lab) patchConfigMap(of *corev1.ConfigMap, patch string) {
	_ = shared.admin.Patch(context.Background(), of, mergePatch(patch))
}

// eventually waits for what a controller of Kubernetes does.
func (l *lab) eventually(what string, done func() bool) {
	l.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.Fatalf("it never happened that %s", what)
		}
	}
}
