package apply

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/render/object"
)

func TestNewsOfOurOwnWritesAreKnown(t *testing.T) {
	l := newLab(t)
	policy := l.netpol("medfence-x", 104)
	at := atOf(policy)
	expect := func(what string, o *unstructured.Unstructured, wrote, deleted bool) {
		t.Helper()
		if got := l.applier.WroteIt(o); got != wrote {
			t.Errorf("%s: we wrote it: %t, want %t", what, got, wrote)
		}
		if got := l.applier.DeletedIt(o); got != deleted {
			t.Errorf("%s: we deleted it: %t, want %t", what, got, deleted)
		}
	}
	l.apply(policy)
	created := l.live(at)
	expect("created", created, true, false)
	expect("created, heard again", created, false, false)

	l.apply(l.netpol("medfence-x", 104, 443))
	updated := l.live(at)
	expect("an older version", created, false, false)
	l.apply(l.netpol("medfence-x", 104, 444))
	l.patch(at, `{"metadata":{"labels":{"ward":"icu"}}}`)
	expect("changed by somebody else since", l.live(at), false, false)

	l.apply(l.netpol("medfence-x", 104, 445))
	expect("our change after theirs", l.live(at), true, false)
	l.apply()
	expect("deleted", updated, false, true)
	expect("deleted, heard again", updated, false, false)
}

// News may come before the answer: while a request is under way, nobody can tell.
func TestNewsThatComeBeforeTheAnswerAreTakenForOurs(t *testing.T) {
	l := newLab(t)
	policy, other := l.netpol("medfence-x", 104), l.netpol("medfence-y", 104)
	l.settle(policy, other)
	theirs := l.live(atOf(other))
	for range 2 {
		l.applier.WroteIt(theirs) // whatever is left of the beginning
	}
	live := l.live(atOf(policy))
	asked := 0
	l.wire.before = func(int, string) {
		asked++
		if !l.applier.WroteIt(live) {
			t.Error("news of the object that is being written are somebody else's")
		}
		if l.applier.WroteIt(theirs) {
			t.Error("news of another object are ours")
		}
	}
	l.apply([]object.Object{l.netpol("medfence-x", 104, 443), other}...)
	if asked != 1 {
		t.Errorf("%d writes", asked)
	}
	l.wire.before = nil
	// One that failed leaves nothing behind.
	l.wire.refuse = func(string) bool { return true }
	l.request.Desired = []object.Object{policy, other}
	if _, err := l.try(); err == nil {
		t.Error("no error")
	}
	if l.applier.WroteIt(live) {
		t.Error("a write that failed made news")
	}
}

// News that came before their answer will not come again: nothing is kept for
// them.
func TestNothingIsKeptOfNewsThatCameBeforeTheirAnswer(t *testing.T) {
	object := blank(key{kindNetworkPolicy, "ward", "medfence-x"})
	object.SetUID("1")
	for _, version := range []string{"7", gone} {
		for _, early := range []bool{true, false} {
			var e echoes
			answered := e.send(keyOf(object))
			if early && !e.heard(object, version) {
				t.Errorf("%s: news before the answer are not ours", version)
			}
			answered("1", version, nil)
			if !early && !e.heard(object, version) {
				t.Errorf("%s: news after the answer are not ours", version)
			}
			if len(e.wrote)+len(e.sending) > 0 {
				t.Errorf("%s, early %t: %v and %v are kept", version, early, e.wrote, e.sending)
			}
		}
	}
}
