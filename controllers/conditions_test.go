package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

var (
	testNow  = metav1.NewTime(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
	refusal  = medfencev1alpha1.ProblemStatus{Reason: "UnknownZone", Severity: "Refuse", Path: "spec.zone", Message: "there is no such zone"}
	warning  = medfencev1alpha1.ProblemStatus{Reason: "Plaintext", Severity: "Warn", Message: "it is in the clear"}
	outside  = medfencev1alpha1.ProblemStatus{Reason: "HostNetworkPod", Severity: "Warn", Message: "a pod is outside"}
	enforced = outcome{state: outcomeApplied, segmented: true, enforce: true}
)

// states writes conditions as "Accepted=True/Accepted ...".
func states(conditions []metav1.Condition) string {
	var out string
	for _, c := range conditions {
		if c.Type == medfencev1alpha1.ConditionIsolated {
			continue // see TestAZoneSaysWhetherItIsIsolated
		}
		out += fmt.Sprintf("%s=%s/%s ", c.Type, c.Status, c.Reason)
	}
	return out
}

func TestAZoneSaysHowItStands(t *testing.T) {
	closed := plan.Zone{Name: "z", Role: medfencev1alpha1.RoleDevice, Standing: plan.Current, Enforce: true, Namespaces: []plan.Namespace{{Name: "n"}}}
	with := func(change func(*plan.Zone)) *plan.Zone {
		z := closed
		change(&z)
		return &z
	}
	deleting := func(z *medfencev1alpha1.DeviceZone) { z.DeletionTimestamp = &testNow }
	for name, tc := range map[string]struct {
		view zoneView
		edit func(*medfencev1alpha1.DeviceZone)
		want string
	}{
		"enforced": {view: zoneView{planned: &closed},
			want: "Accepted=True/Accepted Enforced=True/Enforced Ready=True/Enforced "},
		"observing": {view: zoneView{planned: with(func(z *plan.Zone) { z.Enforce = false })},
			want: "Accepted=True/Accepted Enforced=False/Observing Ready=True/Observing "},
		"a peer": {view: zoneView{planned: with(func(z *plan.Zone) { z.Role, z.Enforce = medfencev1alpha1.RoleClinical, false })},
			want: "Accepted=True/Accepted Enforced=True/Peer Ready=True/Peer "},
		"nobody in it": {view: zoneView{planned: with(func(z *plan.Zone) { z.Namespaces = nil })},
			want: "Accepted=True/Accepted Enforced=True/NoMembers Ready=True/NoMembers "},
		"no pods": {view: zoneView{planned: with(func(z *plan.Zone) { z.Namespaces, z.Spec.Members.CIDRs = nil, []string{"10.0.0.0/8"} })},
			want: "Accepted=True/Accepted Enforced=True/NetworkOnly Ready=True/NetworkOnly "},
		"a pod outside every policy": {view: zoneView{planned: &closed, problems: []medfencev1alpha1.ProblemStatus{outside}},
			want: "Accepted=True/Accepted Enforced=True/EnforcedInPart Ready=True/EnforcedInPart "},
		"refused, with an earlier spec": {view: zoneView{planned: with(func(z *plan.Zone) { z.Standing = plan.Last }), problems: []medfencev1alpha1.ProblemStatus{refusal}},
			want: "Accepted=False/UnknownZone Enforced=True/Enforced Ready=False/UnknownZone Stalled=True/UnknownZone "},
		"refused from the start": {view: zoneView{planned: with(func(z *plan.Zone) { z.Standing, z.Enforce = plan.Absent, false }), problems: []medfencev1alpha1.ProblemStatus{refusal}},
			want: "Accepted=False/UnknownZone Enforced=False/UnknownZone Ready=False/UnknownZone Stalled=True/UnknownZone "},
		"not written yet": {view: zoneView{planned: &closed, failed: "Some policies could not be written."},
			want: "Accepted=True/Accepted Enforced=False/Writing Ready=False/Writing "},
		"altered by a webhook": {view: zoneView{planned: &closed, changes: apply.ChangeSet{Altered: []apply.Change{{Kind: "NetworkPolicy", Name: "x"}}}},
			want: "Accepted=True/Accepted Enforced=False/PolicyAltered Ready=False/PolicyAltered Stalled=True/PolicyAltered "},
		"defeated by a setting": {view: zoneView{planned: &closed, voids: []snapshot.Note{{Reason: "CiliumVoids", Message: "policy-audit-mode is true"}}},
			want: "Accepted=True/Accepted Enforced=False/CiliumVoids Ready=False/CiliumVoids Stalled=True/CiliumVoids "},
		"a setting that defeats nothing yet": {view: zoneView{planned: with(func(z *plan.Zone) { z.Enforce = false }), voids: []snapshot.Note{{Reason: "CiliumVoids", Message: "x"}}},
			want: "Accepted=True/Accepted Enforced=False/Observing Ready=True/Observing "},
		"invalid to Cilium": {view: zoneView{planned: &closed, changes: apply.ChangeSet{Invalid: []apply.Change{{Kind: "CiliumNetworkPolicy", Name: "x"}}}},
			want: "Accepted=True/Accepted Enforced=False/PolicyInvalid Ready=False/PolicyInvalid Stalled=True/PolicyInvalid "},
		"within its budget": {view: zoneView{planned: &closed, budget: &guard.Budget{Known: true, Exact: 8192, Written: 8192, Max: 16384}},
			want: "Accepted=True/Accepted Enforced=True/Enforced WithinBudget=True/WithinBudget Ready=True/Enforced "},
		"over its budget": {view: zoneView{planned: &closed, budget: &guard.Budget{Known: true, Exact: 8193, Written: 100, Max: 16384}},
			want: "Accepted=True/Accepted Enforced=True/Enforced WithinBudget=False/OverBudget Ready=True/Enforced "},
		"at a cost that nobody knows": {view: zoneView{planned: &closed, budget: &guard.Budget{Max: 16384}},
			want: "Accepted=True/Accepted Enforced=True/Enforced WithinBudget=Unknown/BudgetUnknown Ready=True/Enforced "},
		"held": {view: zoneView{planned: with(func(z *plan.Zone) { z.Namespaces[0].Held = true })}, edit: deleting,
			want: "Accepted=True/Accepted Enforced=True/Enforced Ready=False/Held Stalled=True/Held "},
		"going": {view: zoneView{planned: with(func(z *plan.Zone) { z.Released, z.Namespaces = true, nil })}, edit: deleting,
			want: "Accepted=True/Accepted Enforced=False/Releasing Ready=False/Releasing "},
		"unknown": {view: zoneView{unknown: "a CRD is missing"},
			want: "Accepted=Unknown/InputUnknown Enforced=Unknown/InputUnknown Ready=Unknown/InputUnknown "},
	} {
		t.Run(name, func(t *testing.T) {
			closed.Namespaces = []plan.Namespace{{Name: "n"}}
			zone := &medfencev1alpha1.DeviceZone{}
			zone.Generation = 7
			if tc.edit != nil {
				tc.edit(zone)
				tc.view.planned.Namespaces = slices.Clone(tc.view.planned.Namespaces)
			}
			tc.view.was, tc.view.now = zone, testNow
			status := tc.view.status()
			zone.Status = status
			golden(t, name, zone)
			if diff := cmp.Diff(tc.want, states(status.Conditions)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, c := range status.Conditions {
				if c.ObservedGeneration != 7 || c.Message == "" || c.LastTransitionTime != testNow {
					t.Errorf("incomplete: %+v", c)
				}
			}
		})
	}
}

func TestADeviceSaysHowItStands(t *testing.T) {
	pods := deviceFacts{subject: subject{Standing: plan.Current}, Zone: "z", Workload: true, Pods: 2}
	with := func(change func(*deviceFacts)) deviceFacts {
		f := pods
		change(&f)
		return f
	}
	for name, tc := range map[string]struct {
		view deviceView
		want string
	}{
		"enforced": {deviceView{facts: pods, zone: enforced},
			"Accepted=True/Accepted Enforced=True/Enforced Ready=True/Enforced "},
		"observing": {deviceView{facts: pods, zone: outcome{state: outcomeApplied, segmented: true}},
			"Accepted=True/Accepted Enforced=False/Observing Ready=True/Observing "},
		"without pods": {deviceView{facts: with(func(f *deviceFacts) { f.Workload, f.Pods, f.Addresses = false, 0, 1 }), zone: enforced},
			"Accepted=True/Accepted Enforced=False/NetworkOnly Ready=True/NetworkOnly "},
		"no pod yet": {deviceView{facts: with(func(f *deviceFacts) { f.Pods = 0 }), zone: enforced},
			"Accepted=True/Accepted Enforced=True/NoMembers Ready=True/NoMembers "},
		"a pod outside every policy": {deviceView{facts: with(func(f *deviceFacts) { f.Problems = []medfencev1alpha1.ProblemStatus{outside} }), zone: enforced},
			"Accepted=True/Accepted Enforced=True/EnforcedInPart Ready=True/EnforcedInPart "},
		"refused": {deviceView{facts: deviceFacts{subject: subject{Standing: plan.Absent, Problems: []medfencev1alpha1.ProblemStatus{refusal}}}},
			"Accepted=False/UnknownZone Enforced=False/UnknownZone Ready=False/UnknownZone Stalled=True/UnknownZone "},
		"its zone not written": {deviceView{facts: pods, zone: outcome{state: outcomeFailed, message: "not yet"}},
			"Accepted=True/Accepted Enforced=False/Writing Ready=False/Writing "},
		"its zone unknown": {deviceView{facts: pods, zone: outcome{state: outcomeUnknown, message: "a CRD is missing"}},
			"Accepted=True/Accepted Enforced=Unknown/InputUnknown Ready=Unknown/InputUnknown "},
	} {
		t.Run(name, func(t *testing.T) {
			device := &medfencev1alpha1.MedicalDevice{}
			device.Generation = 7
			tc.view.was, tc.view.now = device, testNow
			device.Status = tc.view.status()
			golden(t, name, device)
			if diff := cmp.Diff(tc.want, states(device.Status.Conditions)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAConduitSaysHowItStands(t *testing.T) {
	open := conduitFacts{subject: subject{Standing: plan.Current}, State: plan.Active, Point: medfencev1alpha1.EnforcedByCluster, Opens: true}
	with := func(change func(*conduitFacts)) conduitFacts {
		f := open
		change(&f)
		return f
	}
	peer := outcome{state: outcomeApplied}
	both := []outcome{enforced, peer}
	for name, tc := range map[string]struct {
		view conduitView
		want string
	}{
		"enforced": {conduitView{facts: open, zones: both},
			"Accepted=True/Accepted Enforced=True/Enforced Ready=True/Enforced "},
		"one zone in Observe": {conduitView{facts: open, zones: []outcome{enforced, {state: outcomeApplied, segmented: true}}},
			"Accepted=True/Accepted Enforced=False/Observing Ready=True/Observing "},
		"expired": {conduitView{facts: with(func(f *conduitFacts) { f.State = plan.Expired }), zones: both},
			"Accepted=True/Accepted Enforced=False/Expired Ready=True/Expired "},
		"scheduled": {conduitView{facts: with(func(f *conduitFacts) { f.State = plan.Scheduled }), zones: both},
			"Accepted=True/Accepted Enforced=False/Scheduled Ready=True/Scheduled "},
		"without pods": {conduitView{facts: with(func(f *conduitFacts) { f.Point = medfencev1alpha1.EnforcedByNetwork }), zones: both},
			"Accepted=True/Accepted Enforced=False/NetworkOnly Ready=True/NetworkOnly "},
		"nobody on a side": {conduitView{facts: with(func(f *conduitFacts) { f.Point = "" }), zones: both},
			"Accepted=True/Accepted Enforced=False/NoMembers Ready=True/NoMembers "},
		"in part": {conduitView{facts: with(func(f *conduitFacts) { f.Partly = true }), zones: both},
			"Accepted=True/Accepted Enforced=True/EnforcedInPart Ready=True/EnforcedInPart "},
		"not at all": {conduitView{facts: with(func(f *conduitFacts) { f.Opens = false }), zones: both},
			"Accepted=True/Accepted Enforced=False/Unenforceable Ready=False/Unenforceable Stalled=True/Unenforceable "},
		"refused, with an earlier spec": {conduitView{facts: with(func(f *conduitFacts) { f.Standing, f.Problems = plan.Last, []medfencev1alpha1.ProblemStatus{refusal} }), zones: both},
			"Accepted=False/UnknownZone Enforced=True/Enforced Ready=False/UnknownZone Stalled=True/UnknownZone "},
		"stopped by others": {conduitView{facts: open, zones: []outcome{{state: outcomeApplied, segmented: true, enforce: true, closures: "orders\tNetworkPolicy clinic/deny-all stops it."}}},
			"Accepted=True/Accepted Enforced=False/FlowClosed Ready=False/FlowClosed Stalled=True/FlowClosed "},
		"a zone not written": {conduitView{facts: open, zones: []outcome{enforced, {state: outcomeFailed, message: "not yet"}}},
			"Accepted=True/Accepted Enforced=False/Writing Ready=False/Writing "},
		"a zone unknown": {conduitView{facts: open, zones: []outcome{enforced, {state: outcomeUnknown, message: "a CRD is missing"}}},
			"Accepted=True/Accepted Enforced=Unknown/InputUnknown Ready=Unknown/InputUnknown "},
	} {
		t.Run(name, func(t *testing.T) {
			conduit := &medfencev1alpha1.Conduit{}
			conduit.Name, conduit.Generation = "orders", 7
			tc.view.was, tc.view.now = conduit, testNow
			conduit.Status = tc.view.status()
			golden(t, name, conduit)
			if diff := cmp.Diff(tc.want, states(conduit.Status.Conditions)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTimesTurnOnlyWithTheirConditions(t *testing.T) {
	device := &medfencev1alpha1.MedicalDevice{}
	view := deviceView{was: device, now: testNow, facts: deviceFacts{subject: subject{Standing: plan.Current}, Zone: "z", Workload: true, Pods: 1}, zone: enforced}
	device.Status = view.status()
	before := *device.Status.DeepCopy()
	view.now = metav1.NewTime(testNow.Add(time.Hour))
	if diff := cmp.Diff(before, view.status()); diff != "" {
		t.Errorf("a second look changed the status:\n%s", diff)
	}
	view.facts.Pods = 0
	for _, c := range view.status().Conditions {
		if c.LastTransitionTime != testNow {
			t.Errorf("%s did not turn, but its time did", c.Type)
		}
	}
	view.zone.enforce = false
	for _, c := range view.status().Conditions {
		if turned := c.LastTransitionTime == view.now; turned != (c.Type == medfencev1alpha1.ConditionEnforced) {
			t.Errorf("%s: its time turned: %v", c.Type, turned)
		}
	}
}

func TestOnlySomeProblemsAreListedAndAllAreCounted(t *testing.T) {
	device := &medfencev1alpha1.MedicalDevice{}
	view := deviceView{was: device, now: testNow, zone: enforced}
	view.facts.Problems = append([]medfencev1alpha1.ProblemStatus{refusal}, slices.Repeat([]medfencev1alpha1.ProblemStatus{warning}, 40)...)
	status := view.status()
	if len(status.Problems) != maxProblems || status.Warnings != 40 || status.Problems[0] != refusal {
		t.Errorf("%d listed, %d warnings, first %v", len(status.Problems), status.Warnings, status.Problems[0])
	}
}

func TestARefusedSpecKeepsWhatWasAccepted(t *testing.T) {
	was := &medfencev1alpha1.AcceptedDevice{Generation: 1, Since: metav1.NewTime(testNow.Add(-time.Hour))}
	device := &medfencev1alpha1.MedicalDevice{}
	device.Generation, device.Status.Accepted = 2, was
	view := deviceView{was: device, now: testNow, facts: deviceFacts{subject: subject{Standing: plan.Last}}}
	if got := view.status().Accepted; !cmp.Equal(got, was) {
		t.Errorf("accepted is %v", got)
	}
	view.facts.Standing = plan.Current
	if got := view.status().Accepted; got.Generation != 2 || !got.Since.Equal(&was.Since) {
		t.Errorf("accepted is %v", got)
	}
}

func TestAZoneOverItsBudgetSaysWhatToSet(t *testing.T) {
	got := judgeBudget(guard.Budget{Known: true, Exact: 20000, Written: 300, Max: 16384})
	want := "The exact guard would take about 20000 entries of a policy map, more than half of bpf-policy-map-max (16384), so a coarser one of 300 is written; raise bpf-policy-map-max in Cilium to 65536."
	if got.message != want {
		t.Errorf("got  %s\nwant %s", got.message, want)
	}
}

// Nothing gets better before somebody splits the zone: it is stalled, and nobody
// reads that the operator is about to try again.
func TestAZoneWithTooManyPoliciesSaysWhatToDo(t *testing.T) {
	changes := apply.ChangeSet{Unrecordable: []apply.Change{{Kind: "NetworkPolicy", Namespace: "icu", Name: "medfence-x"}, {Kind: "NetworkPolicy", Name: "y"}}}
	zone := &medfencev1alpha1.DeviceZone{}
	view := zoneView{
		was: zone, now: testNow, changes: changes, failed: failure(nil, changes),
		planned: &plan.Zone{Role: medfencev1alpha1.RoleDevice, Enforce: true, Standing: plan.Current, Namespaces: []plan.Namespace{{Name: "icu"}}},
	}
	got := view.status()
	want := "The zone has more policies than the 4096 that its status can record: NetworkPolicy icu/medfence-x is not written (1 more); split the zone, or give devices with equal conduits one podSelector."
	if len(got.Problems) != 1 || got.Problems[0].Reason != "TooManyPolicies" || got.Problems[0].Message != want {
		t.Errorf("the problems are %v", got.Problems)
	}
	for _, c := range got.Conditions {
		if c.Type == "Ready" && (c.Status != "False" || c.Message != want) || c.Type == "Stalled" && c.Status != "True" {
			t.Errorf("%s=%s: %s", c.Type, c.Status, c.Message)
		}
	}
	if !hasCondition(got.Conditions, medfencev1alpha1.ConditionStalled) {
		t.Error("it is not stalled")
	}
}

func TestAPolicyThatIsTooLargeIsNamedAsSuch(t *testing.T) {
	for _, err := range []error{
		apierrors.NewRequestEntityTooLargeError("limit is 3145728"),
		apierrors.NewInternalError(errors.New("etcdserver: request is too large")),
		fmt.Errorf("creating NetworkPolicy icu/x: %w", apierrors.NewInternalError(errors.New("etcdserver: request is too large"))),
	} {
		if got := failure(err, apply.ChangeSet{}); !strings.HasPrefix(got, "A policy is larger than the API server can store; ") {
			t.Errorf("%v: %s", err, got)
		}
	}
	if got := failure(apierrors.NewInternalError(errors.New("x")), apply.ChangeSet{}); strings.Contains(got, "larger") {
		t.Error(got)
	}
}
