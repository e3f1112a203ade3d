package controllers

import (
	"context"
	"fmt"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/gather"
)

// newScheme returns the kinds that the operator reads and writes by type.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("adding the kinds of Kubernetes: %w", err)
	}
	if err := medfencev1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("adding the kinds of Medfence: %w", err)
	}
	if err := ciliumv2.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("adding the kinds of Cilium: %w", err)
	}
	return scheme, nil
}

// fillCache makes the manager's cache hold every kind that is watched, with its
// indexes, so that a replica that does not lead is ready to.
func fillCache(ctx context.Context, mgr ctrl.Manager, kinds []watched, withCilium bool) error {
	if err := gather.AddIndexes(ctx, mgr.GetFieldIndexer(), withCilium); err != nil {
		return err
	}
	if err := apply.AddIndexes(ctx, mgr.GetFieldIndexer(), withCilium); err != nil {
		return err
	}
	for _, w := range kinds {
		if _, err := mgr.GetCache().GetInformer(ctx, w.object, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("caching %T: %w", w.object, err)
		}
	}
	return nil
}
