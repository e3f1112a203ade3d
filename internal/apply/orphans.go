package apply

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Orphans returns the objects that bear our label and the name of a zone, but
// whose zone is not among the living, by UID; sorted. They are reported and
// never touched: nobody recorded them as his.
func (a *Applier) Orphans(ctx context.Context, zone string, alive []string, withCilium bool) ([]medfencev1alpha1.PolicyReference, error) {
	living := map[string]bool{}
	for _, uid := range alive {
		living[uid] = true
	}
	v := newView(a.Cache, a.Live)
	for _, kind := range Kinds(withCilium) {
		if err := v.see(ctx, kind.Kind, client.MatchingFields{indexZone: zone}); err != nil {
			return nil, err
		}
	}
	var out []medfencev1alpha1.PolicyReference
	for k, u := range v.objects {
		if uid := u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID]; uid != "" && !living[uid] {
			out = append(out, reference(k, string(u.GetUID())))
		}
	}
	slices.SortFunc(out, compareReferences)
	return out, nil
}
