package apply

import (
	"cmp"
	"context"
	"net/netip"
	"path"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/render/object"
)

// grown is the form of a group on the way up: its new addresses beside its old
// ones. What somebody else put into it does not count as old.
func (r *run) grown(ctx context.Context, w *wanted, live *unstructured.Unstructured) (content, string, error) {
	if live == nil {
		return w.content, "", nil
	}
	old, want := cidrgroup.Prefixes(live.Object), cidrgroup.Prefixes(w.body)
	leaving := flow.SubtractPrefixes(old, want)
	if len(leaving) == 0 {
		return w.content, "", nil
	}
	if r.view.tampered(live) {
		stay, _, err := r.stays(ctx, w.name, live, leaving)
		if err != nil || len(stay) == 0 {
			return w.content, "", err
		}
		w.shrinks = true
		return w.withPrefixes(slices.Concat(want, stay)), "", nil
	}
	w.shrinks = true
	if len(flow.SubtractPrefixes(want, old)) == 0 {
		return contentOf(live), "", nil // nothing to add: written once, on the way down
	}
	return w.withPrefixes(slices.Concat(old, want)), "", nil
}

// shrunk is the form of a group on the way down: its new addresses, and those
// of the old ones that a permitted flow still needs there.
func (r *run) shrunk(ctx context.Context, w *wanted, live *unstructured.Unstructured) (content, string, error) {
	if live == nil {
		return w.content, "", nil
	}
	want := cidrgroup.Prefixes(w.body)
	stay, why, err := r.stays(ctx, w.name, live, flow.SubtractPrefixes(cidrgroup.Prefixes(live.Object), want))
	if err != nil || len(stay) == 0 {
		return w.content, "", err
	}
	r.tidy(w.at(), why)
	return w.withPrefixes(slices.Concat(want, stay)), "", nil
}

// stays returns those of the leaving addresses that must stay in a live group of
// that rendered name, and why: the group that is to have them does not have them
// yet, or a policy that shall read them there does not yet. In one that somebody
// changed nobody knows who was there before: only a moat still keeps its own.
func (r *run) stays(ctx context.Context, name string, live *unstructured.Unstructured, leaving []netip.Prefix) (stay []netip.Prefix, why string, err error) {
	unmoved := r.unmoved
	if r.view.tampered(live) {
		unmoved = r.moats
	}
	for i := range r.req.Groups {
		g := &r.req.Groups[i]
		if g.Name == name {
			continue
		}
		moving := intersect(leaving, g.Prefixes)
		if len(moving) == 0 {
			continue
		}
		reason, err := unmoved(ctx, live.GetName(), g, moving)
		if err != nil {
			return nil, "", err
		}
		if reason != "" {
			stay, why = append(stay, moving...), reason
		}
	}
	return stay, why, nil
}

// unmoved returns why addresses cannot leave the group at slot for g, or "".
func (r *run) unmoved(ctx context.Context, slot string, g *Group, moving []netip.Prefix) (string, error) {
	why, err := r.lacks(ctx, g, moving)
	if err != nil || why != "" {
		return why, err
	}
	target, err := r.slotOf(ctx, g.Name)
	if err != nil {
		return "", err
	}
	if r.req.Readers == nil {
		return r.keeps(ctx, slot, g, moving)
	}
	live, err := r.naming(ctx)
	if err != nil {
		return "", err
	}
	for _, reader := range r.req.Readers(g.Name) {
		if name := live.behind(reader, slot, target); name != "" {
			at := path.Join(reader.Namespace, name) // the name alone for what is in no namespace
			r.await(policyAt(reader.Namespace, name), r.zoneOf(policyAt(reader.Namespace, name)))
			return at + " does not name " + target + " yet", nil
		}
	}
	return r.keeps(ctx, slot, g, moving)
}

// lacks says that a group does not hold all the addresses yet.
func (r *run) lacks(ctx context.Context, g *Group, addresses []netip.Prefix) (string, error) {
	slot, err := r.slotOf(ctx, g.Name)
	if err != nil {
		return "", err
	}
	at := key{kindGroup, "", cmp.Or(slot, g.Name)}
	var have []netip.Prefix
	if slot != "" {
		live, err := r.view.newest(ctx, at, g.Owner != r.req.Owner)
		if err != nil {
			return "", err
		}
		if live != nil {
			have = cidrgroup.Prefixes(live.Object)
		}
	}
	if len(flow.SubtractPrefixes(addresses, have)) > 0 {
		r.await(at, g.Owner.Zone)
		return g.Name + " does not hold its new addresses yet", nil
	}
	return "", nil
}

// loses returns why a policy must not stop naming the dropped groups (by slot):
// a group that it shall name instead does not hold their addresses yet.
func (r *run) loses(ctx context.Context, dropped, next map[string]bool) (string, error) {
	for _, slot := range sortedSet(dropped) {
		live, err := r.view.get(ctx, key{kindGroup, "", slot})
		if err != nil {
			return "", err
		}
		if live == nil {
			continue
		}
		old := cidrgroup.Prefixes(live.Object)
		for _, name := range sortedSet(next) {
			g := r.groups[name]
			if g == nil {
				continue
			}
			moving := intersect(old, g.Prefixes)
			if len(moving) == 0 {
				continue
			}
			if why, err := r.lacks(ctx, g, moving); why != "" || err != nil {
				return why, err
			}
		}
	}
	return "", nil
}

// named is the form of a policy: its groups by the names under which they are
// written. An allow waits when its write would lose addresses that move, and
// what denies by groups until these hold all their addresses.
func (r *run) named(ctx context.Context, w *wanted, live *unstructured.Unstructured) (content, string, error) {
	c, why, err := r.inSlots(ctx, w)
	if why == "" && err == nil {
		c, why, err = r.passing(ctx, w, live, c)
	}
	if why == "" && err == nil {
		why, err = r.unsafe(ctx, w, live, c)
	}
	return c, why, err
}

// unsafe returns why the next form of a policy must not be written yet.
func (r *run) unsafe(ctx context.Context, w *wanted, live *unstructured.Unstructured, c content) (why string, err error) {
	switch {
	case w.stage == object.StageBaseline && r.closesMore(w, live, c):
		return r.unready(ctx, w)
	case w.denies() && r.closesMore(w, live, c) && !r.relaxes(live, c):
		return r.lackAny(ctx, cidrgroup.Named(w.body))
	case live == nil || w.stage != object.StageAllow || r.view.tampered(live):
		return "", nil
	}
	dropped := cidrgroup.Named(live.Object)
	for name := range cidrgroup.Named(c.body) {
		delete(dropped, name)
	}
	return r.loses(ctx, dropped, cidrgroup.Named(w.body))
}

// inSlots returns the content of a policy with its groups by the names under
// which they are written, or why it has none.
func (r *run) inSlots(ctx context.Context, w *wanted) (c content, why string, err error) {
	slots := map[string]string{}
	for _, name := range sortedSet(cidrgroup.Named(w.body)) {
		slot, err := r.slotOf(ctx, name)
		if err != nil {
			return content{}, "", err
		}
		if slot == "" {
			return content{}, "somebody else has the name of its group " + name, nil
		}
		slots[name] = slot
	}
	return w.withRefs(slots), "", nil
}

// closesMore reports whether writing a baseline closes what it did not close
// before: it is new, or its namespaces change. One that was deleted or altered
// behind our back is written again at once.
func (r *run) closesMore(baseline *wanted, live *unstructured.Unstructured, c content) bool {
	if live == nil {
		_, was := r.record[baseline.at()]
		return !was
	}
	return !r.view.tampered(live) && !same(c.body, contentOf(live).body)
}

// unready returns why a zone must not be closed further yet: a group of any
// zone that its allows name does not hold its addresses.
func (r *run) unready(ctx context.Context, baseline *wanted) (string, error) {
	for _, w := range r.wanted {
		if w.stage != object.StageAllow || baseline.namespace != "" && w.namespace != baseline.namespace {
			continue
		}
		if why, err := r.lackAny(ctx, cidrgroup.Named(w.body)); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// lackAny says that one of the groups does not hold its addresses yet.
func (r *run) lackAny(ctx context.Context, groups map[string]bool) (string, error) {
	for _, name := range sortedSet(groups) {
		if g := r.groups[name]; g != nil {
			if why, err := r.lacks(ctx, g, g.Prefixes); why != "" || err != nil {
				return why, err
			}
		}
	}
	return "", nil
}

// slotOf returns the name under which a group of the plan is written, or "" if
// it is not written and somebody else has its name.
func (r *run) slotOf(ctx context.Context, name string) (string, error) {
	if w := r.byKey[key{kindGroup, "", name}]; w != nil {
		return w.slot, nil
	}
	g := r.groups[name]
	if g == nil {
		return name, nil
	}
	if slot, ok := r.slots[name]; ok {
		return slot, nil
	}
	slot, err := r.findSlot(ctx, g)
	if err == nil {
		r.slots[name] = slot
	}
	return slot, err
}

// findSlot looks for a group of another zone.
func (r *run) findSlot(ctx context.Context, g *Group) (string, error) {
	isOf := func(u *unstructured.Unstructured) bool {
		return u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID] == g.Owner.UID && standsFor(u) == g.Name
	}
	at, err := r.view.get(ctx, key{kindGroup, "", g.Name})
	if err != nil {
		return "", err
	}
	if at != nil && isOf(at) {
		return g.Name, nil
	}
	others, err := r.view.list(ctx, kindGroup)
	if err != nil {
		return "", err
	}
	others = slices.DeleteFunc(others, func(u *unstructured.Unstructured) bool { return !isOf(u) })
	if len(others) > 0 {
		return slices.MinFunc(others, func(a, b *unstructured.Unstructured) int {
			return cmp.Compare(a.GetName(), b.GetName())
		}).GetName(), nil
	}
	if at != nil {
		return "", nil
	}
	return g.Name, nil // where it will be written
}

// refsIn returns the groups that the desired allows of a namespace name.
func (r *run) refsIn(namespace string) map[string]bool {
	out := map[string]bool{}
	for _, w := range r.wanted {
		if w.stage == object.StageAllow && w.namespace == namespace {
			for name := range cidrgroup.Named(w.body) {
				out[name] = true
			}
		}
	}
	return out
}
