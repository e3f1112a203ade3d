package controllers

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// A conduitView is all that a conduit's status follows from.
type conduitView struct {
	was *medfencev1alpha1.Conduit
	now metav1.Time
	// unknown says why nothing is known of the conduit; the rest is then empty.
	unknown string
	facts   conduitFacts
	// zones are how the last passes of its zones ended.
	zones []outcome
}

// status returns the status that says what the view saw.
func (v conduitView) status() medfencev1alpha1.ConduitStatus {
	out := *v.was.Status.DeepCopy()
	out.ObservedGeneration = v.was.Generation
	if v.unknown != "" {
		out.Conditions = inputUnknown(out.Conditions, v.was.Generation, v.now, v.unknown)
		return out
	}
	out.From, out.To, out.Services = v.facts.From, v.facts.To, v.facts.Services
	out.Expires = v.facts.Expires
	out.EnforcementPoint = v.facts.Point
	out.Problems, out.Warnings = listProblems(v.facts.Problems)
	out.Accepted = v.accepted()
	out.Ended = v.ended()
	out.Conditions = v.judge().conditions(out.Conditions, v.was.Generation, v.now)
	return out
}

// accepted returns the last spec that compiled, with its services as they were
// resolved then: the current one, if it did.
func (v conduitView) accepted() *medfencev1alpha1.AcceptedConduit {
	old := v.was.Status.Accepted
	if v.facts.Standing != plan.Current || old != nil && old.Generation == v.was.Generation {
		return old
	}
	next := &medfencev1alpha1.AcceptedConduit{
		Generation: v.was.Generation, Since: v.now, Services: v.facts.Resolved, Spec: *v.was.Spec.DeepCopy(),
	}
	if old != nil {
		next.Since = old.Since
	}
	return next
}

// ended returns the end that the conduit was seen to have passed, if it has.
func (v conduitView) ended() *metav1.Time {
	if v.facts.Standing == plan.Absent {
		return v.was.Status.Ended
	}
	at, err := time.Parse(time.RFC3339, v.facts.Expires)
	if err != nil || v.facts.State != plan.Expired {
		return nil
	}
	return &metav1.Time{Time: at}
}

// due returns when the conduit will end; the zero time if it does not, or has.
func (v conduitView) due() time.Time {
	at, err := time.Parse(time.RFC3339, v.facts.Expires)
	if err != nil || v.facts.State == plan.Expired || v.facts.Standing == plan.Absent {
		return time.Time{}
	}
	return at
}

// judge says how the conduit stands.
func (v conduitView) judge() judgement {
	j := judgement{accepted: judgeSpec(&v.facts.subject)}
	j.enforced = v.judgeEnforced(j.accepted)
	switch {
	case j.accepted.status == metav1.ConditionFalse:
		j.ready, j.stalled = j.accepted, true
	case j.enforced.reason == medfencev1alpha1.ReasonUnenforceable:
		j.ready, j.stalled = j.enforced, true
	case j.enforced.reason == medfencev1alpha1.ReasonFlowClosed:
		j.ready, j.stalled = j.enforced, true
	case j.enforced.reason == medfencev1alpha1.ReasonInputUnknown, j.enforced.reason == medfencev1alpha1.ReasonWriting:
		j.ready = j.enforced
	default:
		j.ready = yes(j.enforced.reason, j.enforced.message)
	}
	return j
}

func (v conduitView) judgeEnforced(accepted finding) finding {
	if v.facts.Standing == plan.Absent {
		return refusedFinding(accepted)
	}
	if o := v.zoneThatIs(outcomeUnknown); o != nil {
		return unknown(medfencev1alpha1.ReasonInputUnknown, o.message)
	}
	if o := v.zoneThatIs(outcomeFailed); o != nil {
		return no(medfencev1alpha1.ReasonWriting, o.message)
	}
	switch v.facts.State {
	case plan.Expired:
		return no(medfencev1alpha1.ReasonExpired, "The conduit has ended and permits nothing; move expiresAt, or delete it.")
	case plan.Scheduled:
		return no(medfencev1alpha1.ReasonScheduled, "The conduit permits nothing before its startsAt.")
	}
	return v.judgeActive()
}

// judgeActive says how a conduit stands that is in its time.
func (v conduitView) judgeActive() finding {
	f := &v.facts
	switch {
	case !f.Opens, f.Point == "" && f.Partly:
		return no(medfencev1alpha1.ReasonUnenforceable, "The cluster's network can enforce no part of the conduit, so it is not opened; its warnings say why.")
	case f.Point == "":
		return no(medfencev1alpha1.ReasonNoMembers, "Nothing can use the conduit yet: one of its sides has no members.")
	case f.Point == medfencev1alpha1.EnforcedByNetwork:
		return no(medfencev1alpha1.ReasonNetworkOnly, "No end is a pod: the hospital's switches and firewalls must permit and enforce this flow.")
	case slices.ContainsFunc(v.zones, func(o outcome) bool { return o.segmented && !o.enforce }):
		return no(medfencev1alpha1.ReasonObserving, "A zone of the conduit is in Observe: the flow passes, and so does every other.")
	case v.closing() != "":
		return no(medfencev1alpha1.ReasonFlowClosed, v.closing())
	case f.Partly:
		return yes(medfencev1alpha1.ReasonEnforcedInPart, "The flow is permitted but for what the warnings name.")
	}
	return yes(medfencev1alpha1.ReasonEnforced, "The flow is permitted, and nothing beside it.")
}

// closing returns what somebody else stops of the conduit, as its zones saw it.
func (v conduitView) closing() string {
	for _, o := range v.zones {
		if text := o.closing(v.was.Name); text != "" {
			return text
		}
	}
	return ""
}

// zoneThatIs returns the outcome of the first zone that is in a state, or nil.
func (v conduitView) zoneThatIs(state outcomeState) *outcome {
	i := slices.IndexFunc(v.zones, func(o outcome) bool { return o.state == state })
	if i < 0 {
		return nil
	}
	return &v.zones[i]
}
