package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

// partReasons are the warnings about a zone that say that not all of it can be
// enforced.
var partReasons = []string{
	medfencev1alpha1.ReasonUnenforceable,
	medfencev1alpha1.ReasonHostNetworkPod,
	medfencev1alpha1.ReasonSecondaryInterface,
	medfencev1alpha1.ReasonPodReservedLabel,
}

// A zoneView is all that a zone's status follows from.
type zoneView struct {
	was *medfencev1alpha1.DeviceZone
	now metav1.Time
	// unknown says why nothing was compiled; the rest is then empty.
	unknown string
	// planned is the zone in the plan.
	planned  *plan.Zone
	problems []medfencev1alpha1.ProblemStatus
	changes  apply.ChangeSet
	// voids are settings of Cilium's that defeat the zone's policies.
	voids []snapshot.Note
	// budget is what the guard costs; nil without one.
	budget *guard.Budget
	// isolation is what others do to the zone; nil in a pass that did not judge.
	isolation *isolation
	// rangesMatch is true where Cilium's prefixes match more than addresses.
	rangesMatch bool
	// failed says, in stable words, what could not be written.
	failed string
}

// status returns the status that says what the view saw.
func (v zoneView) status() medfencev1alpha1.DeviceZoneStatus {
	out := *v.was.Status.DeepCopy()
	out.ObservedGeneration = v.was.Generation
	if v.unknown != "" {
		out.Conditions = inputUnknown(out.Conditions, v.was.Generation, v.now, v.unknown)
		return out
	}
	out.Devices = int32(v.planned.Devices)
	out.Pods = int32(v.planned.Pods)
	out.Unregistered = int32(v.planned.Unregistered)
	out.Conduits = int32(v.planned.Conduits)
	out.Policies = v.changes.Recorded
	out.Namespaces = v.namespaces()
	problems := v.allProblems()
	out.Problems, out.Warnings = listProblems(problems)
	out.Accepted = v.accepted()
	out.Openings = v.openings()
	out.Conditions = v.judge(problems).conditions(out.Conditions, v.was.Generation, v.now)
	out.Conditions = v.setIsolated(out.Conditions, out.Openings)
	return out
}

// accepted returns the last spec that compiled: the current one, if it did.
func (v zoneView) accepted() *medfencev1alpha1.AcceptedZone {
	old := v.was.Status.Accepted
	if v.planned.Standing != plan.Current {
		return old
	}
	if old != nil && old.Generation == v.was.Generation {
		return old
	}
	next := &medfencev1alpha1.AcceptedZone{Generation: v.was.Generation, Since: v.now, Spec: *v.was.Spec.DeepCopy()}
	if old != nil {
		next.Since = old.Since
	}
	return next
}

// namespaces lists what the zone keeps closed, or is about to.
func (v zoneView) namespaces() []medfencev1alpha1.NamespaceStatus {
	closed := v.baselines()
	byName := map[string]medfencev1alpha1.NamespaceStatus{}
	for name := range closed {
		byName[name] = medfencev1alpha1.NamespaceStatus{Name: name, Baseline: true}
	}
	if v.planned.Enforce {
		for _, n := range v.planned.Namespaces {
			byName[n.Name] = medfencev1alpha1.NamespaceStatus{Name: n.Name, Held: n.Held, Baseline: closed[n.Name]}
		}
	}
	out := make([]medfencev1alpha1.NamespaceStatus, 0, len(byName))
	for _, n := range byName {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b medfencev1alpha1.NamespaceStatus) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// baselines returns the namespaces in which the zone's baseline stands.
func (v zoneView) baselines() map[string]bool {
	name, out := object.BaselineName(v.planned.Name), map[string]bool{}
	for _, ref := range v.changes.Recorded {
		if ref.Name != name && !strings.HasPrefix(ref.Name, name+"-") {
			continue
		}
		switch ref.Kind {
		case "NetworkPolicy":
			out[ref.Namespace] = true
		case "CiliumClusterwideNetworkPolicy":
			for _, n := range v.planned.Namespaces {
				out[n.Name] = true
			}
		}
	}
	return out
}

// allProblems adds what applying found out to what compiling did.
func (v zoneView) allProblems() []medfencev1alpha1.ProblemStatus {
	out := slices.Clone(v.problems)
	warn := func(reason, message string) {
		out = append(out, medfencev1alpha1.ProblemStatus{
			Reason: reason, Severity: medfencev1alpha1.SeverityOf(reason), Message: shorten(message, maxMessage),
		})
	}
	for _, c := range v.changes.Foreign {
		warn(medfencev1alpha1.ReasonForeignObject,
			fmt.Sprintf("%s belongs to somebody else; %s; rename or delete theirs", objectText(c), c.Note))
	}
	for _, c := range v.changes.Altered {
		warn(medfencev1alpha1.ReasonPolicyAltered,
			fmt.Sprintf("%s comes back changed (%s); exempt what bears the label app.kubernetes.io/managed-by=medfence from the admission webhook that does it",
				objectText(c), c.Note))
	}
	if len(v.changes.Unrecordable) > 0 {
		warn(medfencev1alpha1.ReasonTooManyPolicies, tooMany(v.changes))
	}
	return sortProblems(out)
}

// objectText returns "NetworkPolicy icu/medfence-pump".
func objectText(c apply.Change) string {
	if c.Namespace == "" {
		return c.Kind + " " + c.Name
	}
	return c.Kind + " " + c.Namespace + "/" + c.Name
}

// judge says how the zone stands.
func (v zoneView) judge(problems []medfencev1alpha1.ProblemStatus) judgement {
	j := judgement{accepted: judgeSpec(&subject{Problems: problems})}
	j.enforced = v.judgeEnforced(problems, j.accepted)
	if v.budget != nil {
		j.budget = new(judgeBudget(*v.budget))
	}
	switch {
	case !v.was.DeletionTimestamp.IsZero():
		j.ready, j.stalled = v.judgeDeletion()
	case j.accepted.status == metav1.ConditionFalse:
		j.ready, j.stalled = j.accepted, true
	case slices.Contains(defeatReasons, j.enforced.reason):
		j.ready, j.stalled = j.enforced, true
	case j.enforced.reason == medfencev1alpha1.ReasonWriting:
		j.ready = j.enforced
	case v.open() > 0:
		j.ready, j.stalled = no(medfencev1alpha1.ReasonOpened, openedText(v.openings()[0], v.open()-1)), true
	default:
		j.ready = yes(j.enforced.reason, j.enforced.message)
	}
	return j
}

func (v zoneView) judgeEnforced(problems []medfencev1alpha1.ProblemStatus, accepted finding) finding {
	z := v.planned
	switch {
	case len(v.changes.Unrecordable) > 0:
		return no(medfencev1alpha1.ReasonTooManyPolicies, v.failed)
	case v.failed != "":
		return no(medfencev1alpha1.ReasonWriting, v.failed)
	case z.Released:
		return no(medfencev1alpha1.ReasonReleasing, "The zone is being deleted and its policies are removed.")
	case z.Standing == plan.Absent:
		return refusedFinding(accepted)
	case hasReason(problems, medfencev1alpha1.ReasonPolicyAltered):
		return no(medfencev1alpha1.ReasonPolicyAltered, "A policy comes back changed from the API server; the problems in status say which.")
	case len(v.changes.Invalid) > 0:
		return no(medfencev1alpha1.ReasonPolicyInvalid, v.invalidWords())
	case z.Role != medfencev1alpha1.RoleDevice:
		return yes(medfencev1alpha1.ReasonPeer, "The zone is a peer: it is restricted only towards Device zones.")
	case !z.Enforce:
		return no(medfencev1alpha1.ReasonObserving, "The zone is in Observe: nothing is denied; set enforcement: Enforce to close it.")
	case len(v.voids) > 0:
		return no(v.voids[0].Reason, "Nothing of the zone is enforced, since "+v.voids[0].Message+more(len(v.voids)-1)+".")
	}
	return v.judgeMembers(problems)
}

// defeatReasons are those of a zone that is written but does not hold: the user
// must act.
var defeatReasons = []string{
	medfencev1alpha1.ReasonPolicyAltered,
	medfencev1alpha1.ReasonPolicyInvalid,
	medfencev1alpha1.ReasonCiliumVoids,
	medfencev1alpha1.ReasonTooManyPolicies,
}

// invalidWords says which policy Cilium does not take. Its own words may change
// from one version to the next; they are quoted short.
func (v zoneView) invalidWords() string {
	first := v.changes.Invalid[0]
	why := "it does not say why"
	if first.Note != "" {
		why = "it says: " + shorten(first.Note, maxQuote)
	}
	return fmt.Sprintf("Cilium does not take %s%s (%s); look at the log of its operator, and report it.",
		objectText(first), more(len(v.changes.Invalid)-1), why)
}

// maxQuote is how much of the words of others a message has.
const maxQuote = 200

// more returns " (2 more)", or nothing.
func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%d more)", n)
}

// judgeMembers says how a Device zone in Enforce stands.
func (v zoneView) judgeMembers(problems []medfencev1alpha1.ProblemStatus) finding {
	z := v.planned
	switch {
	case len(z.Namespaces) == 0 && len(z.Prefixes) == 0 && len(z.Spec.Members.CIDRs) == 0:
		return yes(medfencev1alpha1.ReasonNoMembers, "The zone has no members yet; add namespaces or cidrs.")
	case len(z.Namespaces) == 0:
		return yes(medfencev1alpha1.ReasonNetworkOnly, "The zone has no namespaces: the hospital's switches and firewalls must enforce it.")
	case hasReason(problems, partReasons...):
		return yes(medfencev1alpha1.ReasonEnforcedInPart, "The zone is closed but for what its warnings name.")
	}
	return yes(medfencev1alpha1.ReasonEnforced, "Every flow of the zone's pods that no conduit permits is denied.")
}

// judgeDeletion says what a zone that is being deleted waits for.
func (v zoneView) judgeDeletion() (ready finding, stalled bool) {
	var held []string
	for _, n := range v.planned.Namespaces {
		if n.Held {
			held = append(held, n.Name)
		}
	}
	if len(held) == 0 {
		return no(medfencev1alpha1.ReasonReleasing, "The zone is being deleted and its policies are removed."), false
	}
	return no(medfencev1alpha1.ReasonHeld, fmt.Sprintf(
		"%s still run in %s, which therefore stays closed; end them, or set deletionPolicy: Release to open it.",
		counted(v.planned.Pods, "pod", "pods"), strings.Join(held, ", "))), true
}

// outcome tells the zone's devices and conduits how the pass ended.
func (v zoneView) outcome() outcome {
	if v.unknown != "" {
		return outcome{state: outcomeUnknown, message: v.unknown}
	}
	o := outcome{
		state:     outcomeApplied,
		segmented: v.planned.Role == medfencev1alpha1.RoleDevice && v.planned.Standing != plan.Absent && !v.planned.Released,
		enforce:   v.planned.Enforce,
		closures:  v.closures(),
	}
	switch {
	case v.failed != "":
		o.state, o.message = outcomeFailed, v.failed
	case len(v.changes.Altered) > 0:
		o.state, o.message = outcomeFailed, "A policy of the zone comes back changed from the API server; the zone's problems say which."
	case len(v.changes.Invalid) > 0:
		o.state, o.message = outcomeFailed, "Cilium does not take a policy of the zone; the zone's status says which."
	case len(v.voids) > 0 && v.planned.Enforce:
		o.state, o.message = outcomeFailed, "A setting of Cilium's defeats the policies of the zone; the zone's status says which."
	}
	return o
}
