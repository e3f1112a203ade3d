package apply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/render/object"
)

// foreign creates an object of somebody else by the name of a rendered one.
func (l *lab) foreign(o object.Object) *unstructured.Unstructured {
	l.Helper()
	theirs := copyOf(l.T, o)
	theirs.SetLabels(map[string]string{"team": "other"})
	theirs.SetAnnotations(nil)
	l.must(shared.admin.Create(l.Context(), theirs))
	return l.live(atOf(o))
}

func copyOf(t *testing.T, o object.Object) client.Object {
	t.Helper()
	c, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o.KubeObject)
	}
	return c
}

// untouched asserts that an object is as it was.
func (l *lab) untouched(was *unstructured.Unstructured) {
	l.Helper()
	if diff := cmp.Diff(was, l.live(keyOf(was))); diff != "" {
		l.Errorf("the object of somebody else was touched (-was +is):\n%s", diff)
	}
}

func beside(k key, name string) key { return key{k.kind, k.namespace, name} }

func TestOursIsWrittenBesideAnObjectOfSomebodyElse(t *testing.T) {
	l := newLab(t)
	want := l.netpol("medfence-gateway", 104)
	k := atOf(want)
	theirs := l.foreign(want)

	set, _ := l.apply(want)
	ours := beside(k, "medfence-gateway-2")
	if diff := cmp.Diff([]Change{k.change("ours is medfence-gateway-2")}, set.Foreign); diff != "" {
		t.Errorf("foreign (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Change{ours.change("")}, set.Created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	l.untouched(theirs)
	l.rest(want)
	set, _ = l.apply(want)
	if len(set.Foreign) != 1 {
		t.Errorf("foreign at rest = %v, want it reported as long as it is there", set.Foreign)
	}

	// A change and a repair go to ours.
	want = l.netpol("medfence-gateway", 443)
	if set, _ = l.apply(want); len(set.Updated) != 1 || set.Updated[0].Name != ours.name {
		t.Errorf("updated %v, want %s", set.Updated, ours)
	}
	l.patch(ours, `{"spec":{"ingress":[{}]}}`)
	if set, _ = l.apply(want); len(set.Repaired) != 1 || set.Repaired[0].Name != ours.name {
		t.Errorf("repaired %v, want %s", set.Repaired, ours)
	}
	l.untouched(theirs)

	// When theirs goes, ours stays where it is: a move would gain nothing.
	l.must(shared.admin.Delete(t.Context(), theirs))
	set, writes := l.apply(want)
	if len(writes) > 0 || len(set.Foreign) > 0 {
		t.Errorf("writes %q, foreign %v; want none", writes, set.Foreign)
	}

	// And so it does when ours is deleted while the name is free again: one copy.
	l.must(shared.admin.Delete(t.Context(), blank(ours)))
	l.settle(want)
	if n := len(l.state()); n != 1 {
		t.Errorf("%d copies, want 1", n)
	}
	l.settle()
	if n := len(l.state()); n != 0 {
		t.Errorf("%d objects after the release, want 0", n)
	}
}

func TestASuffixIsNeverTheNameOfAnotherRenderedObject(t *testing.T) {
	l := newLab(t)
	first, second := l.netpol("medfence-gateway", 104), l.netpol("medfence-gateway-2", 443)
	theirs := l.foreign(first)
	l.settle(first)

	// The name that was a suffix becomes one of our own.
	l.settle(first, second)
	l.rest(first, second)
	l.untouched(theirs)
	got := map[string]string{}
	for _, ref := range l.request.Recorded {
		got[ref.Name] = standsFor(l.live(key{ref.Kind, ref.Namespace, ref.Name}))
	}
	if diff := cmp.Diff(map[string]string{
		"medfence-gateway-2":   "medfence-gateway",
		"medfence-gateway-2-2": "medfence-gateway-2",
	}, got); diff != "" {
		t.Errorf("who stands for whom (-want +got):\n%s", diff)
	}

	other := newLab(t)
	first, second = other.netpol("medfence-gateway", 104), other.netpol("medfence-gateway-2", 443)
	other.foreign(first)
	other.settle(first, second)
	if other.live(beside(atOf(first), "medfence-gateway-3")) == nil {
		t.Error("ours was not written as medfence-gateway-3")
	}
}

func TestWhenAllNamesAreTakenItIsAnErrorAndNothingIsTouched(t *testing.T) {
	l := newLab(t)
	want := l.netpol("medfence-gateway", 104)
	theirs := []*unstructured.Unstructured{l.foreign(want)}
	for _, suffix := range []string{"2", "3", "4", "5", "6", "7", "8", "9"} {
		theirs = append(theirs, l.foreign(l.netpol("medfence-gateway-"+suffix, 104)))
	}
	l.request.Desired = []object.Object{want, l.baseline(), l.group(l.name("pumps"), "10.20.0.0/24")}
	set, err := l.try()
	if err == nil || !strings.Contains(err.Error(), "others have all of them, up to medfence-gateway-9") {
		t.Errorf("error = %v", err)
	}
	if len(set.Created) != 1 || set.Created[0].Kind != kindGroup {
		t.Errorf("created %v, want the group only", set.Created)
	}
	for _, u := range theirs {
		l.untouched(u)
	}
}

func TestAnObjectThatAppearsBetweenReadAndWriteIsLookedAt(t *testing.T) {
	cases := map[string]struct {
		theirs bool
		want   string
	}{
		"of somebody else: ours is written beside": {true, "medfence-gateway-2"},
		"ours, by a predecessor: it is taken over": {false, "medfence-gateway"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			want := l.netpol("medfence-gateway", 104)
			l.wire.before = func(n int, _ string) {
				switch {
				case n == 1 && tc.theirs:
					l.foreign(want)
				case n == 1:
					l.must(shared.admin.Create(t.Context(), l.netpol("medfence-gateway", 23).KubeObject))
				}
			}
			set, _ := l.apply(want)
			if len(set.Recorded) != 1 || set.Recorded[0].Name != tc.want {
				t.Errorf("recorded %v, want %s", set.Recorded, tc.want)
			}
			l.wire.before = nil
			l.rest(want)
		})
	}
}

// A crash between the create and the status, or a restore of a backup.
func TestAnObjectWithOurNameAndZoneIsTakenOverThoughUnrecorded(t *testing.T) {
	l := newLab(t)
	l.settle(l.ward()...)
	l.request.Recorded = nil
	l.patch(atOf(l.baseline()), `{"spec":{"ingress":[{}]}}`)
	set, writes := l.apply(l.ward()...)
	if len(writes) != 1 || len(set.Repaired) != 1 || len(set.Recorded) != len(l.ward()) {
		t.Errorf("writes %q, repaired %v, recorded %d; want one repair and all recorded", writes, set.Repaired, len(set.Recorded))
	}
	l.rest(l.ward()...)
}

// kubectl get -o yaml, another name, kubectl apply.
func TestACopyThatSomebodyMadeOfOursIsLeftAndReported(t *testing.T) {
	l := newLab(t)
	l.settle(l.baseline())
	k := atOf(l.baseline())
	theirs := l.live(k)
	theirs.SetName("my-baseline")
	theirs.SetUID("")
	theirs.SetResourceVersion("")
	l.must(shared.admin.Create(t.Context(), theirs))
	theirs = l.live(keyOf(theirs))

	set, _ := l.apply(l.baseline())
	want := []Change{keyOf(theirs).change("it is a copy of ours, and should not bear our labels and annotations")}
	if diff := cmp.Diff(want, set.Foreign); diff != "" || len(set.Recorded) != 1 {
		t.Errorf("recorded %v, foreign (-want +got):\n%s", set.Recorded, diff)
	}
	l.rest(l.baseline())
	l.settle()
	l.untouched(theirs)
}

func TestAnObjectOfAnotherZoneIsForeign(t *testing.T) {
	l, other := newLab(t), newLab(t)
	other.namespace = l.namespace
	other.settle(other.netpol("medfence-gateway", 104))
	set, _ := l.apply(l.netpol("medfence-gateway", 443))
	if len(set.Foreign) != 1 || set.Recorded[0].Name != "medfence-gateway-2" {
		t.Errorf("foreign %v, recorded %v", set.Foreign, set.Recorded)
	}
	other.rest(other.netpol("medfence-gateway", 104))
	l.rest(l.netpol("medfence-gateway", 443))
}

func TestARecordedNameThatSomebodyElseTookIsForgotten(t *testing.T) {
	l := newLab(t)
	want := l.netpol("medfence-gateway", 104)
	l.settle(want)
	l.must(shared.admin.Delete(t.Context(), blank(atOf(want))))
	theirs := l.foreign(want)
	l.settle(want)
	l.untouched(theirs)
	if len(l.request.Recorded) != 1 || l.request.Recorded[0].Name != "medfence-gateway-2" {
		t.Errorf("recorded %v", l.request.Recorded)
	}
	l.settle()
	l.untouched(theirs)
}

func TestOfTwoCopiesTheOneWithoutASuffixStays(t *testing.T) {
	l := newLab(t)
	want := l.netpol("medfence-gateway", 104)
	theirs := l.foreign(want)
	l.settle(want) // as -2
	l.must(shared.admin.Delete(t.Context(), theirs))
	l.must(shared.admin.Create(t.Context(), l.netpol("medfence-gateway", 104).KubeObject))
	l.settle(want)
	if l.live(atOf(want)) == nil || l.live(beside(atOf(want), "medfence-gateway-2")) != nil {
		t.Error("want the copy without a suffix alone")
	}
	l.rest(want)
}

func TestAPolicyNamesItsGroupWhereverItIsWritten(t *testing.T) {
	l, peer := newLab(t), newLab(t)
	group := l.group(l.name("pumps"), "10.20.0.0/24")
	theirs := l.foreign(l.group(l.name("pumps"), "0.0.0.0/0"))
	own := l.allow("medfence-gateway", l.name("pumps"))
	reader := peer.allow("medfence-archive", l.name("pumps"))
	groups := l.planned(group)
	l.request.Groups, peer.request.Groups = groups, groups

	// The group of the other zone is not written yet: nothing may name the one
	// that somebody else put in its place.
	set, writes := peer.apply(reader)
	want := []Change{atOf(reader).change("somebody else has the name of its group " + l.name("pumps"))}
	if diff := cmp.Diff(want, set.Waiting); diff != "" || len(writes) > 0 {
		t.Errorf("writes %q, waiting (-want +got):\n%s", writes, diff)
	}

	l.settle(group, own)
	peer.settle(reader)
	for _, k := range []key{atOf(own), atOf(reader)} {
		if diff := cmp.Diff([]string{l.name("pumps") + "-2"}, sortedSet(cidrgroup.Named(l.live(k).Object))); diff != "" {
			t.Errorf("%s names (-want +got):\n%s", k, diff)
		}
	}
	l.rest(group, own)
	peer.rest(reader)
	l.untouched(theirs)
	l.must(shared.admin.Delete(t.Context(), theirs))
	l.rest(group, own)
	peer.rest(reader)
}
