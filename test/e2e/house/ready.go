//go:build linux

package house

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// until is how long the operator may take on a machine that is busy.
const until = 3 * time.Minute

// Ready waits until the operator has said of every zone, conduit and device, as it
// is now, that it is ready or that the target cannot enforce it, and of every zone
// to be enforced that it is enforced. What it says of a zone or a conduit may be of
// a moment before: a device that was declared since is known by its own status.
func (h *House) Ready(ctx context.Context) error {
	return h.Await(ctx, "the operator has enforced everything", func() error {
		zones := &medfencev1alpha1.DeviceZoneList{}
		if err := h.Custom.List(ctx, zones); err != nil {
			return fmt.Errorf("listing zones: %w", err)
		}
		for _, z := range zones.Items {
			want := []string{medfencev1alpha1.ConditionReady}
			if z.Spec.Enforcement == medfencev1alpha1.Enforce {
				want = append(want, medfencev1alpha1.ConditionEnforced)
			}
			if err := holds(z.Name, z.Generation, z.Status.Conditions, want...); err != nil {
				return err
			}
		}
		conduits := &medfencev1alpha1.ConduitList{}
		if err := h.Custom.List(ctx, conduits); err != nil {
			return fmt.Errorf("listing conduits: %w", err)
		}
		for _, c := range conduits.Items {
			if err := holds(c.Name, c.Generation, c.Status.Conditions, medfencev1alpha1.ConditionReady); err != nil {
				return err
			}
		}
		devices := &medfencev1alpha1.MedicalDeviceList{}
		if err := h.Custom.List(ctx, devices); err != nil {
			return fmt.Errorf("listing devices: %w", err)
		}
		for _, d := range devices.Items {
			if err := holds(d.Name, d.Generation, d.Status.Conditions, medfencev1alpha1.ConditionReady); err != nil {
				return err
			}
		}
		return nil
	})
}

func holds(name string, generation int64, conditions []metav1.Condition, want ...string) error {
	for _, kind := range want {
		c := meta.FindStatusCondition(conditions, kind)
		if c == nil || c.ObservedGeneration != generation {
			return fmt.Errorf("%s: nothing is said of %s yet", name, kind)
		}
		if c.Reason == medfencev1alpha1.ReasonUnenforceable {
			continue // as far as it will ever be: a name, where there are NetworkPolicies alone
		}
		if c.Status != metav1.ConditionTrue {
			return fmt.Errorf("%s: %s is %s: %s: %s", name, kind, c.Status, c.Reason, c.Message)
		}
	}
	return nil
}

// Await asks every tenth of a second until there is no error.
func (h *House) Await(ctx context.Context, what string, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, until)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w; last: %w", what, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
