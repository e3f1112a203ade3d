package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/render/object"
)

func TestWhatIsRenderedAnewIsReadAnew(t *testing.T) {
	l := &lab{T: t, owner: Owner{Zone: "icu", UID: "1"}, namespace: "icu"}
	k := key{"NetworkPolicy", "icu", "medfence-a"}
	read := func(before *notes, port int32) (content, *notes) {
		t.Helper()
		next := newNotes()
		c, err := before.read(k, l.netpol("medfence-a", port).KubeObject, next)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := rendered(l.netpol("medfence-a", port).KubeObject)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fresh, c, cmp.AllowUnexported(content{})); diff != "" {
			t.Errorf("read beside notes (-fresh +got):\n%s", diff)
		}
		return c, next
	}
	first, notes := read(newNotes(), 443)
	again, notes := read(notes, 443)
	if !sharing(first.body, again.body) {
		t.Error("what did not change was read again")
	}
	other, notes := read(notes, 104)
	if sharing(again.body, other.body) {
		t.Error("what changed was not read again")
	}
	if _, notes = read(notes, 443); len(notes.bodies) != 1 {
		t.Errorf("%d bodies are kept of one object", len(notes.bodies))
	}
}

func TestABodyIsKeptOnce(t *testing.T) {
	k := key{"NetworkPolicy", "icu", "a"}
	spec := func(port int64) map[string]any { return map[string]any{"spec": map[string]any{"port": port}} }
	live := func(body map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"kind": "NetworkPolicy", "spec": body["spec"], "status": map[string]any{}}}
	}
	for name, tc := range map[string]struct {
		rendered, live map[string]any
		shared         bool
	}{
		"equal":                {spec(443), spec(443), true},
		"of somebody else now": {spec(443), spec(104), false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNotes()
			n.bodies[k] = body{fields: tc.rendered}
			n.share(k, live(tc.live))
			if got := sharing(n.bodies[k].fields, tc.live); got != tc.shared {
				t.Errorf("the live body is kept: %v", got)
			}
			if !same(n.bodies[k].fields, tc.rendered) {
				t.Errorf("the kept body is %v", n.bodies[k].fields)
			}
			n.share(k, nil)
			n.share(key{}, live(tc.live))
			if len(n.bodies) != 1 {
				t.Errorf("notes of %d objects", len(n.bodies))
			}
		})
	}
}

// What was found out of a version of an object holds for that one, wherever it is
// found, and for no other, even if somebody says that it is the same.
func TestAnotherVersionOfAnObjectIsLookedAtAgain(t *testing.T) {
	intact := func(body map[string]any) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "NetworkPolicy", "spec": body}}
		u.SetNamespace("icu")
		u.SetName("a")
		u.SetUID("1")
		u.SetResourceVersion("7")
		c := contentOf(u).seal(keyOf(u), "a")
		u.SetAnnotations(c.annotations)
		return u
	}
	ours := intact(map[string]any{"port": int64(443)})
	first, second := newNotes(), newNotes()
	if !first.asWritten(ours, first) || !first.asWritten(&unstructured.Unstructured{Object: ours.Object}, second) {
		t.Fatal("what we wrote is not as we wrote it")
	}
	if len(second.intact) != 1 {
		t.Errorf("%d sights are kept of one object", len(second.intact))
	}
	altered := ours.DeepCopy()
	altered.Object["spec"] = map[string]any{"port": int64(104)}
	if second.asWritten(altered, newNotes()) {
		t.Error("what somebody altered, with the same version, is taken for ours")
	}
	third := newNotes()
	second.asWritten(altered, third)
	if !third.asWritten(ours, newNotes()) {
		t.Error("what was altered once is taken for altered for ever")
	}
}

func TestAZoneWithoutObjectsIsForgotten(t *testing.T) {
	var m memory
	n := newNotes()
	n.bodies[key{name: "a"}] = body{}
	m.keep("1", n)
	if m.of("1") != n || m.of("2") == n {
		t.Error("the notes of a zone are not found, or those of another are")
	}
	last := newNotes()
	last.intact[key{name: "a"}] = sight{} // it was there to be deleted
	m.keep("1", last)
	if len(m.zones) > 0 || len(m.of("1").bodies) > 0 {
		t.Errorf("%d zones are remembered", len(m.zones))
	}
}

// A pass that remembers sees what somebody did to an object meanwhile, as one that
// does not.
func TestARememberedObjectIsRepaired(t *testing.T) {
	l := newLab(t)
	want := l.netpol("medfence-gateway", 443)
	l.settle(want)
	for range 3 {
		l.rest(want)
		l.patch(atOf(want), `{"spec":{"ingress":[{}]}}`)
		l.sync()
		if set, _ := l.apply(want); len(set.Repaired) != 1 {
			t.Errorf("repaired %v", set.Repaired)
		}
		l.unchanged([]object.Object{want})
		l.sync()
	}
}
