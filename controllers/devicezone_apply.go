package controllers

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/plan"
)

// failure says, in words that are the same at each try, why the cluster does
// not hold yet what was rendered; or nothing.
func failure(err error, changes apply.ChangeSet) string {
	switch {
	case len(changes.Unrecordable) > 0:
		return tooMany(changes)
	case tooLarge(err):
		return "A policy is larger than the API server can store; let fewer zones, devices or services share a conduit, and select pods by fewer labels."
	case err != nil:
		cause := "the API server did not take them"
		if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
			cause = "the API server says " + string(reason)
		}
		return fmt.Sprintf("Some policies could not be written (%s); the operator tries again.", cause)
	case len(changes.Waiting) > 0:
		first := changes.Waiting[0]
		return fmt.Sprintf("%s waits: %s.", objectText(first), first.Note)
	}
	return ""
}

// leaving returns the namespaces of a zone that are being deleted.
func leaving(z *plan.Zone) []string {
	var out []string
	for _, n := range z.Namespaces {
		if n.Exists && n.Terminating {
			out = append(out, n.Name)
		}
	}
	return out
}

// tooMany says that a zone has more policies than its status can record.
func tooMany(changes apply.ChangeSet) string {
	return fmt.Sprintf("The zone has more policies than the %d that its status can record: %s is not written%s; split the zone, or give devices with equal conduits one podSelector.",
		apply.MostRecorded, objectText(changes.Unrecordable[0]), more(len(changes.Unrecordable)-1))
}

// tooLarge reports whether an object does not fit into a request, or into etcd
// (which says so in words alone).
func tooLarge(err error) bool {
	return err != nil && (apierrors.IsRequestEntityTooLargeError(err) || strings.Contains(err.Error(), "request is too large"))
}

// report tells logs, metrics and events what was written.
func (r *DeviceZoneReconciler) report(ctx context.Context, s *zoneScope, changes apply.ChangeSet) {
	r.metrics.applied(changes)
	r.events.record(driftRepaired(s.zone, changes.Repaired)...)
	logger := log.FromContext(ctx)
	if changes.Written() == 0 {
		logger.V(1).Info("Nothing to write", "policies", len(changes.Recorded))
		return
	}
	logger.Info("Wrote policies", "created", len(changes.Created), "updated", len(changes.Updated),
		"repaired", len(changes.Repaired), "deleted", len(changes.Deleted), "policies", len(changes.Recorded))
}

// addOrphans reports the objects of an earlier zone of that name, which nobody
// may delete but the user: no status recorded them.
func (r *DeviceZoneReconciler) addOrphans(ctx context.Context, s *zoneScope) error {
	orphans, err := r.applier.Orphans(ctx, s.name, r.cilium, func(uid string) (bool, error) {
		return gather.Exists(ctx, r.client, types.UID(uid))
	})
	if err != nil {
		return fmt.Errorf("looking for orphans: %w", err)
	}
	for _, o := range orphans {
		s.view.problems = append(s.view.problems, problemStatus(plan.Problem{
			Reason: medfencev1alpha1.ReasonOrphaned, Kind: plan.KindZone, Name: s.name,
			Message: fmt.Sprintf("%s was written for an earlier zone of this name and still works; delete it if this zone replaces that one",
				objectText(apply.Change{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name})),
		}))
	}
	return nil
}
