//go:build linux && e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/lab"
)

// ours lists what the operator has written.
func ours(t *testing.T, h *house.House) []*unstructured.Unstructured {
	t.Helper()
	list, err := h.List(t.Context(), append(slices.Clone(policyKinds), lab.GroupKind)...)
	must(t, err)
	return slices.DeleteFunc(list, func(o *unstructured.Unstructured) bool {
		return o.GetLabels()[medfencev1alpha1.LabelManagedBy] != medfencev1alpha1.ManagedBy
	})
}

// byHand is the way in which somebody writes, without the operator, what the
// operator wrote for a conduit.
func (w *way) byHand(t *testing.T, h *house.House) *way {
	t.Helper()
	out := &way{name: w.name, from: w.from, to: w.to}
	shut, open := w.shut, w.open
	out.in = func() error { return replay(t.Context(), h, shut, open, "group", "allow", "guard") }
	out.out = func() error { return replay(t.Context(), h, open, shut, "group", "guard", "allow") }
	return out
}

// objects counts what differs between without and with the conduit.
func (w *way) objects() int {
	changed, gone := apart(w.shut, w.open)
	return len(changed) + len(gone)
}

// replay brings the cluster from one state to another: what is new or changes,
// by component, and then what goes.
func replay(ctx context.Context, h *house.House, from, to []*unstructured.Unstructured, order ...string) error {
	changed, gone := apart(from, to)
	rank := func(o *unstructured.Unstructured) int {
		return slices.Index(order, o.GetLabels()[medfencev1alpha1.LabelComponent])
	}
	slices.SortStableFunc(changed, func(a, b *unstructured.Unstructured) int { return cmp.Compare(rank(a), rank(b)) })
	for _, o := range changed {
		next := o.DeepCopy()
		next.SetResourceVersion("")
		next.SetUID("")
		next.SetManagedFields(nil)
		if err := replace(ctx, h, next); err != nil {
			return err
		}
	}
	var errs []error
	for _, o := range gone {
		errs = append(errs, client.IgnoreNotFound(h.Client.Delete(ctx, o)))
	}
	return errors.Join(errs...)
}

// replace writes an object whole.
func replace(ctx context.Context, h *house.House, next *unstructured.Unstructured) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(next.GroupVersionKind())
	err := h.Client.Get(ctx, client.ObjectKeyFromObject(next), live)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil {
		return h.Client.Create(ctx, next)
	}
	next.SetResourceVersion(live.GetResourceVersion())
	return h.Client.Update(ctx, next)
}

// apart returns what is new or different in a state, and what is gone from it.
func apart(from, to []*unstructured.Unstructured) (changed, gone []*unstructured.Unstructured) {
	key := func(o *unstructured.Unstructured) string {
		return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
	}
	before, after := map[string]*unstructured.Unstructured{}, map[string]bool{}
	for _, o := range from {
		before[key(o)] = o
	}
	for _, o := range to {
		after[key(o)] = true
		was := before[key(o)]
		if was == nil || !reflect.DeepEqual(was.Object["spec"], o.Object["spec"]) || !reflect.DeepEqual(was.Object["specs"], o.Object["specs"]) {
			changed = append(changed, o)
		}
	}
	for _, o := range from {
		if !after[key(o)] {
			gone = append(gone, o)
		}
	}
	return changed, gone
}
