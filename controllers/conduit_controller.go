package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/plan"
)

// A ConduitReconciler writes the statuses of conduits, from what the passes of
// their zones found out.
type ConduitReconciler struct {
	client  client.Client
	board   *board
	scribe  *scribe
	events  *eventSink
	metrics *Metrics
	now     func() time.Time
}

// +kubebuilder:rbac:groups=medfence.io,resources=conduits/status,verbs=patch

// Reconcile writes the status of one conduit, if it differs. A conduit of which
// not all zones know yet is woken when they do.
func (r *ConduitReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.metrics.reconciling(plan.KindConduit)()
	conduit := &medfencev1alpha1.Conduit{}
	if err := r.client.Get(ctx, req.NamespacedName, conduit); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(ctx, req)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("getting the conduit: %w", err)
	}
	if r.scribe.behind(conduit) {
		return ctrl.Result{RequeueAfter: staleWait}, nil
	}
	view, known := r.view(conduit)
	if !known {
		return ctrl.Result{}, nil
	}
	was := conduit.DeepCopy()
	conduit.Status = view.status()
	wrote, err := r.scribe.patchStatus(ctx, was, conduit)
	if err != nil {
		return settle(ctrl.Result{}, err)
	}
	r.metrics.set(plan.KindConduit, req.NamespacedName, conduit.Status.Conditions, conduit.Status.Problems)
	r.metrics.setExpiry(req.Name, view.due())
	if wrote {
		r.events.record(conduitTransitions(was, conduit)...)
	}
	return ctrl.Result{}, nil
}

// forget drops all about a conduit that is gone. If another of its name came
// meanwhile, what was known of that one may be lost as well: its zones are to
// look again.
func (r *ConduitReconciler) forget(ctx context.Context, req ctrl.Request) {
	r.board.forgetConduit(req.Name)
	r.scribe.forget(req.NamespacedName)
	r.metrics.forget(plan.KindConduit, req.NamespacedName)
	r.metrics.setExpiry(req.Name, time.Time{})
	next := &medfencev1alpha1.Conduit{}
	if err := r.client.Get(ctx, req.NamespacedName, next); err == nil {
		r.board.wakeZones(gather.ConduitZones(next))
	}
}

// view collects what the conduit's status follows from.
func (r *ConduitReconciler) view(conduit *medfencev1alpha1.Conduit) (conduitView, bool) {
	v := conduitView{was: conduit, now: metav1.NewTime(r.now().Truncate(time.Second))}
	var known bool
	v.facts, v.zones, known = r.board.conduit(conduit.Name, conduit.UID, conduit.Generation)
	if !known {
		v.unknown = r.board.unknown(gather.ConduitZones(conduit), asker{plan.KindConduit, client.ObjectKeyFromObject(conduit)})
	}
	return v, known || v.unknown != ""
}
