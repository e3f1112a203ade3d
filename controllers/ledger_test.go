package controllers

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
)

func TestWhatIsGoneIsNotDeletedAgain(t *testing.T) {
	type refs = []medfencev1alpha1.PolicyReference
	ref := func(kind, namespace, name, uid string) medfencev1alpha1.PolicyReference {
		return medfencev1alpha1.PolicyReference{Kind: kind, Namespace: namespace, Name: name, UID: uid}
	}
	baseline := ref("NetworkPolicy", "infusion", "medfence-baseline-infusion", "1")
	beside := ref("NetworkPolicy", "annex", "medfence-baseline-infusion-2", "2")
	allow := ref("NetworkPolicy", "infusion", "medfence-pump-gateway", "3")
	again := ref("NetworkPolicy", "infusion", "medfence-pump-gateway", "4")
	zoneOf := func(uid string, recorded ...medfencev1alpha1.PolicyReference) *medfencev1alpha1.DeviceZone {
		z := &medfencev1alpha1.DeviceZone{}
		z.Name, z.UID, z.Status.Policies = "infusion", types.UID(uid), recorded
		return z
	}
	for name, tc := range map[string]struct {
		noted  refs // at the end of a pass; the status has all three
		zone   *medfencev1alpha1.DeviceZone
		want   refs
		closed []string
	}{
		"nothing went": {
			refs{baseline, beside, allow},
			zoneOf("a", baseline, beside, allow), refs{baseline, beside, allow}, []string{"infusion", "annex"},
		},
		"one went, and the status does not say so": {
			refs{baseline, beside},
			zoneOf("a", baseline, beside, allow), refs{baseline, beside}, []string{"infusion", "annex"},
		},
		"a baseline went": {
			refs{baseline, allow},
			zoneOf("a", baseline, beside, allow), refs{baseline, allow}, []string{"infusion"},
		},
		"one was made anew by that name": {
			refs{baseline, beside, again},
			zoneOf("a", baseline, beside, again), refs{baseline, beside, again}, []string{"infusion", "annex"},
		},
		"what was written and is not in the status is not to be deleted": {
			refs{baseline, beside, again},
			zoneOf("a", baseline, beside, allow), refs{baseline, beside}, []string{"infusion", "annex"},
		},
		"another zone of that name": {
			refs{baseline},
			zoneOf("b", baseline, beside, allow), refs{baseline, beside, allow}, []string{"infusion"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.note(zoneOf("a", baseline, beside, allow), apply.ChangeSet{Recorded: tc.noted})
			if diff := cmp.Diff(tc.want, l.record(tc.zone)); diff != "" {
				t.Errorf("on record (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.closed, l.Of("a")); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
			for _, n := range []string{"infusion", "annex", "elsewhere"} {
				var want []string
				if slices.Contains(tc.closed, n) {
					want = []string{"a"}
				}
				if diff := cmp.Diff(want, l.In(n)); diff != "" {
					t.Errorf("closing %s (-want +got):\n%s", n, diff)
				}
			}
			if got := len(tc.zone.Status.Policies); got != 3 {
				t.Errorf("the status has %d policies left", got)
			}
			l.forget("infusion")
			if got := l.record(tc.zone); len(got) != 3 || len(l.Of("a")) > 0 || len(l.closed)+len(l.closers) > 0 {
				t.Errorf("forgotten, it has %v, %v and %v", got, l.closed, l.closers)
			}
		})
	}
}

func TestWhatAZoneNoLongerClosesIsForgotten(t *testing.T) {
	l := newLedger()
	note := func(zone, uid string, namespaces ...string) {
		z := &medfencev1alpha1.DeviceZone{}
		z.Name, z.UID = zone, types.UID(uid)
		var set apply.ChangeSet
		for _, n := range namespaces {
			set.Recorded = append(set.Recorded, medfencev1alpha1.PolicyReference{Kind: "NetworkPolicy", Namespace: n, Name: "medfence-baseline-" + zone})
		}
		l.note(z, set)
	}
	type closers = map[string][]string
	for i, step := range []struct {
		do   func()
		want closers
	}{
		{func() { note("icu", "1", "a", "b") }, closers{"a": {"1"}, "b": {"1"}}},
		{func() { note("annex", "2", "b", "c") }, closers{"a": {"1"}, "b": {"1", "2"}, "c": {"2"}}},
		{func() { note("icu", "1", "c") }, closers{"b": {"2"}, "c": {"1", "2"}}},
		{func() { note("icu", "3", "a") }, closers{"a": {"3"}, "b": {"2"}, "c": {"2"}}},
		{func() { l.forget("annex") }, closers{"a": {"3"}}},
		{func() { l.forget("annex") }, closers{"a": {"3"}}},
		{func() { note("icu", "3") }, closers{}},
	} {
		step.do()
		got := closers{}
		for _, n := range []string{"a", "b", "c"} {
			if uids := l.In(n); len(uids) > 0 {
				got[n] = uids
			}
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Fatalf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestDiscoveryIsAskedLessAndLessOften(t *testing.T) {
	looks, at := 0, time.Duration(0)
	for at < lookFor {
		at += nextLook(at)
		looks++
	}
	if looks != 5 || at < lookFor || at > 2*lookFor {
		t.Errorf("%d looks in %s", looks, at)
	}
	if got := nextLook(at); got != lookAnyway {
		t.Errorf("then it looks again after %s", got)
	}
}
