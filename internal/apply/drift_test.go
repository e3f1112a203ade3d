package apply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/render/object"
)

func TestNothingToDoMakesNoRequest(t *testing.T) {
	l := newLab(t)
	l.settle(l.ward()...)
	l.rest(l.ward()...)
	l.restart()
	l.rest(l.ward()...)
}

func TestForeignLabelsAnnotationsAndStatusAreLeft(t *testing.T) {
	l := newLab(t)
	l.settle(l.ward()...)
	k := atOf(l.allow("medfence-gateway"))
	l.patch(k, `{"metadata":{"labels":{"team":"a"},"annotations":{"argocd.argoproj.io/tracking-id":"b"}}}`)
	l.must(shared.admin.Status().Patch(t.Context(), blank(k), mergePatch(`{"status":{"conditions":[{"type":"Valid","status":"True"}]}}`)))
	l.rest(l.ward()...)

	l.patch(k, `{"spec":{"ingress":[{}]}}`)
	l.settle(l.ward()...)
	got := l.live(k)
	if got.GetLabels()["team"] != "a" || got.GetAnnotations()["argocd.argoproj.io/tracking-id"] != "b" || got.Object["status"] == nil {
		t.Errorf("the repair took what is not ours: %s", asJSON(got.Object))
	}
}

// drifts are what somebody else may do to the objects of a ward, and how it is
// told.
var drifts = map[string]struct {
	of    func(*lab) object.Object
	patch string
	note  string
}{
	"a rule that lets everything in is added to a baseline": {
		of: (*lab).baseline, patch: `{"spec":{"ingress":[{}]}}`, note: "spec.ingress added"},
	"an egress rule is added to a baseline": {
		of: (*lab).baseline, patch: `{"spec":{"egress":[{}]}}`, note: "spec.egress added"},
	"a baseline is narrowed to pods that do not exist": {
		of: (*lab).baseline, patch: `{"spec":{"podSelector":{"matchLabels":{"app":"none"}}}}`, note: "spec.podSelector.matchLabels added"},
	"a baseline loses a direction": {
		of: (*lab).baseline, patch: `{"spec":{"policyTypes":["Ingress"]}}`, note: "spec.policyTypes[1] removed"},
	"a port is edited": {
		of:    func(l *lab) object.Object { return l.netpol("medfence-gateway") },
		patch: `{"spec":{"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"pump"}}}],"ports":[{"protocol":"TCP","port":23}]}]}}`,
		note:  "spec.ingress[0].ports[0].port changed, spec.ingress[0].ports[1] removed"},
	"a cluster-wide baseline is opened": {
		of: (*lab).closed, patch: `{"spec":{"ingress":[{"fromEntities":["all"]}]}}`, note: "spec.ingress[0].fromEntities added"},
	"specs are added beside the spec": {
		of: (*lab).closed, patch: `{"specs":[{"endpointSelector":{},"ingress":[{"fromEntities":["all"]}]}]}`, note: "specs added"},
	"a cluster-wide baseline no longer denies": {
		of: (*lab).closed, patch: `{"spec":{"enableDefaultDeny":{"ingress":false,"egress":false}}}`, note: "spec.enableDefaultDeny added"},
	"an allow is widened": {
		of:    func(l *lab) object.Object { return l.allow("medfence-gateway") },
		patch: `{"spec":{"egress":[{"toEntities":["all"]}]}}`,
		note:  "spec.egress[0].toCIDRSet removed, spec.egress[0].toEntities added, spec.egress[0].toPorts removed"},
	"a group is widened": {
		of:    func(l *lab) object.Object { return l.group(l.name("pumps")) },
		patch: `{"spec":{"externalCIDRs":["10.20.0.0/24","2001:db8:20::/64","0.0.0.0/0"]}}`, note: "spec.externalCIDRs[2] added"},
	"a group is emptied": {
		of:    func(l *lab) object.Object { return l.group(l.name("pumps")) },
		patch: `{"spec":{"externalCIDRs":[]}}`, note: "spec.externalCIDRs[0] removed, spec.externalCIDRs[1] removed"},
	"our labels are changed": {
		of: (*lab).baseline, patch: `{"metadata":{"labels":{"medfence.io/zone":"other","app.kubernetes.io/managed-by":null}}}`,
		note: "label app.kubernetes.io/managed-by removed, label medfence.io/zone changed"},
	"a label like ours is added": {
		of: (*lab).baseline, patch: `{"metadata":{"labels":{"medfence.io/extra":"x"}}}`, note: "label medfence.io/extra added"},
	"all our annotations are stripped": {
		of:    (*lab).baseline,
		patch: `{"metadata":{"annotations":null}}`,
		note:  "annotation medfence.io/intent removed, annotation medfence.io/permits removed, annotation medfence.io/zone-uid removed"},
	"the zone's UID is replaced": {
		of: (*lab).baseline, patch: `{"metadata":{"annotations":{"medfence.io/zone-uid":"other"}}}`, note: "annotation medfence.io/zone-uid changed"},
	"a finalizer is added": {
		of: (*lab).baseline, patch: `{"metadata":{"finalizers":["example.com/hold"]}}`, note: "finalizer example.com/hold added"},
	"an owner is added, with which it would be garbage-collected": {
		of:    (*lab).closed,
		patch: `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"default","uid":"UID OF DEFAULT"}]}}`,
		note:  "owner reference to Namespace added"},
	"many things are changed at once": {
		of:    (*lab).baseline,
		patch: `{"metadata":{"labels":null,"finalizers":["example.com/hold"]},"spec":{"ingress":[{}]}}`,
		note:  "spec.ingress added, label app.kubernetes.io/managed-by removed, label medfence.io/component removed and 2 more"},
}

func TestDriftIsRepairedAtOnceAndToldInWords(t *testing.T) {
	for name, tc := range drifts {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.settle(l.ward()...)
			want := l.state()
			k := atOf(tc.of(l))
			l.patch(k, strings.ReplaceAll(tc.patch, "UID OF DEFAULT", uidOfDefault(t)))

			set, writes := l.apply(l.ward()...)
			if diff := cmp.Diff([]Change{k.change(tc.note)}, set.Repaired); diff != "" {
				t.Errorf("repaired (-want +got):\n%s", diff)
			}
			if len(writes) != 1 || set.Written() != 1 {
				t.Errorf("writes %q for %d changes, want one", writes, set.Written())
			}
			if diff := cmp.Diff(want, l.state()); diff != "" {
				t.Errorf("not restored (-want +got):\n%s", diff)
			}
			l.rest(l.ward()...)
		})
	}
}

func TestWhatIsDeletedIsCreatedAnew(t *testing.T) {
	l := newLab(t)
	for _, o := range l.ward() {
		k := atOf(o)
		t.Run(k.kind+" "+k.name, func(t *testing.T) {
			l.settle(l.ward()...)
			want := l.state()
			l.must(shared.admin.Delete(t.Context(), blank(k)))
			set, writes := l.apply(l.ward()...)
			if diff := cmp.Diff([]Change{k.change("deleted")}, set.Repaired); diff != "" || len(writes) != 1 {
				t.Errorf("writes %q, repaired (-want +got):\n%s", writes, diff)
			}
			if diff := cmp.Diff(want, l.state()); diff != "" {
				t.Errorf("not restored (-want +got):\n%s", diff)
			}
			l.rest(l.ward()...)
		})
	}
}

func TestADeletionThatHangsInAFinalizerIsEndedAndMadeGood(t *testing.T) {
	l := newLab(t)
	l.settle(l.ward()...)
	k := atOf(l.baseline())
	l.patch(k, `{"metadata":{"finalizers":["example.com/hold"]}}`)
	l.must(shared.admin.Delete(t.Context(), blank(k)))
	set, _ := l.apply(l.ward()...)
	if diff := cmp.Diff([]Change{k.change("deleted")}, set.Repaired); diff != "" {
		t.Errorf("repaired (-want +got):\n%s", diff)
	}
	if got := l.live(k); got == nil || got.GetDeletionTimestamp() != nil {
		t.Errorf("the baseline is not back: %v", got)
	}
	l.rest(l.ward()...)
}

func TestOurOwnChangeIsNoDrift(t *testing.T) {
	l := newLab(t)
	l.settle(l.netpol("medfence-gateway", 3613), l.baseline())
	k := atOf(l.netpol("medfence-gateway"))

	set, writes := l.apply(l.netpol("medfence-gateway", 3613, 443), l.baseline())
	if diff := cmp.Diff([]Change{k.change("")}, set.Updated); diff != "" || len(set.Repaired) > 0 || len(writes) != 1 {
		t.Errorf("writes %q, repaired %v, updated (-want +got):\n%s", writes, set.Repaired, diff)
	}

	// Only the words that it bears change.
	other := l.netpol("medfence-gateway", 3613, 443)
	other.GetAnnotations()["medfence.io/permits"] = "something else"
	set, _ = l.apply(other, l.baseline())
	if len(set.Updated) != 1 || len(set.Repaired) != 0 {
		t.Errorf("updated %v, repaired %v; want one update", set.Updated, set.Repaired)
	}
	l.rest(other, l.baseline())
}

func TestDriftBesideOurOwnChangeIsDrift(t *testing.T) {
	l := newLab(t)
	l.settle(l.netpol("medfence-gateway", 3613))
	k := atOf(l.netpol("medfence-gateway"))
	l.patch(k, `{"spec":{"egress":[{}]}}`)
	set, _ := l.apply(l.netpol("medfence-gateway", 443))
	want := []Change{k.change("changed by somebody else, while what it shall hold changed too")}
	if diff := cmp.Diff(want, set.Repaired); diff != "" || len(set.Updated) > 0 {
		t.Errorf("updated %v, repaired (-want +got):\n%s", set.Updated, diff)
	}
	l.rest(l.netpol("medfence-gateway", 443))
}

// uidOfDefault returns the UID of a namespace that lives: what has an owner that
// does not is garbage-collected before it can be repaired.
func uidOfDefault(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{}
	if err := shared.admin.Get(t.Context(), client.ObjectKey{Name: "default"}, ns); err != nil {
		t.Fatal(err)
	}
	return string(ns.UID)
}
