package apply

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Orphans returns the objects that bear our label and the name of a zone, but
// whose zone is not alive, by UID; sorted. They are reported and never touched:
// nobody recorded them as his.
func (a *Applier) Orphans(ctx context.Context, zone string, withCilium bool, alive func(uid string) (bool, error)) ([]medfencev1alpha1.PolicyReference, error) {
	v := newView(a.Cache, a.Live, newNotes())
	for _, kind := range Kinds(withCilium) {
		if err := v.see(ctx, kind.Kind, client.MatchingFields{indexZone: zone}); err != nil {
			return nil, err
		}
	}
	var out []medfencev1alpha1.PolicyReference
	living := map[string]bool{"": true} // who names no zone is nobody's orphan
	for k, u := range v.objects {
		uid := u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID]
		lives, known := living[uid]
		if !known {
			var err error
			if lives, err = alive(uid); err != nil {
				return nil, err
			}
			living[uid] = lives
		}
		if !lives {
			out = append(out, reference(k, string(u.GetUID())))
		}
	}
	slices.SortFunc(out, compareReferences)
	return out, nil
}
