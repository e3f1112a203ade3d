package controllers

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// maxProblems is how many problems a status lists; the rest is only counted.
const maxProblems = 32

// A finding is one condition without its type.
type finding struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

func yes(reason, message string) finding {
	return finding{status: metav1.ConditionTrue, reason: reason, message: message}
}

func no(reason, message string) finding {
	return finding{status: metav1.ConditionFalse, reason: reason, message: message}
}

func unknown(reason, message string) finding {
	return finding{status: metav1.ConditionUnknown, reason: reason, message: message}
}

// A judgement is what is to be said about an object.
type judgement struct {
	accepted, enforced, ready finding
	// budget is nil where there is no guard.
	budget *finding
	// stalled is true when nothing gets better before the user acts.
	stalled bool
}

// conditions returns the conditions that say a judgement. Those of others, and
// the times of those that did not turn, stay as they are.
func (j judgement) conditions(have []metav1.Condition, generation int64, now metav1.Time) []metav1.Condition {
	out := slices.Clone(have)
	set := func(kind string, f finding) { out = setCondition(out, kind, f, generation, now) }
	set(medfencev1alpha1.ConditionAccepted, j.accepted)
	set(medfencev1alpha1.ConditionEnforced, j.enforced)
	if j.budget != nil {
		set(medfencev1alpha1.ConditionWithinBudget, *j.budget)
	} else {
		meta.RemoveStatusCondition(&out, medfencev1alpha1.ConditionWithinBudget)
	}
	set(medfencev1alpha1.ConditionReady, j.ready)
	if j.stalled {
		set(medfencev1alpha1.ConditionStalled, yes(j.ready.reason, j.ready.message))
	} else {
		meta.RemoveStatusCondition(&out, medfencev1alpha1.ConditionStalled)
	}
	return out
}

// setCondition sets one condition; its time stays if it did not turn.
func setCondition(list []metav1.Condition, kind string, f finding, generation int64, now metav1.Time) []metav1.Condition {
	meta.SetStatusCondition(&list, metav1.Condition{
		Type: kind, Status: f.status, Reason: f.reason, Message: shorten(f.message, maxMessage),
		ObservedGeneration: generation, LastTransitionTime: now,
	})
	return list
}

func hasCondition(list []metav1.Condition, kind string) bool {
	return meta.FindStatusCondition(list, kind) != nil
}

// inputUnknown returns the conditions of an object about which nothing new can
// be known: all it says is kept, but it is no longer said to be so.
func inputUnknown(have []metav1.Condition, generation int64, now metav1.Time, message string) []metav1.Condition {
	out := slices.Clone(have)
	for _, kind := range []string{
		medfencev1alpha1.ConditionAccepted, medfencev1alpha1.ConditionEnforced, medfencev1alpha1.ConditionReady,
	} {
		if kind != medfencev1alpha1.ConditionReady && meta.FindStatusCondition(out, kind) != nil {
			continue
		}
		meta.SetStatusCondition(&out, metav1.Condition{
			Type: kind, Status: metav1.ConditionUnknown, Reason: medfencev1alpha1.ReasonInputUnknown,
			Message: shorten(message, maxMessage), ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
	meta.RemoveStatusCondition(&out, medfencev1alpha1.ConditionStalled)
	return out
}

// judgeSpec says whether the current spec is in force, from its problems.
func judgeSpec(s *subject) finding {
	worst, more := worstProblem(s.Problems)
	if worst == nil {
		return yes(medfencev1alpha1.ReasonAccepted, "The spec is in force.")
	}
	message := worst.Message
	if worst.Path != "" {
		message = worst.Path + ": " + message
	}
	if more > 0 {
		message += " (" + counted(more, "more problem", "more problems") + ")"
	}
	return no(worst.Reason, message)
}

// refusedFinding is Enforced of an object whose current spec is refused and
// which has no earlier one.
func refusedFinding(accepted finding) finding {
	return no(accepted.reason, "Nothing of it is in force, since its spec has a problem and none was accepted before.")
}

// worstProblem returns the first problem that refuses the spec, and how many
// others do.
func worstProblem(problems []medfencev1alpha1.ProblemStatus) (worst *medfencev1alpha1.ProblemStatus, more int) {
	for i := range problems {
		if problems[i].Severity != medfencev1alpha1.SeverityRefuse {
			continue
		}
		if worst == nil {
			worst = &problems[i]
			continue
		}
		more++
	}
	return worst, more
}

func hasReason(problems []medfencev1alpha1.ProblemStatus, reasons ...string) bool {
	return slices.ContainsFunc(problems, func(p medfencev1alpha1.ProblemStatus) bool {
		return slices.Contains(reasons, p.Reason)
	})
}

func problemStatus(p plan.Problem) medfencev1alpha1.ProblemStatus {
	return medfencev1alpha1.ProblemStatus{
		Reason:   p.Reason,
		Severity: p.Severity(),
		Path:     shorten(p.Path, maxPath),
		Message:  shorten(p.Message, maxMessage),
	}
}

// listProblems returns what a status lists of problems, and how many of all of
// them are warnings.
func listProblems(problems []medfencev1alpha1.ProblemStatus) (list []medfencev1alpha1.ProblemStatus, warnings int32) {
	for _, p := range problems {
		if p.Severity == medfencev1alpha1.SeverityWarn {
			warnings++
		}
	}
	return problems[:min(len(problems), maxProblems)], warnings
}

// sortProblems puts what refuses first.
func sortProblems(problems []medfencev1alpha1.ProblemStatus) []medfencev1alpha1.ProblemStatus {
	slices.SortStableFunc(problems, func(a, b medfencev1alpha1.ProblemStatus) int {
		return cmp.Or(
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return problems
}

// outcomeState tells how the last pass of a zone ended.
type outcomeState string

const (
	// outcomeApplied: the cluster holds what was rendered.
	outcomeApplied outcomeState = "Applied"
	// outcomeFailed: it does not yet; the operator tries again.
	outcomeFailed outcomeState = "Failed"
	// outcomeUnknown: the pass did not know what to render.
	outcomeUnknown outcomeState = "Unknown"
	// outcomeAbsent: there is no such zone.
	outcomeAbsent outcomeState = "Absent"
)

// An outcome is how a pass of a zone ended, as far as its devices and conduits
// must know. It is comparable.
type outcome struct {
	state outcomeState
	// segmented is true for a Device zone that is in force.
	segmented bool
	enforce   bool
	// message says what is unknown or what failed.
	message string
	// closures are what others stop of its conduits, a line each: the name of the
	// conduit, a tab, and what stops it.
	closures string
}
