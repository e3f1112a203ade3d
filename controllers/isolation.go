package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// maxOpenings is how many openings a status lists; open ones come first.
const maxOpenings = 32

// An isolation is what everybody else's policies do to a zone.
type isolation struct {
	opening.Result
	// again is when it is to be looked at again, unasked; 0 is never.
	again time.Duration
}

// isolate judges the zone's isolation. In a pass that wrote something the cache
// is older than the cluster: what was said before stands, and the events of what
// was written bring the next pass.
func (r *DeviceZoneReconciler) isolate(ctx context.Context, s *zoneScope) error {
	if s.snapshot == nil || s.zone == nil || !s.view.planned.Enforce || s.view.failed != "" || s.view.changes.Written() > 0 {
		return nil
	}
	others, err := r.gather.Others(ctx, gather.Question{
		Policies: r.policies, Kinds: r.kinds, Namespaces: concerned(s.result.Plan, s.name),
		Zone: s.name, Mine: s.view.changes.Recorded, Now: s.now,
	})
	if err != nil {
		return fmt.Errorf("reading the policies of others: %w", err)
	}
	in := s.snapshot.Snapshot
	engine := verdict.NetworkPolicy
	if in.Target.Kind == snapshot.Cilium {
		engine = verdict.Cilium
	}
	s.view.isolation = &isolation{again: others.Again, Result: opening.Find(opening.Input{
		Semantics: verdict.Semantics{Engine: engine, Cluster: in.Target.Cluster},
		Plan:      s.result.Plan, Zone: s.name, Own: others.Own, Foreign: others.Foreign,
		Namespaces: in.Namespaces, Pods: in.Pods, Services: in.Services, Memory: r.memory,
	})}
	s.view.rangesMatch = in.Target.CIDRMatch
	if r.disguises.new(others.Disguised) {
		r.board.wakeZones(r.zones.all(ctx, nil))
	}
	return nil
}

// concerned returns the namespaces of a zone and of the zones that conduits join
// to it, sorted.
func concerned(p *plan.Plan, zone string) []string {
	zones := map[string]bool{zone: true}
	for i := range p.Conduits {
		c := &p.Conduits[i]
		ends := slices.Concat(c.From, c.To)
		if slices.ContainsFunc(ends, func(e plan.End) bool { return e.Zone == zone }) {
			for _, e := range ends {
				zones[e.Zone] = true
			}
		}
	}
	var out []string
	for i := range p.Zones {
		if zones[p.Zones[i].Name] {
			for _, n := range p.Zones[i].Namespaces {
				out = append(out, n.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// openings returns what a status lists: open ones first.
func (v zoneView) openings() []medfencev1alpha1.OpeningStatus {
	switch {
	case !v.planned.Enforce:
		return nil
	case v.isolation == nil:
		return v.was.Status.Openings
	}
	out := make([]medfencev1alpha1.OpeningStatus, 0, len(v.isolation.Openings))
	for i := range v.isolation.Openings {
		out = append(out, openingStatus(&v.isolation.Openings[i]))
	}
	rank := []medfencev1alpha1.OpeningState{
		medfencev1alpha1.OpeningOpen, medfencev1alpha1.OpeningPossible, medfencev1alpha1.OpeningBlocked,
	}
	slices.SortStableFunc(out, func(a, b medfencev1alpha1.OpeningStatus) int {
		return cmp.Compare(slices.Index(rank, a.State), slices.Index(rank, b.State))
	})
	if len(out) == 0 {
		return nil
	}
	return out[:min(len(out), maxOpenings)]
}

// open counts the openings that are open.
func (v zoneView) open() int {
	n := 0
	for _, o := range v.openings() {
		if o.State == medfencev1alpha1.OpeningOpen {
			n++
		}
	}
	return n
}

func openingStatus(o *opening.Opening) medfencev1alpha1.OpeningStatus {
	return medfencev1alpha1.OpeningStatus{
		Kind: o.Policy.Kind, Namespace: o.Policy.Namespace, Name: o.Policy.Name,
		Rule: shorten(o.Path, maxPath), Passes: shorten(o.Passes(), maxMessage), State: o.State(),
	}
}

// openingText names an opening's policy and rule.
func openingText(o medfencev1alpha1.OpeningStatus) string {
	return ruleText(o.Kind, o.Namespace, o.Name, o.Rule)
}

// ruleText returns "NetworkPolicy icu/allow-all (spec.ingress[0])".
func ruleText(kind, namespace, name, path string) string {
	text := objectText(apply.Change{Kind: kind, Namespace: namespace, Name: name})
	if path != "" {
		text += " (" + path + ")"
	}
	return text
}

// judgeIsolated says whether the zone is isolated; false where there is nothing
// new to be said.
func (v zoneView) judgeIsolated(openings []medfencev1alpha1.OpeningStatus) (finding, bool) {
	switch {
	case v.planned.Role != medfencev1alpha1.RoleDevice || v.planned.Standing == plan.Absent || v.planned.Released:
		return finding{}, false
	case !v.planned.Enforce:
		return unknown(medfencev1alpha1.ReasonObserving, "The zone is in Observe: it is not closed, so there is nothing that others could open."), true
	case len(v.voids) > 0:
		return no(v.voids[0].Reason, "Everything passes: "+v.voids[0].Message+"."), true
	case len(v.changes.Invalid) > 0:
		return unknown(medfencev1alpha1.ReasonPolicyInvalid, "Cilium does not take a policy of the zone, so that nobody knows what passes; status says which."), true
	case v.isolation == nil && hasCondition(v.was.Status.Conditions, medfencev1alpha1.ConditionIsolated):
		return finding{}, false
	case v.isolation == nil:
		return unknown(medfencev1alpha1.ReasonWriting, "The zone's policies are being written; then those of others are judged."), true
	case v.rangesMatch:
		return unknown(medfencev1alpha1.ReasonOpeningPossible,
			"Cilium's policy-cidr-match-mode is set, so that prefixes match pods or nodes as well, which cannot be judged here; unset it, and restart Cilium."), true
	}
	return v.isolation.judge(openings), true
}

// judge sums up what was found.
func (i *isolation) judge(openings []medfencev1alpha1.OpeningStatus) finding {
	count := map[medfencev1alpha1.OpeningState]int{}
	for _, o := range openings {
		count[o.State]++
	}
	switch {
	case count[medfencev1alpha1.OpeningOpen] > 0:
		return no(medfencev1alpha1.ReasonOpened, openedText(openings[0], count[medfencev1alpha1.OpeningOpen]-1))
	case len(i.Ways) > 0:
		w := i.Ways[0]
		return no(w.Reason, fmt.Sprintf("%s %s/%s leads round every policy%s: %s", w.Kind, w.Namespace, w.Name, also(len(i.Ways)-1), w.Text))
	case count[medfencev1alpha1.OpeningPossible] > 0:
		o := openings[0]
		return unknown(medfencev1alpha1.ReasonOpeningPossible, fmt.Sprintf(
			"%s may let pass what no conduit permits%s: %s; delete or narrow it, or look at the flows.",
			openingText(o), also(count[medfencev1alpha1.OpeningPossible]-1), o.Passes))
	case count[medfencev1alpha1.OpeningBlocked] > 0:
		return yes(medfencev1alpha1.ReasonIsolated, fmt.Sprintf(
			"Nothing passes that no conduit permits; the guard stops %s of others that would open the zone, the first in %s.",
			counted(count[medfencev1alpha1.OpeningBlocked], "rule", "rules"), openingText(openings[0])))
	}
	return yes(medfencev1alpha1.ReasonIsolated, "Nothing passes that no conduit permits, whoever wrote the policies.")
}

// openedText says what is open, and what to do.
func openedText(o medfencev1alpha1.OpeningStatus, more int) string {
	return fmt.Sprintf("%s lets pass what no conduit permits%s: %s; delete or narrow it, or declare a conduit.", openingText(o), also(more), o.Passes)
}

func also(more int) string {
	if more == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", more)
}

// closures lists, for each conduit, what others stop of it, as the outcome of a
// pass holds it: comparable.
func (v zoneView) closures() string {
	if v.isolation == nil {
		return ""
	}
	var lines []string
	for i := range v.isolation.Closures {
		c := &v.isolation.Closures[i]
		if c.Unsure != "" {
			continue
		}
		where := ruleText(c.Policy.Kind, c.Policy.Namespace, c.Policy.Name, c.Path)
		for _, conduit := range c.Conduits {
			lines = append(lines, fmt.Sprintf("%s\t%s stops the flow (%s: %s); delete or narrow it.", conduit, where, c.Peers, c.Traffic))
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// closing returns what stops a conduit, or "".
func (o outcome) closing(conduit string) string {
	for line := range strings.SplitSeq(o.closures, "\n") {
		if name, text, ok := strings.Cut(line, "\t"); ok && name == conduit {
			return text
		}
	}
	return ""
}

// setIsolated adds the condition Isolated to the others, or takes it away from a
// zone that has no isolation to speak of.
func (v zoneView) setIsolated(conditions []metav1.Condition, openings []medfencev1alpha1.OpeningStatus) []metav1.Condition {
	f, ok := v.judgeIsolated(openings)
	if !ok {
		if v.planned.Enforce {
			return conditions
		}
		return slices.DeleteFunc(conditions, func(c metav1.Condition) bool { return c.Type == medfencev1alpha1.ConditionIsolated })
	}
	return setCondition(conditions, medfencev1alpha1.ConditionIsolated, f, v.was.Generation, v.now)
}
