package apply

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A view is the cluster as one run knows it: the cache, corrected by what the
// run wrote and what it had to read live. Its objects belong to the cache and
// are never modified.
type view struct {
	cache, live client.Reader
	// objects are those seen so far; nil is known to be absent.
	objects map[key]*unstructured.Unstructured
	// intact are those of which it is known whether they match their own hash.
	intact map[*unstructured.Unstructured]bool
	// before are the notes of the last pass, and notes those of this one.
	before, notes *notes
}

func newView(cache, live client.Reader, before *notes) *view {
	return &view{
		cache: cache, live: live, before: before, notes: newNotes(),
		objects: map[key]*unstructured.Unstructured{}, intact: map[*unstructured.Unstructured]bool{},
	}
}

// asWritten reports whether the content of an object matches its own hash.
func (v *view) asWritten(u *unstructured.Unstructured) bool {
	known, ok := v.intact[u]
	if !ok {
		known = v.before.asWritten(u, v.notes)
		v.intact[u] = known
	}
	return known
}

// tampered reports whether an object is not what we wrote.
func (v *view) tampered(u *unstructured.Unstructured) bool {
	return !v.asWritten(u) || len(u.GetOwnerReferences()) > 0 || len(u.GetFinalizers()) > 0
}

// ourLabel is on all that Medfence writes.
var ourLabel = client.MatchingLabels{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy}

// get returns an object, or nil where there is none.
func (v *view) get(ctx context.Context, k key) (*unstructured.Unstructured, error) {
	if u, seen := v.objects[k]; seen {
		return u, nil
	}
	return v.read(ctx, v.cache, k)
}

// newest returns an object as get does; one that another zone writes meanwhile
// is looked for in the cache again.
func (v *view) newest(ctx context.Context, k key, others bool) (*unstructured.Unstructured, error) {
	if !others {
		return v.get(ctx, k)
	}
	return v.read(ctx, v.cache, k)
}

// refresh reads an object from the API server, since the cache proved stale.
func (v *view) refresh(ctx context.Context, k key) (*unstructured.Unstructured, error) {
	return v.read(ctx, v.live, k)
}

func (v *view) read(ctx context.Context, from client.Reader, k key) (*unstructured.Unstructured, error) {
	u := blank(k)
	err := from.Get(ctx, client.ObjectKeyFromObject(u), u, client.UnsafeDisableDeepCopy)
	switch {
	case isGone(err):
		u = nil
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", k, err)
	}
	v.objects[k] = u
	return u, nil
}

// see takes in the objects of a kind that the cache finds.
func (v *view) see(ctx context.Context, kind string, which client.ListOption) error {
	list := listOf(kind)
	err := v.cache.List(ctx, list, which, client.UnsafeDisableDeepCopy)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing %s objects: %w", kind, err)
	}
	for i := range list.Items {
		k := keyOf(&list.Items[i])
		if _, seen := v.objects[k]; !seen {
			v.objects[k] = &list.Items[i]
		}
	}
	return nil
}

// list returns the objects of a kind that bear our label, of all zones, as the
// cache knows them and as the run changed them.
func (v *view) list(ctx context.Context, kind string) ([]*unstructured.Unstructured, error) {
	if err := v.see(ctx, kind, ourLabel); err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for k, u := range v.objects {
		if k.kind == kind && u != nil && u.GetLabels()[medfencev1alpha1.LabelManagedBy] == medfencev1alpha1.ManagedBy {
			out = append(out, u)
		}
	}
	return out, nil
}

// listOf returns an empty list of an owned kind, to read into.
func listOf(kind string) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(owned[kind].WithKind(kind + "List"))
	return list
}

// isGone reports whether there is no such object, or no such kind at all.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}
