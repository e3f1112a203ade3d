package gather

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// recordWait is how long an object that bears our label is given to be recorded
// as ours. Labels can be forged: what nobody recorded by then is somebody's.
const recordWait = 5 * time.Second

// Others are the policies that may touch a zone's pods, or the far ends of its
// conduits.
type Others struct {
	// Own are Medfence's, by the records of all zones.
	Own []*unstructured.Unstructured
	// Foreign are everybody else's.
	Foreign []*unstructured.Unstructured
	// Disguised are cluster-scoped objects of somebody else's that bear our
	// labels, by UID, and their versions: their events wake only the zone that
	// they name.
	Disguised map[types.UID]string
	// Again is when to look again, at objects that nobody has recorded yet; 0 is
	// never.
	Again time.Duration
}

// A Question says whose policies are to be read, and from where.
type Question struct {
	// Policies reads objects of any kind, without types.
	Policies client.Reader
	Kinds    []schema.GroupVersionKind
	// Namespaces are those of the zone and of the far ends of its conduits.
	Namespaces []string
	Zone       string
	// Mine are the objects that the present pass recorded for the zone: its status
	// may be older.
	Mine []medfencev1alpha1.PolicyReference
	// Now is the time by which an object is young.
	Now time.Time
}

// Others reads the policies that a question asks for.
func (g *Gatherer) Others(ctx context.Context, q Question) (Others, error) {
	mine := map[types.UID]bool{}
	for _, ref := range q.Mine {
		mine[types.UID(ref.UID)] = true
	}
	out := Others{Disguised: map[types.UID]string{}}
	for _, kind := range q.Kinds {
		list, err := listPolicies(ctx, q.Policies, kind, q.Namespaces)
		if err != nil {
			return Others{}, err
		}
		for _, o := range list {
			ours := mine[o.GetUID()]
			if !ours {
				if ours, err = g.recordedElsewhere(ctx, o.GetUID(), q.Zone); err != nil {
					return Others{}, err
				}
			}
			out.sort(o, ours, q.Now)
		}
	}
	return out, nil
}

// sort puts an object where it belongs.
func (out *Others) sort(o *unstructured.Unstructured, ours bool, now time.Time) {
	labelled := isOurs(o)
	age := now.Sub(o.GetCreationTimestamp().Time)
	switch {
	case ours:
		out.Own = append(out.Own, o)
	case labelled && age < recordWait:
		out.Own = append(out.Own, o)
		out.Again = max(out.Again, recordWait-age+time.Second) // times have no fractions
	default:
		out.Foreign = append(out.Foreign, o)
		if labelled && o.GetNamespace() == "" {
			out.Disguised[o.GetUID()] = o.GetResourceVersion()
		}
	}
}

// recordedElsewhere reports whether another zone has an object on record as its own.
func (g *Gatherer) recordedElsewhere(ctx context.Context, uid types.UID, zone string) (bool, error) {
	zones, err := zonesBy(ctx, g.Reader, indexRecord, string(uid))
	return slices.ContainsFunc(zones, func(z *medfencev1alpha1.DeviceZone) bool { return z.Name != zone }), err
}

// Recorded returns the UIDs of the objects that zones have recorded as theirs, for
// a reader without indexes.
func (g *Gatherer) Recorded(ctx context.Context) (map[types.UID]bool, error) {
	var zones medfencev1alpha1.DeviceZoneList
	if err := g.Reader.List(ctx, &zones, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing zones: %w", err)
	}
	out := map[types.UID]bool{}
	for i := range zones.Items {
		for _, ref := range zones.Items[i].Status.Policies {
			out[types.UID(ref.UID)] = true
		}
	}
	return out, nil
}

// listPolicies returns the objects of a kind in some namespaces, or all of a
// cluster-scoped kind. They belong to the cache.
func listPolicies(ctx context.Context, from client.Reader, kind schema.GroupVersionKind, namespaces []string) ([]*unstructured.Unstructured, error) {
	list := func(out []*unstructured.Unstructured, options ...client.ListOption) ([]*unstructured.Unstructured, error) {
		found := &unstructured.UnstructuredList{}
		found.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		err := from.List(ctx, found, append(options, client.UnsafeDisableDeepCopy)...)
		if err != nil && !meta.IsNoMatchError(err) {
			return nil, fmt.Errorf("listing %s objects: %w", kind.Kind, err)
		}
		for i := range found.Items {
			out = append(out, &found.Items[i])
		}
		return out, nil
	}
	if !namespaced[kind.Kind] {
		return list(nil)
	}
	var out []*unstructured.Unstructured
	for _, n := range namespaces {
		var err error
		if out, err = list(out, client.InNamespace(n)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// namespaced are the kinds of policies that live in a namespace.
var namespaced = map[string]bool{"NetworkPolicy": true, "CiliumNetworkPolicy": true}
