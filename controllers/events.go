package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
)

// Reasons of events that name neither a condition nor a problem.
const (
	eventReleased = "Released"
	eventRepaired = "DriftRepaired"
	eventOpened   = "EnforcementEnded"
)

// What the operator was doing.
const (
	actionCompile = "Compile"
	actionApply   = "Apply"
	actionRelease = "Release"
	actionJudge   = "Judge"
	// Events that agree in all but the note are counted as one, so that repairs
	// of different kinds need actions of their own to be told apart.
	actionRestore  = "Restore"
	actionRecreate = "Recreate"
)

// maxNote is the length in bytes above which the API refuses an event's note.
const maxNote = 1024

// A notice tells of a transition. It is made by one of the constructors below.
type notice struct {
	about runtime.Object
	// related is the policy that it is about as well; nil for none.
	related runtime.Object
	kind    string // Normal or Warning
	reason  string
	action  string
	note    string
}

// An eventSink records events.
type eventSink struct{ recorder events.EventRecorder }

func (s *eventSink) record(list ...notice) {
	for _, e := range list {
		s.recorder.Eventf(e.about, e.related, e.kind, e.reason, e.action, "%s", shortenBytes(e.note, maxNote))
	}
}

// zoneTransitions returns the events of what turned on a zone.
func zoneTransitions(was, is *medfencev1alpha1.DeviceZone) []notice {
	out := readyTransition(is, was.Status.Conditions, is.Status.Conditions)
	if opened(was, is) {
		out = append(out, zoneOpened(is))
	}
	out = append(out, isolationTransitions(was, is)...)
	for _, n := range is.Status.Namespaces {
		if n.Held && !wasHeld(was, n.Name) {
			out = append(out, namespaceHeld(is, n.Name))
		}
	}
	return out
}

// isolationTransitions tells of each opening that is new, and of the last one's
// end.
func isolationTransitions(was, is *medfencev1alpha1.DeviceZone) []notice {
	var out []notice
	known := map[medfencev1alpha1.OpeningStatus]bool{}
	for _, o := range was.Status.Openings {
		known[o] = true
	}
	for _, o := range is.Status.Openings {
		if o.State == medfencev1alpha1.OpeningOpen && !known[o] {
			out = append(out, notice{
				about: is, related: openingObject(o), kind: corev1.EventTypeWarning,
				reason: medfencev1alpha1.ReasonOpened, action: actionJudge, note: openedText(o, 0),
			})
		}
	}
	before := meta.FindStatusCondition(was.Status.Conditions, medfencev1alpha1.ConditionIsolated)
	after := meta.FindStatusCondition(is.Status.Conditions, medfencev1alpha1.ConditionIsolated)
	if before == nil || after == nil || before.Status == after.Status || after.Reason == medfencev1alpha1.ReasonOpened {
		return out
	}
	kind := corev1.EventTypeNormal
	if after.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	return append(out, notice{about: is, kind: kind, reason: after.Reason, action: actionJudge, note: after.Message})
}

// openingObject returns the policy of an opening, as an event refers to it.
func openingObject(o medfencev1alpha1.OpeningStatus) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{}
	out.APIVersion, out.Kind = "cilium.io/v2", o.Kind
	if o.Kind == "NetworkPolicy" {
		out.APIVersion = "networking.k8s.io/v1"
	}
	out.Namespace, out.Name = o.Namespace, o.Name
	return out
}

// opened reports whether a zone went from Enforce to Observe.
func opened(was, is *medfencev1alpha1.DeviceZone) bool {
	a, b := was.Status.Accepted, is.Status.Accepted
	return a != nil && b != nil && a.Spec.Enforcement == medfencev1alpha1.Enforce && b.Spec.Enforcement == medfencev1alpha1.Observe
}

func wasHeld(was *medfencev1alpha1.DeviceZone, namespace string) bool {
	for _, n := range was.Status.Namespaces {
		if n.Name == namespace {
			return n.Held
		}
	}
	return false
}

// conduitTransitions returns the events of what turned on a conduit.
func conduitTransitions(was, is *medfencev1alpha1.Conduit) []notice {
	return readyTransition(is, was.Status.Conditions, is.Status.Conditions)
}

// deviceTransitions returns the events of what turned on a device. Devices are
// many: that one becomes ready is told only of one that was not.
func deviceTransitions(was, is *medfencev1alpha1.MedicalDevice) []notice {
	before := meta.FindStatusCondition(was.Status.Conditions, medfencev1alpha1.ConditionReady)
	after := meta.FindStatusCondition(is.Status.Conditions, medfencev1alpha1.ConditionReady)
	if after == nil || after.Status == metav1.ConditionTrue && (before == nil || before.Status != metav1.ConditionFalse) {
		return nil
	}
	return readyTransition(is, was.Status.Conditions, is.Status.Conditions)
}

// readyTransition tells that Ready turned, or is so for another reason.
func readyTransition(about runtime.Object, was, is []metav1.Condition) []notice {
	before := meta.FindStatusCondition(was, medfencev1alpha1.ConditionReady)
	after := meta.FindStatusCondition(is, medfencev1alpha1.ConditionReady)
	if after == nil || before != nil && before.Status == after.Status && before.Reason == after.Reason {
		return nil
	}
	kind := corev1.EventTypeNormal
	if meta.IsStatusConditionTrue(is, medfencev1alpha1.ConditionStalled) {
		kind = corev1.EventTypeWarning
	}
	return []notice{{about: about, kind: kind, reason: after.Reason, action: actionCompile, note: after.Message}}
}

// zoneOpened tells of a deliberate release (ruling 12).
func zoneOpened(zone *medfencev1alpha1.DeviceZone) notice {
	return notice{
		about: zone, kind: corev1.EventTypeWarning, reason: eventOpened, action: actionRelease,
		note: "The zone went from Enforce to Observe: its pods are no longer closed.",
	}
}

// zoneReleased tells that nothing of a deleted zone is left.
func zoneReleased(zone *medfencev1alpha1.DeviceZone) notice {
	return notice{
		about: zone, kind: corev1.EventTypeNormal, reason: eventReleased, action: actionRelease,
		note: "All policies of the zone are removed.",
	}
}

// namespaceHeld tells that a namespace stays closed although it left its zone.
func namespaceHeld(zone *medfencev1alpha1.DeviceZone, namespace string) notice {
	return notice{
		about: zone, kind: corev1.EventTypeWarning, reason: medfencev1alpha1.ReasonNamespaceHeld, action: actionApply,
		note: fmt.Sprintf("Namespace %s left the zone but stays closed while its pods run; end them, list it again, or set deletionPolicy: Release.", namespace),
	}
}

// mostRepairsTold is how many repairs of a pass have an event each. More than these
// are one deed of somebody (a namespace emptied, a script gone wrong), and an event
// for each would only delay the repairs.
const mostRepairsTold = 8

// driftRepaired tells that somebody changed policies behind our back.
func driftRepaired(zone *medfencev1alpha1.DeviceZone, repaired []apply.Change) []notice {
	if n := len(repaired); n > mostRepairsTold {
		first := repaired[0]
		return []notice{{
			about: zone, kind: corev1.EventTypeWarning, reason: eventRepaired, action: repairOf(first),
			note: fmt.Sprintf("%d policies of the zone were repaired, after somebody changed or deleted them: %s (%s)%s.",
				n, objectText(first), first.Note, more(n-1)),
		}}
	}
	var out []notice
	for _, c := range repaired {
		out = append(out, notice{
			about: zone, related: c.Object(), kind: corev1.EventTypeWarning, reason: eventRepaired, action: repairOf(c),
			note: fmt.Sprintf("%s was repaired: %s.", objectText(c), c.Note),
		})
	}
	return out
}

func repairOf(c apply.Change) string {
	if c.Recreated() {
		return actionRecreate
	}
	return actionRestore
}
