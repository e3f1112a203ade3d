package controllers

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

func TestAnOperatorThatWaitsIsHealthyButNotReady(t *testing.T) {
	p := &probes{waiting: "waiting: the CRDs of medfence.io are not installed"}
	answer := httptest.NewRecorder()
	p.readyz(answer, nil)
	if answer.Code != 503 || !strings.Contains(answer.Body.String(), "CRDs of medfence.io") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	p.ready()
	answer = httptest.NewRecorder()
	p.readyz(answer, nil)
	if answer.Code != 200 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestTheTargetFollowsWhatIsServed(t *testing.T) {
	for _, tc := range []struct {
		asked   string
		found   found
		want    snapshot.TargetKind
		missing string
	}{
		{"", found{ours: true}, snapshot.Netpol, ""},
		{"auto", found{ours: true, cilium: true}, snapshot.Cilium, ""},
		{"netpol", found{ours: true, cilium: true}, snapshot.Netpol, ""},
		{"cilium", found{ours: true}, snapshot.Cilium, "the CRDs of cilium.io are not installed, and --target=cilium needs them"},
		{"", found{cilium: true}, snapshot.Cilium, "the CRDs of medfence.io are not installed"},
	} {
		if got := tc.found.target(tc.asked); got != tc.want {
			t.Errorf("%+v: target %s, want %s", tc, got, tc.want)
		}
		if got := tc.found.missing(tc.asked); got != tc.missing {
			t.Errorf("%+v: missing %q, want %q", tc, got, tc.missing)
		}
	}
}

func TestWhatIsGoneIsNotCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	zone := &medfencev1alpha1.DeviceZone{}
	zone.Name = "infusion"
	zone.Status.Conditions = judgement{ready: yes("Enforced", "x")}.conditions(nil, 1, testNow)
	zone.Status.Policies = []medfencev1alpha1.PolicyReference{{Kind: "NetworkPolicy", Name: "a"}, {Kind: "NetworkPolicy", Name: "b"}}
	zone.Status.Problems = []medfencev1alpha1.ProblemStatus{warning, warning}
	m.setZone(zone)
	m.setZone(zone)
	m.applied(apply.ChangeSet{Repaired: []apply.Change{{Kind: "NetworkPolicy"}}})
	want := []string{
		"medfence_drift_repairs_total kind=NetworkPolicy 1",
		"medfence_next_expiry_timestamp_seconds 0",
		"medfence_policies kind=NetworkPolicy 2",
		"medfence_problems reason=Plaintext severity=Warn 2",
		"medfence_zones ready=True reason=Enforced 1",
	}
	if diff := cmp.Diff(want, series(t, registry)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	m.forget(plan.KindZone, types.NamespacedName{Name: "infusion"})
	if diff := cmp.Diff(want[:2], series(t, registry)); diff != "" {
		t.Errorf("after it went (-want +got)\n%s", diff)
	}
}

// series writes down all gauges and the counter of repairs.
func series(t *testing.T, from prometheus.Gatherer) []string {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetGauge() == nil && f.GetName() != "medfence_drift_repairs_total" {
				continue
			}
			words := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				words = append(words, l.GetName()+"="+l.GetValue())
			}
			words = append(words, fmt.Sprint(m.GetGauge().GetValue()+m.GetCounter().GetValue()))
			out = append(out, strings.Join(words, " "))
		}
	}
	slices.Sort(out)
	return out
}

func TestObjectsAreBelievedToBeGoneOnlyWhileTheirCRDsStand(t *testing.T) {
	b := newHappy(t, "netpol")
	asked := &crdReader{Reader: b.admin}
	g := newCRDGuard(b.admin, asked)
	for _, step := range []struct {
		listed gather.Listed
		asks   []string
	}{
		{gather.Listed{Zones: []string{"z"}, Conduits: []string{"a", "b"}, Devices: []string{"d"}}, ourCRDs}, // for the first time
		{gather.Listed{Zones: []string{"z"}, Conduits: []string{"a", "b"}, Devices: []string{"d"}}, nil},
		{gather.Listed{Zones: []string{"z"}, Conduits: []string{"b", "a", "c"}, Devices: []string{"d"}}, nil},
		{gather.Listed{Zones: []string{"z"}, Conduits: []string{"a", "e"}, Devices: []string{"d"}}, []string{"conduits.medfence.io"}},
		{gather.Listed{Zones: []string{"z"}, Conduits: []string{"a", "e"}}, []string{"medicaldevices.medfence.io"}},
		{gather.Listed{Conduits: []string{"a", "z"}}, []string{"conduits.medfence.io", "devicezones.medfence.io"}}, // of another kind it does not count
		{gather.Listed{Conduits: []string{"a", "z"}}, nil},
	} {
		asked.names = nil
		if err := g.Check(t.Context(), "infusion", step.listed); err != nil {
			t.Errorf("with all CRDs: %v", err)
		}
		slices.Sort(asked.names)
		if diff := cmp.Diff(step.asks, asked.names); diff != "" {
			t.Errorf("%v: CRDs asked for (-want +got)\n%s", step.listed, diff)
		}
	}
	for list, wanted := range map[string]string{"abc": "ac", "ab": "", "": ""} {
		if !includes(hashes(strings.Split(list, "")), hashes(strings.Split(wanted, ""))) {
			t.Errorf("%q does not include %q", list, wanted)
		}
	}
	if includes(hashes([]string{"a", "c"}), hashes([]string{"b"})) {
		t.Error("a missing object is not missed")
	}
	err := checkCRD(context.Background(), b.admin, "pumps.medfence.io")
	if unknown, ok := gather.AsUnknown(err); !ok || !strings.Contains(unknown.Message, "is missing") {
		t.Errorf("a missing CRD: %v", err)
	}
}

// A crdReader notes what it is asked for.
type crdReader struct {
	client.Reader
	mu    sync.Mutex
	names []string
}

func (r *crdReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	r.mu.Lock()
	r.names = append(r.names, key.Name)
	r.mu.Unlock()
	return r.Reader.Get(ctx, key, o, options...)
}

func TestEventsTellOnlyOfTransitions(t *testing.T) {
	b := newHappy(t, "netpol")
	conduit := &medfencev1alpha1.Conduit{}
	for i, zone := range []string{"infusoin", "infusin", "inffusion"} {
		edit(b, conduit, "library-to-pumps", func(c *medfencev1alpha1.Conduit) { c.Spec.To.Zones = []string{zone} })
		b.eventually(fmt.Sprintf("error %d to be told", i), func() error {
			if err := b.object(conduit, "library-to-pumps"); err != nil {
				return err
			}
			return differ(conduit.Generation, conduit.Status.ObservedGeneration)
		})
	}
	b.settled()
	var list eventsv1.EventList
	if err := b.admin.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list.Items {
		e := &list.Items[i]
		if e.Regarding.UID != conduit.UID {
			continue
		}
		got = append(got, e.Type+" "+e.Reason)
		if e.Series != nil {
			t.Errorf("%s came %d times", e.Reason, e.Series.Count)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"Normal Enforced", "Warning UnknownZone"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
