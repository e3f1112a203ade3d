package apply

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/medfence/medfence/internal/render/object"
)

// order asserts which writes were made, in which order; "Z" is the zone.
func (l *lab) order(got []string, want ...string) {
	l.Helper()
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], l.owner.Zone, "Z")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		l.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestWritesAreMadeInTheOrderOfStages(t *testing.T) {
	l := newLab(t)
	_, writes := l.apply(l.ward()...)
	l.order(writes,
		"create ciliumcidrgroups medfence-Z-pumps",
		"create ciliumnetworkpolicies medfence-gateway",
		"create networkpolicies medfence-gateway",
		"create ciliumclusterwidenetworkpolicies medfence-baseline-Z",
		"create networkpolicies medfence-baseline-Z",
		"create ciliumclusterwidenetworkpolicies medfence-guard-Z",
		"create ciliumclusterwidenetworkpolicies medfence-moat-Z",
	)

	// Enforce to Observe: a deliberate release, in its order.
	_, writes = l.apply(l.allow("medfence-gateway", l.name("pumps")), l.group(l.name("pumps"), "10.20.0.0/24", "2001:db8:20::/64"))
	l.order(writes,
		"delete ciliumclusterwidenetworkpolicies medfence-guard-Z",
		"delete ciliumclusterwidenetworkpolicies medfence-moat-Z",
		"delete ciliumclusterwidenetworkpolicies medfence-baseline-Z",
		"delete networkpolicies medfence-baseline-Z",
		"delete networkpolicies medfence-gateway",
	)

	// The zone is released.
	set, writes := l.apply()
	l.order(writes,
		"delete ciliumnetworkpolicies medfence-gateway",
		"delete ciliumcidrgroups medfence-Z-pumps",
	)
	if len(set.Recorded) > 0 {
		t.Errorf("recorded %v after the release", set.Recorded)
	}
	l.rest()
}

func TestAConduitIsAddedAndRemovedWithoutAGap(t *testing.T) {
	l := newLab(t)
	pumps, monitors := l.name("pumps"), l.name("monitors")
	before := []object.Object{l.group(pumps, "10.20.0.0/24"), l.allow("medfence-gateway", pumps), l.closed()}
	after := []object.Object{l.group(pumps, "10.20.0.0/24"), l.group(monitors, "10.20.1.0/24"), l.allow("medfence-gateway", pumps, monitors), l.closed()}
	l.settle(before...)
	_, writes := l.apply(after...)
	l.order(writes, "create ciliumcidrgroups medfence-Z-monitors", "update ciliumnetworkpolicies medfence-gateway")
	_, writes = l.apply(before...)
	l.order(writes, "update ciliumnetworkpolicies medfence-gateway", "delete ciliumcidrgroups medfence-Z-monitors")
}

func TestAWorkloadThatIsRenamedIsCreatedBeforeItIsDeleted(t *testing.T) {
	l := newLab(t)
	l.settle(l.netpol("medfence-old", 104), l.baseline())
	_, writes := l.apply(l.netpol("medfence-new", 104), l.baseline())
	l.order(writes, "create networkpolicies medfence-new", "delete networkpolicies medfence-old")
}

func TestAFailureStopsLaterStagesOfItsNamespaceOnly(t *testing.T) {
	l := newLab(t)
	next := l.namespace + "-next"
	l.must(shared.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: named(next)}))
	pumps := l.name("pumps")
	l.settle(l.group(pumps, "10.20.0.0/24", "10.20.9.0/24"), l.netpol("medfence-old", 104))

	l.request.Desired = []object.Object{
		l.group(pumps, "10.20.0.0/24"),
		l.netpol("medfence-a", 104), l.netpol("medfence-b", 104),
		l.baseline(), l.baselineIn(next), l.closed(),
	}
	l.sync()
	l.wire.take()
	l.wire.refuse = func(request string) bool { return request == "create networkpolicies medfence-a" }
	set, err := l.applier.Apply(t.Context(), l.request)
	if err == nil || !strings.Contains(err.Error(), "creating NetworkPolicy "+l.namespace+"/medfence-a: ") {
		t.Errorf("error = %v, want the failed create", err)
	}
	l.order(l.wire.take(),
		"create networkpolicies medfence-a",          // fails
		"create networkpolicies medfence-b",          // does not depend on it
		"create networkpolicies medfence-baseline-Z", // next door
		"update ciliumcidrgroups medfence-Z-pumps",   // a revocation waits for nobody
	)
	if len(set.Recorded) != 4 { // medfence-old is still there
		t.Errorf("recorded %v, want four objects", set.Recorded)
	}

	l.wire.refuse = nil
	l.request.Recorded = set.Recorded
	_, writes := l.apply(l.request.Desired...)
	l.order(writes,
		"create networkpolicies medfence-a",
		"create ciliumclusterwidenetworkpolicies medfence-baseline-Z",
		"create networkpolicies medfence-baseline-Z",
		"delete networkpolicies medfence-old",
	)
	l.rest(l.request.Desired...)
}

func TestAFailureOfTheClustersOwnObjectsStopsAllLaterStages(t *testing.T) {
	l := newLab(t)
	l.request.Desired = l.ward()
	l.wire.refuse = func(request string) bool { return strings.HasPrefix(request, "create ciliumcidrgroups") }
	if _, err := l.try(); err == nil {
		t.Error("no error")
	}
	l.order(l.wire.take(), "create ciliumcidrgroups medfence-Z-pumps")
}

func TestWhatTheServerRefusesIsAnErrorAndTheRestIsWritten(t *testing.T) {
	l := newLab(t)
	bad := l.netpol("medfence-bad", 104, 99999)
	l.request.Desired = []object.Object{bad, l.netpol("medfence-good", 104)}
	set, err := l.try()
	if err == nil || !strings.Contains(err.Error(), "creating NetworkPolicy "+l.namespace+"/medfence-bad: ") {
		t.Errorf("error = %v", err)
	}
	if len(set.Created) != 1 || set.Created[0].Name != "medfence-good" {
		t.Errorf("created %v, want the good one", set.Created)
	}
}

func TestACancelledApplyWritesNothingMore(t *testing.T) {
	l := newLab(t)
	l.sync()
	ctx, cancel := context.WithCancel(t.Context())
	l.wire.before = func(n int, _ string) {
		if n == 2 {
			cancel()
		}
	}
	l.request.Desired = l.ward()
	if _, err := l.applier.Apply(ctx, l.request); err == nil {
		t.Error("no error")
	}
	if n := len(l.wire.take()); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}
