package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

// A run is one Apply under way.
type run struct {
	*Applier
	// mu is held by the step that works; while it waits for the API server another
	// one may.
	mu     sync.Mutex
	req    Request
	view   *view
	wanted []*wanted
	byKey  map[key]*wanted
	// recorded are the UIDs of the zone's record: they are ours for certain, and
	// only they are ever deleted.
	recorded map[string]bool
	// record becomes the zone's new record: UIDs by object.
	record map[key]string
	// creating is how many objects are being created that the record has not yet.
	creating int
	// groups are the plan's groups, by name.
	groups map[string]*Group
	// slots are the names under which the groups of the plan are written.
	slots map[string]string
	// live are the groups that live policies name; nil until asked for.
	live names
	// kept are the groups, by slot, that a policy names which stays for a while.
	kept map[string]bool
	// stuck are the namespaces ("" is the cluster) in which an earlier stage
	// failed or had to wait: later ones must not build on it. Those of the stage
	// under way are in sticking.
	stuck, sticking map[string]bool

	// hurried is set once something waits that is not only to be tidied up.
	hurried bool

	set  ChangeSet
	errs []error
}

// A wanted is one rendered object.
type wanted struct {
	key
	stage object.Stage
	content
	// slot is the name under which it is written: its own, or one beside an
	// object of somebody else.
	slot string
	// shrinks is set on a group that has more addresses than it shall have.
	shrinks bool
}

func (w *wanted) at() key { return key{w.kind, w.namespace, w.slot} }

// begin reads what the zone has, and finds for each rendered object the name
// under which it is written.
func (a *Applier) begin(ctx context.Context, req Request) (*run, error) {
	r := &run{
		Applier:  a,
		req:      req,
		view:     newView(a.Cache, a.Live, a.memory.of(req.Owner.UID)),
		byKey:    map[key]*wanted{},
		recorded: map[string]bool{},
		record:   map[key]string{},
		groups:   map[string]*Group{},
		stuck:    map[string]bool{},
		sticking: map[string]bool{},
		slots:    map[string]string{},
		kept:     map[string]bool{},
	}
	for i := range req.Groups {
		r.groups[req.Groups[i].Name] = &req.Groups[i]
	}
	for _, ref := range req.Recorded {
		r.recorded[ref.UID] = true
		r.record[key{ref.Kind, ref.Namespace, ref.Name}] = ref.UID
	}
	if req.Owner.Zone == "" || req.Owner.UID == "" {
		return nil, errors.New("reading the request: it names no owner")
	}
	if err := r.readDesired(); err != nil {
		return nil, err
	}
	return r, r.readOwned(ctx)
}

func (r *run) readDesired() error {
	for _, o := range r.req.Desired {
		k := key{o.GetObjectKind().GroupVersionKind().Kind, o.GetNamespace(), o.GetName()}
		if _, ok := owned[k.kind]; !ok {
			return fmt.Errorf("reading what was rendered: %s is of no kind that Medfence writes", k)
		}
		c, err := r.view.before.read(k, o.KubeObject, r.view.notes)
		if err != nil {
			return fmt.Errorf("reading the rendered %s: %w", k, err)
		}
		if _, twice := r.byKey[k]; twice {
			return fmt.Errorf("reading what was rendered: %s is there twice", k)
		}
		r.byKey[k] = &wanted{key: k, stage: o.Stage, content: c, slot: k.name}
		r.wanted = append(r.wanted, r.byKey[k])
	}
	slices.SortFunc(r.wanted, func(a, b *wanted) int { return a.compare(b.key) })
	return nil
}

// remember keeps for the next pass what this one found out.
func (r *run) remember() {
	for _, w := range r.wanted {
		r.view.notes.share(w.key, r.view.objects[w.at()])
	}
	r.memory.keep(r.req.Owner.UID, r.view.notes)
}

// readOwned fills the view with what the zone has, records what it finds for
// the first time, and forgets what is no longer ours.
func (r *run) readOwned(ctx context.Context) error {
	for _, kind := range Kinds(r.req.Cilium) {
		if err := r.view.see(ctx, kind.Kind, client.MatchingFields{indexOwner: r.req.Owner.UID}); err != nil {
			return err
		}
	}
	for _, ref := range r.req.Recorded {
		k := key{ref.Kind, ref.Namespace, ref.Name}
		if !r.req.Cilium && owned[k.kind] != networking {
			delete(r.record, k) // with its kind, the object went
			continue
		}
		u, err := r.view.get(ctx, k)
		if err != nil {
			return err
		}
		if u != nil && !r.ours(u) {
			delete(r.record, k) // somebody else's, by that name
		}
	}
	r.findHomes()
	return nil
}

// findHomes finds the name under which each rendered object is written already,
// if it is; of two copies, the one without a suffix.
func (r *run) findHomes() {
	homes := map[key]string{}
	for _, k := range r.oursSeen() {
		u := r.view.objects[k]
		r.record[k] = string(u.GetUID())
		if of := (key{k.kind, k.namespace, r.standsFor(u)}); homes[of] == "" {
			homes[of] = k.name
		}
	}
	for _, w := range r.wanted {
		if home, ok := homes[w.key]; ok {
			w.slot = home
		}
	}
}

// ours reports whether an object is this zone's (ruling 17): by the record; or
// by its zone's UID, if it has the name of a rendered object or is just as we
// wrote it. A copy that somebody made of ours bears that UID too.
func (r *run) ours(u *unstructured.Unstructured) bool {
	if r.recorded[string(u.GetUID())] {
		return true
	}
	if !r.bearsUID(u) {
		return false
	}
	return r.byKey[keyOf(u)] != nil || r.view.asWritten(u)
}

func (r *run) bearsUID(u *unstructured.Unstructured) bool {
	return u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] == r.req.Owner.UID
}

// standsFor returns the rendered name of an object of ours.
func standsFor(u *unstructured.Unstructured) string {
	if name, ok := u.GetAnnotations()[AnnotationStandsFor]; ok {
		return name
	}
	return u.GetName()
}

// standsFor returns the rendered name of an object of this zone. Of one that
// somebody changed, its annotation is believed only if it goes with the name;
// else the name tells: so it is overwritten where it is, rather than written
// beside and left open until nobody names it.
func (r *run) standsFor(u *unstructured.Unstructured) string {
	said, k := standsFor(u), keyOf(u)
	rendered := func(name string) bool { return r.byKey[key{k.kind, k.namespace, name}] != nil }
	stem := withoutSuffix(k.name)
	switch {
	case r.view.asWritten(u) || said == stem && rendered(stem):
		return said
	case rendered(k.name):
		return k.name
	case rendered(stem):
		return stem
	}
	return said
}

// withoutSuffix returns the name beside which otherNames would have found this
// one, or the name itself.
func withoutSuffix(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 || i != len(name)-2 || name[i+1] < '2' || name[i+1] > '0'+lastSuffix {
		return name
	}
	return name[:i]
}

// oursSeen returns the objects of the view that are ours, sorted, and reports
// those that only look like it.
func (r *run) oursSeen() []key {
	var out []key
	for k, u := range r.view.objects {
		switch {
		case u == nil:
		case r.ours(u):
			out = append(out, k)
		case r.bearsUID(u):
			r.set.Foreign = append(r.set.Foreign, k.change("it is a copy of ours, and should not bear our labels and annotations"))
		}
	}
	slices.SortFunc(out, key.compare)
	return out
}
