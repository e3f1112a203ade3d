package apply

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// A Ward is a zone of the plan and what it shall close. What one zone closes and
// another is to close is not let go before the other has closed it.
type Ward struct {
	Owner
	// Namespaces are those that it closes; none if it is not enforced.
	Namespaces []string
	// Enforced is true for an enforced Device zone, and Guarded where it has a
	// guard, and a moat for its addresses.
	Enforced, Guarded bool
}

// targetWithGuards is the target on which zones have guards and moats.
const targetWithGuards = "cilium"

// WardsOf returns the zones of a plan, for Request.Wards.
func WardsOf(p *plan.Plan) []Ward {
	out := make([]Ward, 0, len(p.Zones))
	for i := range p.Zones {
		z := &p.Zones[i]
		w := Ward{Owner: Owner{Zone: z.Name, UID: z.UID}, Enforced: z.Enforce && !z.Released}
		if w.Enforced {
			w.Guarded = p.Target == targetWithGuards
			for _, n := range z.Namespaces {
				w.Namespaces = append(w.Namespaces, n.Name)
			}
		}
		out = append(out, w)
	}
	return out
}

// ward returns a zone of the plan by its UID, or nil.
func (r *run) ward(uid string) *Ward {
	i := slices.IndexFunc(r.req.Wards, func(w Ward) bool { return w.UID == uid })
	if i < 0 {
		return nil
	}
	return &r.req.Wards[i]
}

// handsOver returns why a live policy must not stop closing what its next form
// (nil for none) does not: another zone is to close it and does not yet. The
// groups that it names stay as they are as long.
func (r *run) handsOver(ctx context.Context, stage object.Stage, live *unstructured.Unstructured, next map[string]any) (why string, err error) {
	switch {
	case stage == object.StageMoat:
		why, err = r.unmoatedIn(ctx, live, next)
	case stage != object.StageBaseline && stage != object.StageGuard:
	case live.GetKind() == kindNetworkPolicy:
		why, err = r.unclosed(ctx, live.GetNamespace(), kindNetworkPolicy)
	default:
		for _, n := range leaving(live.Object, next) {
			if why, err = r.unclosed(ctx, n, kindClusterPolicy); why != "" || err != nil {
				break
			}
		}
	}
	if why != "" {
		maps.Copy(r.kept, cidrgroup.Named(live.Object))
	}
	return why, err
}

// leaving returns the namespaces that one policy closes and another does not.
func leaving(from, to map[string]any) []string {
	next := closes(to)
	var out []string
	for _, n := range sortedSet(closes(from)) {
		if !next[n] {
			out = append(out, n)
		}
	}
	return out
}

// selectors are the fields of a cluster-wide policy that select its pods.
func selectors(body map[string]any) []map[string]any {
	specs, _, _ := unstructured.NestedSlice(body, "specs")
	if spec, ok := body["spec"]; ok {
		specs = append(specs, spec)
	}
	var out []map[string]any
	for _, spec := range specs {
		fields, _ := spec.(map[string]any)
		expressions, _, _ := unstructured.NestedSlice(fields, "endpointSelector", "matchExpressions")
		for _, e := range expressions {
			if e, ok := e.(map[string]any); ok && e["key"] == namespaceKey && e["operator"] == "In" {
				out = append(out, e)
			}
		}
	}
	return out
}

// namespaceKey is the label by which a cluster-wide policy selects namespaces.
const namespaceKey = "k8s:io.kubernetes.pod.namespace"

// closes returns the namespaces whose pods a baseline or guard selects by name.
func closes(body map[string]any) map[string]bool {
	out := map[string]bool{}
	for _, e := range selectors(body) {
		values, _ := e["values"].([]any)
		for _, v := range values {
			if n, ok := v.(string); ok {
				out[n] = true
			}
		}
	}
	return out
}

// withNamespaces returns the content of a cluster-wide baseline that closes
// these namespaces too.
func (c content) withNamespaces(names []string) content {
	c.body = runtime.DeepCopyJSON(c.body)
	spec, _ := c.body["spec"].(map[string]any)
	expressions, _, _ := unstructured.NestedSlice(spec, "endpointSelector", "matchExpressions")
	all := closes(c.body)
	for _, n := range names {
		all[n] = true
	}
	for _, e := range expressions {
		if e, ok := e.(map[string]any); ok && e["key"] == namespaceKey && e["operator"] == "In" {
			values := make([]any, 0, len(all))
			for _, n := range sortedSet(all) {
				values = append(values, n)
			}
			e["values"] = values
		}
	}
	_ = unstructured.SetNestedSlice(spec, expressions, "endpointSelector", "matchExpressions") // it is there
	return c
}

// unclosed says which other zone is to close a namespace and does not yet, with
// policies of that kind.
func (r *run) unclosed(ctx context.Context, namespace, kind string) (string, error) {
	for i := range r.req.Wards {
		w := &r.req.Wards[i]
		if w.Owner == r.req.Owner || !slices.Contains(w.Namespaces, namespace) {
			continue
		}
		stages := []object.Stage{object.StageBaseline}
		if kind == kindClusterPolicy {
			if !w.Guarded {
				continue
			}
			stages = append(stages, object.StageGuard)
		}
		for _, stage := range stages {
			there, err := r.theirs(ctx, w.Owner, kind, stage, func(u *unstructured.Unstructured) bool {
				return u.GetNamespace() == namespace || kind == kindClusterPolicy && closes(u.Object)[namespace]
			})
			if err != nil || !there {
				return "zone " + w.Zone + " does not close namespace " + namespace + " yet", err
			}
		}
	}
	return "", nil
}

// theirs reports whether another zone has a policy of a stage that is as wanted.
func (r *run) theirs(ctx context.Context, owner Owner, kind string, stage object.Stage, wanted func(*unstructured.Unstructured) bool) (bool, error) {
	list, err := r.view.list(ctx, kind)
	return slices.ContainsFunc(list, func(u *unstructured.Unstructured) bool {
		return u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] == owner.UID &&
			stageOf(keyOf(u), u.GetLabels()) == stage && wanted(u)
	}), err
}

// unmoatedIn returns why a moat must not stop naming groups: addresses of theirs
// go to another zone, whose moat does not name them yet.
func (r *run) unmoatedIn(ctx context.Context, live *unstructured.Unstructured, next map[string]any) (string, error) {
	stays := cidrgroup.Named(next)
	for _, slot := range sortedSet(cidrgroup.Named(live.Object)) {
		if stays[slot] {
			continue
		}
		group, err := r.view.get(ctx, key{kindGroup, "", slot})
		if err != nil {
			return "", err
		}
		if group == nil {
			continue
		}
		have := cidrgroup.Prefixes(group.Object)
		for i := range r.req.Groups {
			g := &r.req.Groups[i]
			if why, err := r.unmoated(ctx, g, intersect(have, g.Prefixes)); why != "" || err != nil {
				return why, err
			}
		}
	}
	return "", nil
}

// unmoated returns why the moat of another zone does not keep addresses yet that
// move to a group of it.
func (r *run) unmoated(ctx context.Context, g *Group, moving []netip.Prefix) (string, error) {
	other := r.ward(g.Owner.UID)
	if len(moving) == 0 || g.Owner == r.req.Owner || other == nil || !other.Guarded {
		return "", nil
	}
	if why, err := r.lacks(ctx, g, moving); why != "" || err != nil {
		return why, err
	}
	slot, err := r.slotOf(ctx, g.Name)
	if err != nil {
		return "", err
	}
	there, err := r.theirs(ctx, g.Owner, kindClusterPolicy, object.StageMoat, func(u *unstructured.Unstructured) bool { return cidrgroup.Named(u.Object)[slot] })
	if err != nil || !there {
		return "the moat of zone " + g.Owner.Zone + " does not name " + slot + " yet", err
	}
	return "", nil
}

// keeps returns why addresses must stay in a group of this name although the one
// that they go to has them: a policy that is to go still needs them here, or
// the moat around them is not yet another's.
func (r *run) keeps(ctx context.Context, slot string, g *Group, moving []netip.Prefix) (string, error) {
	if r.kept[slot] {
		return "a policy that another zone is to replace still names it", nil
	}
	policies, err := r.view.list(ctx, kindClusterPolicy)
	if err != nil {
		return "", err
	}
	for _, u := range policies {
		if !cidrgroup.Named(u.Object)[slot] {
			continue
		}
		if why, err := r.needs(ctx, u, g, moving); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// moats returns why addresses must stay in a group even though it cannot be
// trusted: this zone's moat denies by it what no other moat denies yet.
func (r *run) moats(ctx context.Context, slot string, g *Group, moving []netip.Prefix) (string, error) {
	policies, err := r.view.list(ctx, kindClusterPolicy)
	if err != nil {
		return "", err
	}
	for _, u := range policies {
		if r.bearsUID(u) && stageOf(keyOf(u), u.GetLabels()) == object.StageMoat && cidrgroup.Named(u.Object)[slot] {
			return r.unmoated(ctx, g, moving)
		}
	}
	return "", nil
}

// needs returns why a policy that names a group needs in it what moves to
// another.
func (r *run) needs(ctx context.Context, u *unstructured.Unstructured, g *Group, moving []netip.Prefix) (string, error) {
	zone := r.ward(u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID])
	switch {
	case zone == nil: // an orphan's
	case zone.Owner != r.req.Owner && !zone.Enforced:
		return u.GetName() + " is to go, and still names it", nil
	case zone.Owner == r.req.Owner && stageOf(keyOf(u), u.GetLabels()) == object.StageMoat:
		return r.unmoated(ctx, g, moving)
	}
	return "", nil
}

// passing returns the content of a cluster-wide policy on its way to another
// form: what it closes for another zone to close stays closed in it, or, with a
// reason, the live form stays.
func (r *run) passing(ctx context.Context, w *wanted, live *unstructured.Unstructured, c content) (content, string, error) {
	if live == nil || w.kind != kindClusterPolicy || r.view.tampered(live) {
		return c, "", nil
	}
	why, err := r.handsOver(ctx, w.stage, live, c.body)
	if why == "" || err != nil || w.stage != object.StageBaseline {
		return c, why, err
	}
	// A baseline may close more at once, and keeps the rest for the other zone.
	r.set.Waiting = append(r.set.Waiting, w.at().change(why))
	return c.withNamespaces(leaving(live.Object, c.body)), "", nil
}
