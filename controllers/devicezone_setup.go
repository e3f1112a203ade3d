package controllers

import (
	"context"
	"fmt"
	"time"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/verdict"
)

// The bounds of the wait after an error. The longest is short: what could not be
// written may be what keeps a device closed, or connected.
const (
	shortestBackoff = 10 * time.Millisecond
	longestBackoff  = 10 * time.Second
)

// tellDelay is how long a zone waits when it hears that another is not what it took
// it for. What somebody changed wakes the zones concerned by itself, and an urgent one
// that has to wait for it wakes it at once.
const tellDelay = 50 * time.Millisecond

// A watched is a kind with what its events mean.
type watched struct {
	object client.Object
	watch  watch
	only   predicate.Predicate
}

// zoneSources returns every kind that a zone is compiled from or rendered to,
// and which zones its events concern.
func zoneSources(zones zoneMap, g *gather.Gatherer, policies []schema.GroupVersionKind, applier *apply.Applier, memory *verdict.Memory) []watched {
	deleted := func(o client.Object) bool {
		memory.Forget(o.GetUID())
		return applier.DeletedIt(o)
	}
	list := append(declaredKinds(zones), clusterKinds(zones, g.Settings, g.Census)...)
	for _, gvk := range policies {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(gvk)
		list = append(list, watched{object: object, watch: watch{
			zones: zones.ofPolicy, changed: versionChanged,
			echo: &echo{wrote: applier.WroteIt, deleted: deleted, waiting: zones.waits.on},
		}})
	}
	return list
}

// setUpZones starts the zone controller with the manager.
func setUpZones(mgr ctrl.Manager, r *DeviceZoneReconciler, order *lanes, kinds []watched) error {
	options := controllerOptions(order.reconciler(r), order.workers+1)
	options.NewQueue = order.queue
	c, err := controller.New("devicezone", mgr, options)
	if err != nil {
		return fmt.Errorf("making the zone controller: %w", err)
	}
	for _, w := range kinds {
		if w.watch.edited != nil {
			w.watch.mark = order.mark
		}
		if err := c.Watch(sourceOf(mgr, w)); err != nil {
			return fmt.Errorf("watching %T: %w", w.object, err)
		}
	}
	return c.Watch(source.Func(func(_ context.Context, q queue) error {
		request := func(name string) reconcile.Request {
			return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
		}
		r.board.onWake(func(b *board) {
			b.wakeZone = func(name string) { q.Add(request(name)) }
			b.tellZone = func(name string) { q.AddAfter(request(name), tellDelay) }
		})
		return nil
	}))
}

func sourceOf(mgr ctrl.Manager, w watched) source.Source {
	if w.only == nil {
		return source.Kind(mgr.GetCache(), w.object, w.watch.handler())
	}
	return source.Kind(mgr.GetCache(), w.object, w.watch.handler(), w.only)
}

// declaredKinds are the kinds that people declare.
func declaredKinds(zones zoneMap) []watched {
	declared := func(zones func(context.Context, client.Object) []string, settled func(was, is client.Object) bool) watch {
		return watch{zones: zones, changed: declaredChanged, settled: settled, edited: unobserved}
	}
	devices := declared(find(zones.ofDevice), differs(deviceSettled))
	devices.within = differs(deviceWithin)
	conduits := declared(find(zones.ofConduit), differs(conduitSettled))
	conduits.idle = find(zones.idleWithout)
	return []watched{
		{object: &medfencev1alpha1.DeviceZone{}, watch: declared(find(zones.ofZone), differs(zoneSettled))},
		{object: &medfencev1alpha1.MedicalDevice{}, watch: devices},
		{object: &medfencev1alpha1.Conduit{}, watch: conduits},
		{object: newCRD(), watch: watch{zones: zones.all, changed: crdChanged}, only: predicate.NewPredicateFuncs(isOurCRD)},
	}
}

// clusterKinds are the kinds that tell what the cluster is like.
func clusterKinds(zones zoneMap, settings gather.Settings, census *gather.Census) []watched {
	list := []watched{
		{object: gather.NewNamespace(), watch: watch{zones: zones.ofNamespace, changed: namespaceChanged}},
		{object: &corev1.Pod{}, watch: watch{zones: zones.ofWorkload, changed: differs(podChanged)}},
		{object: &corev1.Service{}, watch: watch{zones: zones.ofService, changed: differs(serviceChanged)}},
		{object: &corev1.Node{}, watch: watch{zones: zones.all, changed: differs(nodeChanged)}},
	}
	if !settings.CiliumConfigForbidden {
		list = append(list, watched{object: &corev1.ConfigMap{}, watch: watch{zones: zones.all, changed: differs(configChanged)}})
	}
	if settings.Identities { // read with whatever else wakes a zone: they come and go with pods
		quiet := watch{changed: versionChanged, zones: func(context.Context, client.Object) []string {
			census.Forget()
			return nil
		}}
		list = append(list, watched{object: gather.NewIdentity(), watch: quiet})
	}
	if settings.NodeConfigs {
		list = append(list, watched{object: &ciliumv2.CiliumNodeConfig{}, watch: watch{zones: zones.all, changed: differs(nodeConfigChanged)}})
	}
	if settings.ServiceCIDRs {
		list = append(list, watched{object: &networkingv1.ServiceCIDR{}, watch: watch{zones: zones.all, changed: generationChanged}})
	}
	return list
}

// controllerOptions are those of all three controllers.
func controllerOptions(r reconcile.Reconciler, workers int) controller.Options {
	return controller.Options{
		Reconciler:              r,
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](shortestBackoff, longestBackoff),
		SkipNameValidation:      new(true), // a manager may be built anew in the same process
	}
}

// wakening is a source whose requests come from within: bind is given the
// function that adds one.
func wakening(bind func(wake func(types.NamespacedName))) source.Source {
	return source.Func(func(_ context.Context, q queue) error {
		bind(func(key types.NamespacedName) { q.Add(reconcile.Request{NamespacedName: key}) })
		return nil
	})
}
