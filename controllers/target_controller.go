package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// lookAgain and lookFor: discovery follows a CRD with a delay that nobody
	// announces, so it is asked again for a while, less and less often.
	lookAgain = time.Second
	lookFor   = 15 * time.Second
	// lookAnyway is how often it is asked without an event.
	lookAnyway = 10 * time.Minute
)

// A targetReconciler notices when what the cluster serves is no longer what the
// operator was started for: Cilium's CRDs appear or go, or our own do.
type targetReconciler struct {
	scout   *scout
	running found
	changed func(found)
	touched atomic.Int64 // when a CRD was last touched, in Unix nanoseconds
}

// Reconcile compares what is served with what was.
func (r *targetReconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	now, err := r.scout.look(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	if now != r.running {
		r.changed(now)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: nextLook(time.Since(time.Unix(0, r.touched.Load())))}, nil
}

// nextLook returns when to look again so long after a CRD was touched.
func nextLook(since time.Duration) time.Duration {
	if since < lookFor {
		return max(lookAgain, since)
	}
	return lookAnyway
}

// setUpTarget starts the watch over CRDs, on every replica.
func setUpTarget(mgr ctrl.Manager, r *targetReconciler) error {
	options := controllerOptions(r, 1)
	options.NeedLeaderElection = new(false)
	c, err := controller.New("target", mgr, options)
	if err != nil {
		return fmt.Errorf("making the target controller: %w", err)
	}
	toOne := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		r.touched.Store(time.Now().UnixNano())
		return []reconcile.Request{{}}
	})
	matters := predicate.NewPredicateFuncs(func(o client.Object) bool {
		return isOurCRD(o) || slices.Contains(ciliumCRDs, o.GetName())
	})
	var object client.Object = newCRD()
	if err := c.Watch(source.Kind(mgr.GetCache(), object, toOne, matters)); err != nil {
		return fmt.Errorf("watching CRDs: %w", err)
	}
	return nil
}
