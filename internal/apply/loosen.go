package apply

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/render/object"
)

// loosens reports whether all that is due lets more pass and nothing less: guards
// and moats that deny less, allows that are new or allow more, and nothing else.
// Then no order is needed among them (0036): whatever is written of it, no flow
// passes that is not permitted at the end.
func (r *run) loosens(ctx context.Context) (bool, error) {
	if len(r.stuck) > 0 || !r.denialsDiffer() {
		return false, nil // the common case, in which nothing else is looked at
	}
	for _, w := range r.wanted {
		if w.stage == object.StageGroup {
			continue
		}
		c, why, err := r.inSlots(ctx, w)
		if why != "" || err != nil {
			return false, err
		}
		live, err := r.view.get(ctx, w.at())
		if err != nil {
			return false, err
		}
		if !r.onlyLoosens(w, live, c) {
			return false, nil
		}
	}
	return true, nil
}

// denialsDiffer reports whether a guard or a moat is not as it shall be.
func (r *run) denialsDiffer() bool {
	for _, w := range r.wanted {
		live := r.view.objects[w.at()]
		if w.denies() && live != nil && !same(w.body, contentOf(live).body) {
			return true
		}
	}
	return false
}

// onlyLoosens reports whether one object is as it shall be, or lets less pass.
func (r *run) onlyLoosens(w *wanted, live *unstructured.Unstructured, c content) bool {
	if live == nil {
		return w.stage == object.StageAllow
	}
	if !r.isFor(live, w) || r.view.tampered(live) {
		return false
	}
	now, next := contentOf(live).body, c.body
	switch {
	case same(now, next):
		return true
	case w.stage == object.StageAllow:
		return allowsMore(now, next)
	}
	return w.denies() && r.relaxes(live, c)
}

// allowsMore reports whether the next body of an allow policy has every rule that
// it has now, and differs in nothing but others beside them.
func allowsMore(now, next map[string]any) bool {
	before, ok := specOf(now)
	after, ok2 := specOf(next)
	if !ok || !ok2 {
		return false
	}
	for _, rules := range []string{"ingress", "egress"} {
		list, _ := before[rules].([]any)
		longer, _ := after[rules].([]any)
		has := map[string]bool{}
		for _, rule := range longer {
			has[specText(rule)] = true
		}
		for _, rule := range list {
			if !has[specText(rule)] {
				return false
			}
		}
		delete(before, rules)
		delete(after, rules)
	}
	return same(before, after)
}

// specOf returns a copy of the one spec of a body that has nothing else.
func specOf(body map[string]any) (map[string]any, bool) {
	spec, ok := body["spec"].(map[string]any)
	for name, value := range body {
		ok = ok && (name == "spec" || value == nil)
	}
	return maps.Clone(spec), ok
}

// loosen writes guards, moats and allows at the same time: an agent that hears of
// all of them at once makes one round for them.
func (r *run) loosen(ctx context.Context) {
	var denials, allows []step
	for _, w := range r.wanted {
		do := func(ctx context.Context) error { return r.settle(ctx, w, r.named) }
		switch {
		case w.denies():
			denials = append(denials, step{namespace: w.namespace, do: do})
		case w.stage == object.StageAllow:
			allows = append(allows, step{namespace: w.namespace, do: do})
		}
	}
	r.together(ctx, append(denials, allows...)) // a guard is the largest, and takes longest
}
