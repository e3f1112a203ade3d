package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// lastSuffix ends the search for a name that nobody else has: medfence-x-9.
	lastSuffix = 9
	// rounds bounds how often one object is tried anew when others write it, or
	// its name, at the same moment.
	rounds = lastSuffix + 4
)

// A form says as what an object is written, given the live one (or nil). With
// a reason to wait, nothing is written.
type form func(ctx context.Context, w *wanted, live *unstructured.Unstructured) (c content, wait string, err error)

// settle brings one object to its form: it finds its name, compares, writes
// where there is a difference, and looks again where the cache proved stale.
func (r *run) settle(ctx context.Context, w *wanted, form form) error {
	var names []string
	for range rounds {
		live, err := r.view.get(ctx, w.at())
		if err != nil {
			return err
		}
		if live != nil && !r.isFor(live, w) {
			if names == nil {
				names = r.otherNames(w)
			}
			if len(names) == 0 {
				return fmt.Errorf("finding a name for %s: others have all of them, up to %s", w.key, w.slot)
			}
			w.slot, names = names[0], names[1:]
			continue
		}
		c, wait, err := form(ctx, w, live)
		if err != nil {
			return err
		}
		if wait != "" {
			r.wait(w.at(), wait)
			return nil
		}
		again, err := r.write(ctx, w, live, c.seal(w.key, w.slot))
		if err != nil || !again {
			return r.reportForeign(ctx, w, err)
		}
	}
	return fmt.Errorf("writing %s: somebody else keeps changing it", w.at())
}

// otherNames returns where else an object may be written if its slot is taken:
// under its own name, or under one that no rendered object has.
func (r *run) otherNames(w *wanted) []string {
	var out []string
	if w.slot != w.name {
		out = append(out, w.name)
	}
	for n := 2; n <= lastSuffix; n++ {
		name := w.name + "-" + strconv.Itoa(n)
		if _, rendered := r.byKey[key{w.kind, w.namespace, name}]; !rendered && name != w.slot {
			out = append(out, name)
		}
	}
	return out
}

// isFor reports whether a live object is ours and stands for w.
func (r *run) isFor(live *unstructured.Unstructured, w *wanted) bool {
	return r.ours(live) && r.standsFor(live) == w.name
}

// reportForeign notes the object of somebody else whose name we had to avoid.
func (r *run) reportForeign(ctx context.Context, w *wanted, err error) error {
	if err != nil || w.slot == w.name {
		return err
	}
	u, err := r.view.get(ctx, w.key)
	if err != nil {
		return err
	}
	if u != nil && !r.ours(u) {
		r.set.Foreign = append(r.set.Foreign, w.change("ours is "+w.slot))
	}
	return nil
}

// write writes the content where it differs. It asks to be called again when
// the live object was not what the cache had said.
func (r *run) write(ctx context.Context, w *wanted, live *unstructured.Unstructured, c content) (again bool, err error) {
	if live == nil {
		return r.create(ctx, w, c)
	}
	if live.GetDeletionTimestamp() != nil {
		return true, r.letGo(ctx, live)
	}
	r.record[w.at()] = string(live.GetUID())
	words := compare(c, live)
	if len(words) == 0 {
		return false, nil
	}
	next := c.onto(live)
	if err := r.sendUpdate(ctx, next); err != nil {
		return r.stale(ctx, w.at(), fmt.Errorf("updating %s: %w", w.at(), err))
	}
	r.view.objects[w.at()] = next
	r.reportAltered(w.at(), c, next)
	if next.GetResourceVersion() != live.GetResourceVersion() {
		r.reportUpdate(w.at(), live, c, words)
	}
	return false, nil
}

// reportUpdate tells our own change from the repair of somebody else's.
func (r *run) reportUpdate(k key, live *unstructured.Unstructured, c content, words []string) {
	switch intent := live.GetAnnotations()[AnnotationIntent]; {
	case !r.view.tampered(live):
		r.set.Updated = append(r.set.Updated, k.change(""))
	case intent == "" || intent == c.annotations[AnnotationIntent]:
		r.set.Repaired = append(r.set.Repaired, k.change(note(words)))
	default:
		r.set.Repaired = append(r.set.Repaired, k.change("changed by somebody else, while what it shall hold changed too"))
	}
}

// reportAltered notes a write that came back different.
func (r *run) reportAltered(k key, c content, got *unstructured.Unstructured) {
	if words := compare(c, got); len(words) > 0 {
		r.set.Altered = append(r.set.Altered, k.change(note(words)))
	}
}

func (r *run) create(ctx context.Context, w *wanted, c content) (again bool, err error) {
	k := w.at()
	if r.full(k) {
		return false, nil
	}
	if slices.Contains(r.req.Leaving, k.namespace) {
		r.skip(k, noteLeaving)
		return false, nil
	}
	next := c.onto(blank(k))
	r.creating++
	err = r.sendCreate(ctx, next)
	r.creating--
	switch {
	case apierrors.IsAlreadyExists(err):
		return r.stale(ctx, k, err)
	case noNamespace(err):
		r.skip(k, "its namespace is missing")
		return false, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		r.skip(k, noteLeaving)
		return false, nil
	case err != nil:
		return false, fmt.Errorf("creating %s: %w", k, err)
	}
	if _, was := r.record[k]; was {
		r.set.Repaired = append(r.set.Repaired, k.change(noteDeleted))
	} else {
		r.set.Created = append(r.set.Created, k.change(""))
	}
	r.record[k] = string(next.GetUID())
	r.view.objects[k] = next
	r.reportAltered(k, c, next)
	return false, nil
}

// noteLeaving is why nothing is created in a namespace.
const noteLeaving = "its namespace is being deleted"

// skip notes an object that cannot be created.
func (r *run) skip(k key, why string) {
	delete(r.record, k)
	r.set.Skipped = append(r.set.Skipped, k.change(why))
}

// stale reads an object live after a write that says that the cache was wrong
// about it; any other error is returned.
func (r *run) stale(ctx context.Context, k key, err error) (again bool, _ error) {
	if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return false, err
	}
	_, err = r.view.refresh(ctx, k)
	return true, err
}

// letGo takes the finalizers and owners from an object of ours that somebody
// is deleting or that we are about to delete; without them it can go.
func (r *run) letGo(ctx context.Context, live *unstructured.Unstructured) error {
	k := keyOf(live)
	if len(live.GetFinalizers()) == 0 {
		_, err := r.view.refresh(ctx, k)
		return err
	}
	next := live.DeepCopy()
	next.SetFinalizers(nil)
	next.SetOwnerReferences(nil)
	err := r.sendUpdate(ctx, next)
	if err == nil && next.GetDeletionTimestamp() == nil {
		r.view.objects[k] = next
		return nil
	}
	if err == nil {
		r.view.objects[k] = nil
		return nil
	}
	_, err = r.stale(ctx, k, fmt.Errorf("removing the finalizers of %s: %w", k, err))
	return err
}

// noNamespace reports whether a create failed for want of its namespace.
func noNamespace(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "namespaces"
}
