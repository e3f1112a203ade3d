package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// A deviceView is all that a device's status follows from.
type deviceView struct {
	was *medfencev1alpha1.MedicalDevice
	now metav1.Time
	// unknown says why nothing is known of the device; the rest is then empty.
	unknown string
	facts   deviceFacts
	// zone is how the last pass of its zone ended.
	zone outcome
}

// status returns the status that says what the view saw.
func (v deviceView) status() medfencev1alpha1.MedicalDeviceStatus {
	out := *v.was.Status.DeepCopy()
	out.ObservedGeneration = v.was.Generation
	if v.unknown != "" {
		out.Conditions = inputUnknown(out.Conditions, v.was.Generation, v.now, v.unknown)
		return out
	}
	out.Located = located(&v.facts)
	out.Pods = int32(v.facts.Pods)
	out.Conduits = int32(v.facts.Conduits)
	out.Problems, out.Warnings = listProblems(v.facts.Problems)
	out.Accepted = v.accepted()
	out.Conditions = v.judge().conditions(out.Conditions, v.was.Generation, v.now)
	return out
}

// accepted returns the last spec that compiled: the current one, if it did.
func (v deviceView) accepted() *medfencev1alpha1.AcceptedDevice {
	old := v.was.Status.Accepted
	if v.facts.Standing != plan.Current || old != nil && old.Generation == v.was.Generation {
		return old
	}
	next := &medfencev1alpha1.AcceptedDevice{Generation: v.was.Generation, Since: v.now, Spec: *v.was.Spec.DeepCopy()}
	if old != nil {
		next.Since = old.Since
	}
	return next
}

// judge says how the device stands.
func (v deviceView) judge() judgement {
	j := judgement{accepted: judgeSpec(&v.facts.subject)}
	j.enforced = v.judgeEnforced(j.accepted)
	switch {
	case j.accepted.status == metav1.ConditionFalse:
		j.ready, j.stalled = j.accepted, true
	case v.zone.state == outcomeUnknown:
		j.ready = j.enforced
	case v.zone.state == outcomeFailed:
		j.ready = j.enforced
	default:
		j.ready = yes(j.enforced.reason, j.enforced.message)
	}
	return j
}

func (v deviceView) judgeEnforced(accepted finding) finding {
	f := &v.facts
	switch {
	case f.Standing == plan.Absent || f.Zone == "":
		return refusedFinding(accepted)
	case v.zone.state == outcomeUnknown:
		return unknown(medfencev1alpha1.ReasonInputUnknown, v.zone.message)
	case v.zone.state == outcomeFailed:
		return no(medfencev1alpha1.ReasonWriting, v.zone.message)
	case !v.zone.enforce:
		return no(medfencev1alpha1.ReasonObserving, "The device's zone is in Observe: nothing is denied.")
	case f.Workload && f.Pods == 0 && f.Addresses == 0:
		return yes(medfencev1alpha1.ReasonNoMembers, "No pod matches the device's podSelector yet; one that does is closed from its start.")
	case !f.Workload:
		return no(medfencev1alpha1.ReasonNetworkOnly, "The device has no pods: the hospital's switches and firewalls must enforce its segmentation.")
	case hasReason(f.Problems, partReasons...):
		return yes(medfencev1alpha1.ReasonEnforcedInPart, "The device's pods are closed but for what its warnings name.")
	}
	return yes(medfencev1alpha1.ReasonEnforced, "The device's pods reach, and are reached by, what its conduits permit and nothing else.")
}
