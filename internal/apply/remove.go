package apply

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/cidrgroup"
)

// remove removes one object that is no longer desired, unless a permitted flow
// still needs it. Only what the status recorded before this pass is removed.
func (r *run) remove(ctx context.Context, k key) error {
	live := r.view.objects[k]
	if live == nil {
		return r.delete(ctx, k) // the record knows it, the cache does not (yet)
	}
	if !r.recorded[string(live.GetUID())] {
		r.wait(k, "found unrecorded; to be deleted when it is in the record")
		return nil
	}
	if why, err := r.handsOver(ctx, r.stageOf(k), live, nil); why != "" || err != nil {
		r.waitIf(k, why)
		return err
	}
	switch k.kind {
	case kindGroup:
		return r.removeGroup(ctx, k, live)
	case kindCiliumPolicy:
		why, err := r.loses(ctx, cidrgroup.Named(live.Object), r.refsIn(k.namespace))
		if err != nil {
			return err
		}
		if why != "" {
			r.wait(k, why)
			return nil
		}
	}
	return r.delete(ctx, k)
}

// waitIf notes that an object stays for a reason, if there is one.
func (r *run) waitIf(k key, why string) {
	if why != "" {
		r.wait(k, why)
	}
}

// removeGroup deletes a group, or leaves in it what must stay.
func (r *run) removeGroup(ctx context.Context, k key, live *unstructured.Unstructured) error {
	switch why, err := r.inUse(ctx, standsFor(live), k.name); {
	case err != nil:
		return err
	case why != "":
		r.tidy(k, why)
		return nil
	}
	stay, why, err := r.stays(ctx, standsFor(live), live, cidrgroup.Prefixes(live.Object))
	if err != nil {
		return err
	}
	if len(stay) == 0 {
		return r.delete(ctx, k)
	}
	r.tidy(k, why)
	rest := &wanted{
		key:     key{k.kind, k.namespace, standsFor(live)},
		slot:    k.name,
		content: contentOf(live).withPrefixes(stay),
	}
	_, err = r.write(ctx, rest, live, rest.seal(rest.key, rest.slot))
	return err
}

// inUse returns why a group that the plan has, and that is no longer rendered,
// must stay: a policy of some zone still names it. So it is when policies of
// another kind take the place of Cilium's, each zone in its own time. What the plan
// does not have went with its conduits.
func (r *run) inUse(ctx context.Context, name, slot string) (string, error) {
	if r.groups[name] == nil {
		return "", nil
	}
	for _, kind := range []string{kindCiliumPolicy, kindClusterPolicy} {
		policies, err := r.view.list(ctx, kind)
		if err != nil {
			return "", err
		}
		slices.SortFunc(policies, func(a, b *unstructured.Unstructured) int { return keyOf(a).compare(keyOf(b)) })
		for _, u := range policies {
			if cidrgroup.Named(u.Object)[slot] && r.ward(u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID]) != nil {
				r.await(keyOf(u), r.zoneOf(keyOf(u)))
				return keyOf(u).String() + " still names it", nil
			}
		}
	}
	return "", nil
}

// delete deletes the recorded object of that name, and no other.
func (r *run) delete(ctx context.Context, k key) error {
	uid := types.UID(r.record[k])
	if live := r.view.objects[k]; live != nil && len(live.GetFinalizers()) > 0 {
		if err := r.letGo(ctx, live); err != nil {
			return err
		}
	}
	err := r.sendDelete(ctx, blank(k), uid)
	switch {
	case isGone(err):
		r.forget(k)
		return nil
	case apierrors.IsConflict(err):
		return r.replaced(ctx, k)
	case err != nil:
		return fmt.Errorf("deleting %s: %w", k, err)
	}
	r.forget(k)
	r.set.Deleted = append(r.set.Deleted, k.change(""))
	return nil
}

// replaced finds out what bears the name of an object that is not there any
// more. Ours is recorded, and goes on a later pass.
func (r *run) replaced(ctx context.Context, k key) error {
	live, err := r.view.refresh(ctx, k)
	if err != nil {
		return err
	}
	if live == nil || !r.ours(live) {
		r.forget(k)
		return nil
	}
	r.record[k] = string(live.GetUID())
	r.wait(k, "created anew meanwhile; to be deleted when it is in the record")
	return nil
}

func (r *run) forget(k key) {
	delete(r.record, k)
	if live := r.view.objects[k]; live != nil && r.ours(live) {
		r.view.objects[k] = nil
	}
}
