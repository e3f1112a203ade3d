package apply

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/render/object"
)

// AnnotationTightened marks a guard or moat that denies what it denied before
// and what it shall deny: the form between the two.
const AnnotationTightened = "medfence.io/tightened"

// denies reports whether an object is a guard or a moat.
func (w *wanted) denies() bool { return w.stage == object.StageGuard || w.stage == object.StageMoat }

// tighten lets guards and moats deny whatever they shall deny at the end, and creates
// the allows that are not there yet at the same time (0042): they permit nothing
// that the plan does not, and what is denied does not wait for them.
func (r *run) tighten(ctx context.Context) {
	steps := r.tightening()
	if len(steps) == 0 {
		return // new allows come first in their own stage
	}
	for _, w := range r.wanted {
		if w.stage == object.StageAllow && r.view.objects[w.at()] == nil {
			steps = append(steps, step{namespace: w.namespace, do: func(ctx context.Context) error {
				return r.settle(ctx, w, r.named)
			}})
		}
	}
	r.together(ctx, r.unblocked(steps))
}

// tightening returns the steps that let each live guard and moat deny what it
// shall deny beside what it does: so it is tightened before an allow goes, and
// relaxed after another came.
func (r *run) tightening() []step {
	var steps []step
	for _, w := range r.wanted {
		live := r.view.objects[w.at()]
		if !w.denies() || live == nil || !r.isFor(live, w) || r.view.tampered(live) {
			continue // what is new or altered is written whole, in its stage
		}
		steps = append(steps, step{do: func(ctx context.Context) error {
			return r.settle(ctx, w, r.tightened)
		}})
	}
	return steps
}

// tightened is the form of a guard or moat between the live one and the next:
// all specs of both. It keeps the live form where the next would deny addresses
// that are not in their groups yet.
func (r *run) tightened(ctx context.Context, w *wanted, live *unstructured.Unstructured) (content, string, error) {
	if live == nil {
		return content{}, "it is gone", nil
	}
	c, why, err := r.inSlots(ctx, w)
	if err != nil {
		return content{}, "", err
	}
	if why == "" {
		why, err = r.lackAny(ctx, cidrgroup.Named(w.body))
	}
	now := contentOf(live)
	if why != "" || err != nil {
		return now, "", err
	}
	both, added, kept := union(now.body["specs"], c.body["specs"])
	switch {
	case added == 0:
		return now, "", nil // nothing more to deny: it is relaxed in its stage
	case kept == 0:
		return c, "", nil // nothing to relax: the next form is the one
	}
	c.body = map[string]any{"specs": both}
	c.annotations = maps.Clone(c.annotations)
	c.annotations[AnnotationTightened] = "true"
	return c, "", nil
}

// relaxes reports whether the next form of a live guard or moat denies nothing
// that this one does not, whatever addresses its groups hold.
func (r *run) relaxes(live *unstructured.Unstructured, c content) bool {
	if live == nil || r.view.tampered(live) {
		return false
	}
	_, added, _ := union(contentOf(live).body["specs"], c.body["specs"])
	return added == 0
}

// union returns the old specs and those of the next that deny anything that the
// old ones do not: how many these are, and how many of the old ones deny anything
// that the next do not.
func union(old, next any) (both []any, added, kept int) {
	before, _ := old.([]any)
	after, _ := next.([]any)
	onlyBefore, onlyAfter := notIn(after, before), notIn(before, after)
	both = append(both, before...)
	if len(onlyAfter) > 0 {
		clean, _ := withoutNull(before).([]any)
		for _, spec := range onlyAfter {
			if !covered(withoutNull(spec), clean) {
				both = append(both, spec)
				added++
			}
		}
	}
	if len(onlyBefore) > 0 {
		clean, _ := withoutNull(after).([]any)
		for _, spec := range onlyBefore {
			if !covered(withoutNull(spec), clean) {
				kept++
			}
		}
	}
	return both, added, kept
}

// notIn returns the specs of a list that another does not have.
func notIn(other, list []any) []any {
	has := make(map[string]bool, len(other))
	for _, spec := range other {
		has[specText(spec)] = true
	}
	var out []any
	for _, spec := range list {
		if !has[specText(spec)] {
			out = append(out, spec)
		}
	}
	return out
}

func specText(spec any) string { return string(appendJSON(nil, spec)) }
