package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// strand says in all statuses that they are no longer known to be so, while the
// operator may not write what it is told to. What was written with Cilium's CRDs
// went with them: a zone that still said Enforced would hide it.
func (o *Operator) strand(ctx context.Context, why string) error {
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	c, err := client.New(o.options.Config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	var zones medfencev1alpha1.DeviceZoneList
	var devices medfencev1alpha1.MedicalDeviceList
	var conduits medfencev1alpha1.ConduitList
	if err := errors.Join(c.List(ctx, &zones), c.List(ctx, &devices), c.List(ctx, &conduits)); err != nil {
		return fmt.Errorf("listing what is declared: %w", err)
	}
	now := metav1.NewTime(o.options.Now().Truncate(time.Second))
	say := func(object client.Object, conditions *[]metav1.Condition) error {
		was, _ := object.DeepCopyObject().(client.Object)
		*conditions = stranded(*conditions, object.GetGeneration(), now, why)
		_, err := newScribe(c, func(context.Context) {}).patchStatus(ctx, was, object)
		if apierrors.IsConflict(err) {
			return nil // another replica says the same
		}
		return err
	}
	var errs []error
	for i := range zones.Items {
		errs = append(errs, say(&zones.Items[i], &zones.Items[i].Status.Conditions))
	}
	for i := range devices.Items {
		errs = append(errs, say(&devices.Items[i], &devices.Items[i].Status.Conditions))
	}
	for i := range conduits.Items {
		errs = append(errs, say(&conduits.Items[i], &conduits.Items[i].Status.Conditions))
	}
	return errors.Join(errs...)
}

// stranded returns the conditions of an object of which nobody knows any more
// what is in force.
func stranded(have []metav1.Condition, generation int64, now metav1.Time, why string) []metav1.Condition {
	message := why + "; install them again, or let the operator write for another target"
	out := inputUnknown(have, generation, now, message)
	for _, kind := range []string{medfencev1alpha1.ConditionEnforced, medfencev1alpha1.ConditionIsolated} {
		if meta.FindStatusCondition(out, kind) == nil {
			continue
		}
		meta.SetStatusCondition(&out, metav1.Condition{
			Type: kind, Status: metav1.ConditionUnknown, Reason: medfencev1alpha1.ReasonInputUnknown,
			Message: shorten(message, maxMessage), ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
	return out
}
