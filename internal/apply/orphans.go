package apply

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// An Orphan is an object of a zone that is no more. It is reported and never
// touched: nobody recorded it as his.
type Orphan struct {
	medfencev1alpha1.PolicyReference
	// Zone is the name of the zone that it served.
	Zone string
}

// Orphans returns the objects that bear our label but whose zone is not among
// the living, by UID; sorted.
func (a *Applier) Orphans(ctx context.Context, alive []string, withCilium bool) ([]Orphan, error) {
	living := map[string]bool{}
	for _, uid := range alive {
		living[uid] = true
	}
	v := &view{cache: a.Cache, live: a.Live, objects: map[key]*unstructured.Unstructured{}}
	var out []Orphan
	for _, kind := range Kinds(withCilium) {
		objects, err := v.list(ctx, kind.Kind)
		if err != nil {
			return nil, err
		}
		for _, u := range objects {
			uid := u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID]
			if uid == "" || living[uid] {
				continue
			}
			out = append(out, Orphan{
				PolicyReference: reference(keyOf(u), string(u.GetUID())),
				Zone:            u.GetLabels()[medfencev1alpha1.LabelZone],
			})
		}
	}
	slices.SortFunc(out, func(a, b Orphan) int { return compareReferences(a.PolicyReference, b.PolicyReference) })
	return out, nil
}
