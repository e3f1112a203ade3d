package controllers

import (
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
			if diff := cmp.Diff(map[string][]string{"a": tc.closed}, l.closed()); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
			if got := len(tc.zone.Status.Policies); got != 3 {
				t.Errorf("the status has %d policies left", got)
			}
			l.forget("infusion")
			if got := l.record(tc.zone); len(got) != 3 || len(l.closed()) > 0 {
				t.Errorf("forgotten, it has %v and %v", got, l.closed())
			}
		})
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
