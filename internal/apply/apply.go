package apply

import (
	"context"
	"errors"
	"net/netip"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

// Annotations that apply adds to what was rendered.
const (
	// AnnotationIntent is a hash of what we wrote: an object that does not match
	// its own hash was changed by somebody else.
	AnnotationIntent = "medfence.io/intent"
	// AnnotationStandsFor is the rendered name of an object that had to be
	// written under another, since an object of somebody else bears it.
	AnnotationStandsFor = "medfence.io/stands-for"
)

// fieldOwner names us in managedFields.
const fieldOwner = client.FieldOwner("medfence")

// An Applier writes the objects of zones. It is safe for concurrent use, for
// different zones.
type Applier struct {
	// Cache reads from the manager's cache, with the indexes of AddIndexes. It must
	// serve unstructured objects.
	Cache client.Reader
	// Live reads from the API server; used only when the cache proved stale.
	Live client.Reader
	// Writer writes to the API server.
	Writer client.Writer
	// GiveWay, which may be nil, waits before a write while something more urgent is
	// to be written. Repairs do not wait.
	GiveWay func(context.Context)
	// mostRecorded is MostRecorded for tests that do not write thousands.
	mostRecorded int
	echoes       echoes
	memory       memory
}

// An Owner is the zone that owns an object.
type Owner struct{ Zone, UID string }

// A Request is one zone's share of a plan.
type Request struct {
	Owner Owner
	// Desired is everything rendered for the zone. What the zone has beside it
	// is removed; an empty list releases the zone.
	Desired []object.Object
	// Recorded is what the zone's status says that it wrote.
	Recorded []medfencev1alpha1.PolicyReference
	// Cilium says whether Cilium's kinds are served.
	Cilium bool
	// Leaving are the namespaces that are being deleted: what stands there stays
	// until the namespace controller removes it, and nothing can be created there.
	Leaving []string
	// Groups are the CIDR groups of the plan, of all zones.
	Groups []Group
	// Wards are the zones of the plan, and what they close.
	Wards []Ward
	// Readers returns the allow policies, of all zones, that shall name a group.
	// It is asked only when addresses change their group. Nil means none.
	Readers func(group string) []types.NamespacedName
}

// A Group is a CIDR group of the plan.
type Group struct {
	Name     string
	Owner    Owner
	Prefixes []netip.Prefix
}

// Apply brings the cluster to what the request desires. The ChangeSet is valid
// beside an error too: its record must be saved in any case. Errors are worth
// a retry.
func (a *Applier) Apply(ctx context.Context, req Request) (ChangeSet, error) {
	r, err := a.begin(ctx, req)
	if err != nil {
		return ChangeSet{Recorded: req.Recorded}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up(ctx)
	r.down(ctx)
	r.remember()
	return r.changes(), errors.Join(r.errs...)
}
