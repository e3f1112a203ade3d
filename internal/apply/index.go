package apply

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// The indexes of the cache over what bears our label. Without them each pass of
// a zone would look at the policies of all zones.
const (
	// indexOwner finds owned objects by the UID of their zone.
	indexOwner = "medfence.io/owner-uid"
	// indexZone finds owned objects by the name of their zone.
	indexZone = "medfence.io/zone-name"
)

// indexes are the values of the indexes.
var indexes = map[string]client.IndexerFunc{
	indexOwner: ofOurs(func(o client.Object) string { return o.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] }),
	indexZone:  ofOurs(func(o client.Object) string { return o.GetLabels()[medfencev1alpha1.LabelZone] }),
}

// AddIndexes adds the indexes that an Applier reads, with or without Cilium's
// kinds.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer, withCilium bool) error {
	for _, kind := range Kinds(withCilium) {
		for field, values := range indexes {
			if err := indexer.IndexField(ctx, blank(key{kind: kind.Kind}), field, values); err != nil {
				return fmt.Errorf("indexing %s by %s: %w", kind.Kind, field, err)
			}
		}
	}
	return nil
}

// ofOurs makes an index over the objects that bear our label.
func ofOurs(value func(client.Object) string) client.IndexerFunc {
	return func(o client.Object) []string {
		if o.GetLabels()[medfencev1alpha1.LabelManagedBy] != medfencev1alpha1.ManagedBy {
			return nil
		}
		if v := value(o); v != "" {
			return []string{v}
		}
		return nil
	}
}
