package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Observed waits until a device's status is about its spec.
func (s *Stage) Observed(ctx context.Context, device *medfencev1alpha1.MedicalDevice) error {
	want := device.Generation
	return Until(ctx, "the device's status is about its spec", func() error {
		if err := s.Admin.Get(ctx, client.ObjectKeyFromObject(device), device); err != nil {
			return err
		}
		if device.Status.ObservedGeneration < want {
			return fmt.Errorf("it is about generation %d, want %d", device.Status.ObservedGeneration, want)
		}
		return nil
	})
}

// Until tries until there is no error.
func Until(ctx context.Context, what string, try func() error) error {
	deadline := time.Now().Add(Patience)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("waiting until %s: %w", what, err))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
