package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/apply"
)

var (
	aGroup  = apply.Change{Kind: "CiliumCIDRGroup", Name: "medfence-ehr-1"}
	aPolicy = apply.Change{Kind: "CiliumNetworkPolicy", Namespace: "beds", Name: "medfence-gateway"}
)

func waitingFor(objects ...apply.Change) apply.ChangeSet {
	return apply.ChangeSet{Waiting: []apply.Change{{Kind: "CiliumClusterwideNetworkPolicy", Name: "medfence-guard-a"}}, Awaited: objects}
}

func TestWhoWaitsLooksAgainLessAndLessOften(t *testing.T) {
	w, now := newWaits(), time.Now()
	var got []time.Duration
	for range 7 {
		got = append(got, w.again("a", waitingFor(), now))
	}
	ms := time.Millisecond
	want := []time.Duration{20 * ms, 40 * ms, 80 * ms, 160 * ms, 300 * ms, 300 * ms, 300 * ms}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tidying := waitingFor(aPolicy)
	tidying.Tidying = true
	if first, second := w.again("t", tidying, now), w.again("t", tidying, now); first != echoDelay || second != 2*echoDelay {
		t.Errorf("one that only tidies up looks again after %s and %s", first, second)
	}
	for range 100 {
		w.again("b", waitingFor(), now)
	}
	if got := w.again("b", waitingFor(), now); got != longestWait {
		t.Errorf("after a hundred times: %s", got)
	}
	if got := w.again("a", apply.ChangeSet{}, now); got != 0 || w.again("a", waitingFor(), now) != shortestWait {
		t.Errorf("one that no longer waits is to look again after %s", got)
	}
}

func TestAWaitIsBriefUntilItHasLasted(t *testing.T) {
	w, now := newWaits(), time.Now()
	if w.brief("a", now) {
		t.Error("one that does not wait waits briefly")
	}
	w.again("a", waitingFor(), now)
	w.again("a", waitingFor(), now.Add(blipWait-time.Millisecond))
	if !w.brief("a", now.Add(blipWait-time.Millisecond)) {
		t.Error("a wait is long before its time")
	}
	if w.brief("a", now.Add(blipWait)) {
		t.Error("a wait never becomes long: looking again makes it new")
	}
	w.again("a", apply.ChangeSet{}, now)
	w.again("a", waitingFor(), now.Add(blipWait))
	if !w.brief("a", now.Add(blipWait)) {
		t.Error("a second wait counts from the first")
	}
}

func TestNewsOfWhatIsAwaitedWakeThoseWhoWaitForIt(t *testing.T) {
	w := newWaits()
	w.again("a", waitingFor(aGroup), time.Now())
	w.again("b", waitingFor(aPolicy), time.Now())
	w.again("c", waitingFor(aGroup), time.Now())
	w.again("c", apply.ChangeSet{}, time.Now())
	cases := map[string]struct {
		at   apply.Change
		want []string
	}{
		"a group":                {aGroup, []string{"a"}},
		"a policy":               {aPolicy, []string{"b"}},
		"of another name":        {apply.Change{Kind: "CiliumCIDRGroup", Name: "medfence-ehr-2"}, nil},
		"in another namespace":   {apply.Change{Kind: aPolicy.Kind, Namespace: "icu", Name: aPolicy.Name}, nil},
		"of another kind":        {apply.Change{Kind: "CiliumClusterwideNetworkPolicy", Name: aGroup.Name}, nil},
		"what somebody else has": {apply.Change{Kind: "NetworkPolicy", Namespace: "beds", Name: "theirs"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := &unstructured.Unstructured{}
			o.SetKind(tc.at.Kind)
			o.SetNamespace(tc.at.Namespace)
			o.SetName(tc.at.Name)
			if diff := cmp.Diff(tc.want, w.on(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
