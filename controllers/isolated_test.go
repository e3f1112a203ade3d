package controllers

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

func TestAZoneSaysWhetherItIsIsolated(t *testing.T) {
	closed := plan.Zone{Name: "z", Role: medfencev1alpha1.RoleDevice, Standing: plan.Current, Enforce: true, Namespaces: []plan.Namespace{{Name: "n"}}}
	with := func(change func(*plan.Zone)) *plan.Zone {
		z := closed
		change(&z)
		return &z
	}
	rule := opening.Opening{
		Policy: verdict.Policy{Kind: "NetworkPolicy", Namespace: "n", Name: "all"}, Path: "spec.ingress[0]",
		Direction: verdict.Ingress, Peers: "everybody", Pods: "every pod", Traffic: verdict.EveryTraffic(),
	}
	blocked, possible := rule, rule
	blocked.Blocked, possible.Unsure = true, "it is not understood"
	found := func(list ...opening.Opening) *isolation { return &isolation{Result: opening.Result{Openings: list}} }
	way := &isolation{Result: opening.Result{Ways: []opening.Way{{Reason: "HostNetworkPod", Kind: "Pod", Namespace: "n", Name: "p", Text: "Move it."}}}}
	for name, tc := range map[string]struct {
		view zoneView
		had  string // the reason that the condition had before
		// want is status, reason and what the message says.
		want, ready string
	}{
		"nobody else":        {view: zoneView{planned: &closed, isolation: found()}, want: "True Isolated Nothing passes", ready: "True"},
		"blocked":            {view: zoneView{planned: &closed, isolation: found(blocked)}, want: "True Isolated the guard stops 1 rule of others", ready: "True"},
		"open":               {view: zoneView{planned: &closed, isolation: found(blocked, possible, rule)}, want: "False Opened NetworkPolicy n/all (spec.ingress[0]) lets pass what no conduit permits: everybody to every pod: everything", ready: "False"},
		"open twice":         {view: zoneView{planned: &closed, isolation: found(rule, rule)}, want: "False Opened (and 1 more)", ready: "False"},
		"possible":           {view: zoneView{planned: &closed, isolation: found(blocked, possible)}, want: "Unknown OpeningPossible (it is not understood)", ready: "True"},
		"a way round":        {view: zoneView{planned: &closed, isolation: way}, want: "False HostNetworkPod Pod n/p leads round every policy: Move it.", ready: "True"},
		"being written":      {view: zoneView{planned: &closed}, want: "Unknown Writing then those of others", ready: "True"},
		"written once more":  {view: zoneView{planned: &closed}, had: "Isolated", want: "True Isolated before", ready: "True"},
		"Observe":            {view: zoneView{planned: with(func(z *plan.Zone) { z.Enforce = false })}, had: "Isolated", want: "Unknown Observing not closed", ready: "True"},
		"a peer":             {view: zoneView{planned: with(func(z *plan.Zone) { z.Role, z.Enforce = medfencev1alpha1.RoleClinical, false })}, had: "Isolated", want: "", ready: "True"},
		"a setting voids it": {view: zoneView{planned: &closed, isolation: found(), voids: []snapshot.Note{{Reason: "CiliumVoids", Message: "audit"}}}, want: "False CiliumVoids Everything passes: audit.", ready: "False"},
		"invalid to Cilium":  {view: zoneView{planned: &closed, isolation: found(), changes: apply.ChangeSet{Invalid: []apply.Change{{Kind: "X", Name: "x"}}}}, want: "Unknown PolicyInvalid nobody knows", ready: "False"},
		"wide prefixes":      {view: zoneView{planned: &closed, isolation: found(), rangesMatch: true}, want: "Unknown OpeningPossible policy-cidr-match-mode", ready: "True"},
	} {
		t.Run(name, func(t *testing.T) {
			z := &medfencev1alpha1.DeviceZone{}
			if tc.had != "" {
				z.Status.Conditions = []metav1.Condition{{Type: medfencev1alpha1.ConditionIsolated, Status: metav1.ConditionTrue, Reason: tc.had, Message: "before"}}
			}
			z.Generation = 7
			tc.view.was, tc.view.now = z, testNow
			status := tc.view.status()
			z.Status = status
			golden(t, "isolation "+name, z)
			got := ""
			if c := meta.FindStatusCondition(status.Conditions, medfencev1alpha1.ConditionIsolated); c != nil {
				got = string(c.Status) + " " + c.Reason + " " + c.Message
			}
			words := strings.SplitN(tc.want+"  ", " ", 3)
			if !strings.HasPrefix(got, strings.TrimSpace(words[0]+" "+words[1])) || !strings.Contains(got, strings.TrimSpace(words[2])) || (tc.want == "") != (got == "") {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if ready := meta.FindStatusCondition(status.Conditions, medfencev1alpha1.ConditionReady); string(ready.Status) != tc.ready {
				t.Errorf("Ready is %s (%s), want %s", ready.Status, ready.Reason, tc.ready)
			}
		})
	}
}
