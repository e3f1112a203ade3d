package controllers

import (
	"fmt"
	"reflect"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// setUpDevices starts the device controller with the manager. Its requests come
// from devices, whose status may have been changed by others, and from the
// board.
func setUpDevices(mgr ctrl.Manager, r *MedicalDeviceReconciler, workers int) error {
	options := controllerOptions(r, workers)
	options.LogConstructor = func(*reconcile.Request) logr.Logger { // without the device's name
		return mgr.GetLogger().WithValues("controller", "medicaldevice")
	}
	c, err := controller.New("medicaldevice", mgr, options)
	if err != nil {
		return fmt.Errorf("making the device controller: %w", err)
	}
	var object client.Object = &medfencev1alpha1.MedicalDevice{}
	err = c.Watch(source.Kind(mgr.GetCache(), object, &handler.EnqueueRequestForObject{}, statusMayDiffer(func(was, is *medfencev1alpha1.MedicalDevice) bool {
		return !reflect.DeepEqual(was.Status, is.Status)
	})))
	if err != nil {
		return fmt.Errorf("watching devices: %w", err)
	}
	return c.Watch(wakening(func(wake func(types.NamespacedName)) {
		r.board.onWake(func(b *board) { b.wakeDevice = wake })
	}))
}

// statusMayDiffer lets updates through after which a status may have to be
// written.
func statusMayDiffer[T client.Object](statusDiffers func(was, is T) bool) predicate.Predicate {
	touched := differs(statusDiffers)
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			e.ObjectOld.GetUID() != e.ObjectNew.GetUID() || touched(e.ObjectOld, e.ObjectNew)
	}}
}
