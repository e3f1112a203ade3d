package apply

import (
	"context"
	"maps"
	"slices"
	"sync"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

// A step is one write of a stage; it touches one namespace, or the cluster ("").
type step struct {
	namespace string
	// alone marks a step that is safe whatever failed before it.
	alone bool
	do    func(context.Context) error
}

// stage does independent steps: one that fails stops none of the others, but
// all later stages of its namespace. A failure of the cluster's own objects
// stops all later stages, and they are stopped by a failure anywhere.
func (r *run) stage(ctx context.Context, steps []step) {
	steps = r.unblocked(steps)
	if len(steps) > few {
		r.together(ctx, steps)
		return
	}
	for _, s := range steps {
		if ctx.Err() == nil {
			r.check(s.namespace, s.do(ctx))
		}
	}
	r.pass(ctx)
}

const (
	// few steps are done one after the other: that is quick enough, and easier to
	// follow.
	few = 8
	// atATime is how many of more are under way at a time.
	atATime = 4
)

// together does steps at the same time, of which those that are first begin first,
// and ends their stage.
func (r *run) together(ctx context.Context, steps []step) {
	errs := make([]error, len(steps))
	next := 0
	var all sync.WaitGroup
	for range min(atATime, len(steps)) {
		all.Go(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			for next < len(steps) && ctx.Err() == nil {
				i := next
				next++
				errs[i] = steps[i].do(ctx)
			}
		})
	}
	r.mu.Unlock()
	all.Wait()
	r.mu.Lock()
	for i, s := range steps {
		r.check(s.namespace, errs[i])
	}
	r.pass(ctx)
}

// pass ends a stage: what failed or waits in it holds back the later ones.
func (r *run) pass(ctx context.Context) {
	if !r.stuck[""] {
		r.check("", ctx.Err())
	}
	maps.Copy(r.stuck, r.sticking)
}

// unblocked returns the steps that nothing before them holds back.
func (r *run) unblocked(steps []step) []step {
	return slices.DeleteFunc(steps, func(s step) bool { return !s.alone && r.blocked(s.namespace) })
}

func (r *run) blocked(namespace string) bool {
	return r.stuck[""] || r.stuck[namespace] || namespace == "" && len(r.stuck) > 0
}

// check notes an error.
func (r *run) check(namespace string, err error) {
	if err != nil {
		r.errs = append(r.errs, err)
		r.sticking[namespace] = true
	}
}

// wait notes that an object could not be brought to its end yet. What comes
// after it must wait too, unless it is a guard or moat that waits: that denies
// what it denied before, which is safe to build on.
func (r *run) wait(k key, why string) {
	r.hurried = true
	r.set.Waiting = append(r.set.Waiting, k.change(why))
	if k.kind != kindClusterPolicy || r.stageOf(k) == object.StageBaseline {
		r.sticking[k.namespace] = true
	}
}

// tidy notes that an address or a group cannot go yet, and that nothing that is
// permitted depends on when it does.
func (r *run) tidy(k key, why string) {
	hurried := r.hurried
	r.wait(k, why)
	r.hurried = hurried
}

// await notes that the run waits for an object of another zone; an empty name is
// one that is not known.
func (r *run) await(k key, zone string) {
	r.set.Awaited = append(r.set.Awaited, k.change(""))
	if zone != "" && zone != r.req.Owner.Zone {
		r.set.AwaitedZones = append(r.set.AwaitedZones, zone)
	}
}

// up writes what is desired, stage by stage. Groups only grow; and before any
// allow changes, guard and moat deny whatever they shall deny at the end. What
// only lets more pass is written at once.
func (r *run) up(ctx context.Context) {
	for _, stage := range stagesUp {
		if stage == object.StageAllow {
			loose, err := r.loosens(ctx)
			r.check("", err)
			if loose {
				r.loosen(ctx) // and find all of it done below
			}
			r.tighten(ctx)
		}
		r.stage(ctx, r.rising(stage))
	}
}

// rising returns the steps of a stage on the way up: repairs, then objects that are
// not there yet, for which somebody waits, and then the rest.
func (r *run) rising(stage object.Stage) []step {
	var repairs, fresh, others []step
	for _, w := range r.wanted {
		if w.stage != stage {
			continue
		}
		s := step{namespace: w.namespace, do: func(ctx context.Context) error {
			return r.settle(ctx, w, r.formUp(stage))
		}}
		_, recorded := r.record[w.at()]
		switch live := r.view.objects[w.at()]; {
		case live == nil && !recorded:
			fresh = append(fresh, s)
		case live == nil || r.view.tampered(live):
			repairs = append(repairs, s)
		default:
			others = append(others, s)
		}
	}
	return slices.Concat(repairs, fresh, others)
}

// formUp returns what an object of a stage is written as on the way up.
func (r *run) formUp(stage object.Stage) form {
	if stage == object.StageGroup {
		return r.grown
	}
	return r.named
}

// down removes what is no longer desired, stage by stage, and then lets groups
// shrink. A group keeps, by itself, the addresses that anybody still needs in
// it; so no failure elsewhere holds back the ones that are revoked.
func (r *run) down(ctx context.Context) {
	surplus := r.surplus()
	for _, stage := range stagesDown {
		var steps []step
		for _, k := range surplus {
			if r.stageOf(k) == stage {
				steps = append(steps, step{
					namespace: k.namespace,
					alone:     stage == object.StageGroup,
					do:        func(ctx context.Context) error { return r.remove(ctx, k) },
				})
			}
		}
		if stage == object.StageGroup {
			steps = append(steps, r.shrinking()...)
		}
		r.stage(ctx, steps)
	}
}

func (r *run) shrinking() []step {
	var steps []step
	for _, w := range r.wanted {
		if w.shrinks {
			steps = append(steps, step{alone: true, do: func(ctx context.Context) error {
				return r.settle(ctx, w, r.shrunk)
			}})
		}
	}
	return steps
}

// surplus returns what the zone has and shall not have, sorted.
func (r *run) surplus() []key {
	kept := map[key]bool{}
	for _, w := range r.wanted {
		kept[w.at()] = true
	}
	var out []key
	for k := range r.record {
		if !kept[k] {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, key.compare)
	return out
}

func (r *run) stageOf(k key) object.Stage {
	if u := r.view.objects[k]; u != nil {
		return stageOf(k, u.GetLabels())
	}
	return stageOf(k, nil)
}

// zoneOf returns the zone of the plan to which a live object belongs, or "".
func (r *run) zoneOf(k key) string {
	u := r.view.objects[k]
	if u == nil {
		return ""
	}
	if w := r.ward(u.GetAnnotations()[medfencev1alpha1.AnnotationZoneUID]); w != nil {
		return w.Zone
	}
	return ""
}
