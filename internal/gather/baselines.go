package gather

import (
	"context"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// componentBaseline is the value of LabelComponent on a baseline.
const componentBaseline = "baseline"

// Closures tell which baselines stand, beside what statuses and the cache tell:
// these may be older.
type Closures interface {
	// Of returns the namespaces in which the baseline of a zone stands, by its UID.
	Of(zone string) []string
	// In returns the UIDs of the zones whose baselines stand in a namespace.
	In(namespace string) []string
}

// none are the closures of who knows no more than the cache does.
type none struct{}

func (none) Of(string) []string { return nil }
func (none) In(string) []string { return nil }

// baselinesOf returns the namespaces that a zone, by its UID, keeps closed by the
// baselines that stand, beside those that its status tells: that is written later,
// and an operator may have died in between.
func (s *scope) baselinesOf(ctx context.Context, uid string) ([]string, error) {
	if namespaces, known := s.baselines[uid]; known {
		return namespaces, nil
	}
	list, err := s.listBaselines(ctx, client.MatchingFields{indexBaseline: uid})
	if err != nil {
		return nil, err
	}
	namespaces := slices.Clone(s.closures.Of(uid))
	for i := range list {
		namespaces = append(namespaces, list[i].GetNamespace())
	}
	s.baselines[uid] = namespaces
	return namespaces, nil
}

// closing returns the zones whose baselines stand in a namespace.
func (s *scope) closing(ctx context.Context, namespace string) ([]*medfencev1alpha1.DeviceZone, error) {
	list, err := s.listBaselines(ctx, client.InNamespace(namespace), client.MatchingFields{indexBaseline: componentBaseline})
	if err != nil {
		return nil, err
	}
	uids := slices.Clone(s.closures.In(namespace))
	for i := range list {
		uids = append(uids, ownerOf(&list[i]))
	}
	return s.zonesOf(ctx, uids)
}

// askBaselines finds all baselines, for a reader that has no indexes.
func (s *scope) askBaselines(ctx context.Context) error {
	list, err := s.listBaselines(ctx, client.MatchingLabels{
		medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy,
		medfencev1alpha1.LabelComponent: componentBaseline,
	})
	for i := range list {
		uid := ownerOf(&list[i])
		s.baselines[uid] = append(s.baselines[uid], list[i].GetNamespace())
	}
	return err
}

func (s *scope) listBaselines(ctx context.Context, which ...client.ListOption) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicyList"))
	if err := s.reader.List(ctx, list, append(which, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, fmt.Errorf("listing baselines: %w", err)
	}
	return list.Items, nil
}

// ownerOf returns the UID of the zone for which an object was written.
func ownerOf(o client.Object) string { return o.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] }
