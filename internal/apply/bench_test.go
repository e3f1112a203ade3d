package apply

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/render/object"
)

// A zone of 5,000 objects at rest: the cost of looking at it once.
func BenchmarkNothingToDo(b *testing.B) {
	ctx := context.Background()
	l := &lab{owner: Owner{Zone: "bench", UID: "uid-of-bench"}, namespace: "bench"}
	if err := shared.admin.Create(ctx, &corev1.Namespace{ObjectMeta: named(l.namespace)}); client.IgnoreAlreadyExists(err) != nil {
		b.Fatal(err)
	}
	request := Request{Owner: l.owner, Cilium: true}
	for i := range 2500 {
		request.Desired = append(request.Desired,
			l.netpol(fmt.Sprintf("medfence-w%d", i), 104, 443),
			l.allow(fmt.Sprintf("medfence-w%d", i), "medfence-bench-a", "medfence-bench-b"))
	}
	applier := &Applier{Cache: shared.cache, Live: shared.admin, Writer: shared.admin}
	apply := func(want int) {
		set, err := applier.Apply(ctx, request)
		if err != nil || set.Written() > want {
			b.Fatalf("%d objects written, error %v", set.Written(), err)
		}
		request.Recorded = set.Recorded
	}
	apply(5000)
	for deadline := time.Now().Add(time.Minute); cached(ctx, b, l) < 5000; {
		if time.Now().After(deadline) {
			b.Fatal("the cache never had all objects")
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		apply(0)
	}
	b.StopTimer()
	request.Desired = []object.Object{}
	apply(5000)
}

// cached counts the objects of the lab in the cache.
func cached(ctx context.Context, b *testing.B, l *lab) int {
	n := 0
	for _, kind := range Kinds(true) {
		list := listOf(kind.Kind)
		if err := shared.cache.List(ctx, list, client.InNamespace(l.namespace)); err != nil {
			b.Fatal(err)
		}
		n += len(list.Items)
	}
	return n
}
