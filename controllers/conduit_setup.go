package controllers

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// setUpConduits starts the conduit controller with the manager. Its requests
// come from conduits, whose status may have been changed by others, and from
// the board.
func setUpConduits(mgr ctrl.Manager, r *ConduitReconciler, workers int) error {
	c, err := controller.New("conduit", mgr, controllerOptions(r, workers))
	if err != nil {
		return fmt.Errorf("making the conduit controller: %w", err)
	}
	var object client.Object = &medfencev1alpha1.Conduit{}
	err = c.Watch(source.Kind(mgr.GetCache(), object, &handler.EnqueueRequestForObject{}, statusMayDiffer(func(was, is *medfencev1alpha1.Conduit) bool {
		return !reflect.DeepEqual(was.Status, is.Status)
	})))
	if err != nil {
		return fmt.Errorf("watching conduits: %w", err)
	}
	return c.Watch(wakening(func(wake func(types.NamespacedName)) {
		r.board.onWake(func(b *board) {
			b.wakeConduit = func(name string) { wake(types.NamespacedName{Name: name}) }
		})
	}))
}
