package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/plan"
)

// A MedicalDeviceReconciler writes the statuses of devices, from what the
// passes of their zones found out.
type MedicalDeviceReconciler struct {
	client  client.Client
	board   *board
	scribe  *scribe
	events  *eventSink
	metrics *Metrics
	now     func() time.Time
}

// +kubebuilder:rbac:groups=medfence.io,resources=medicaldevices/status,verbs=patch

// Reconcile writes the status of one device, if it differs. A device of which
// nothing is known yet is woken when something is.
func (r *MedicalDeviceReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.metrics.reconciling(plan.KindDevice)()
	device := &medfencev1alpha1.MedicalDevice{}
	if err := r.client.Get(ctx, req.NamespacedName, device); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(ctx, req)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, anonymous(ctx, "getting a device", err)
	}
	if r.scribe.behind(device) {
		return ctrl.Result{RequeueAfter: staleWait}, nil
	}
	view, known := r.view(device)
	if !known {
		return ctrl.Result{}, nil
	}
	was := device.DeepCopy()
	device.Status = view.status()
	wrote, err := r.scribe.patchStatus(ctx, was, device)
	if err != nil {
		res, err := settle(ctrl.Result{}, err)
		return res, anonymous(ctx, "writing the status of a device", err)
	}
	r.metrics.set(plan.KindDevice, req.NamespacedName, device.Status.Conditions, device.Status.Problems)
	if wrote {
		r.events.record(deviceTransitions(was, device)...)
	}
	return ctrl.Result{}, nil
}

// forget drops all about a device that is gone. If another of its name came
// meanwhile, what was known of that one may be lost as well: its zones are to
// look again.
func (r *MedicalDeviceReconciler) forget(ctx context.Context, req ctrl.Request) {
	r.board.forgetDevice(req.NamespacedName)
	r.scribe.forget(req.NamespacedName)
	r.metrics.forget(plan.KindDevice, req.NamespacedName)
	next := &medfencev1alpha1.MedicalDevice{}
	if err := r.client.Get(ctx, req.NamespacedName, next); err == nil {
		r.board.wakeZones(gather.DeviceZones(next))
	}
}

// view collects what the device's status follows from.
func (r *MedicalDeviceReconciler) view(device *medfencev1alpha1.MedicalDevice) (deviceView, bool) {
	v := deviceView{was: device, now: metav1.NewTime(r.now().Truncate(time.Second))}
	var known bool
	v.facts, v.zone, known = r.board.device(client.ObjectKeyFromObject(device), device.UID, device.Generation)
	if !known {
		v.unknown = r.board.unknown(gather.DeviceZones(device), asker{plan.KindDevice, client.ObjectKeyFromObject(device)})
	}
	return v, known || v.unknown != ""
}
