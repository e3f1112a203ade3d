package apply

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/render/object"
)

// A crash after the create and before the status: the next process learns of
// the object by its labels, records it, and may remove it only then.
func TestOnlyWhatWasRecordedIsDeleted(t *testing.T) {
	l := newLab(t)
	l.settle(l.ward()...)
	l.request.Recorded = nil
	l.restart()

	set, writes := l.apply()
	if len(writes) > 0 || len(set.Waiting) == 0 || len(set.Recorded) != len(l.ward()) {
		t.Errorf("writes %q, waiting %v, recorded %d; want all recorded and none deleted yet", writes, set.Waiting, len(set.Recorded))
	}
	set, _ = l.apply()
	if len(set.Deleted) != len(l.ward()) || len(set.Recorded) != 0 {
		t.Errorf("deleted %v, recorded %v; want all deleted", set.Deleted, set.Recorded)
	}
	l.rest()
}

func TestAnObjectThatMeetsADeleteIsNeverSomebodyElses(t *testing.T) {
	cases := map[string]struct {
		// meanwhile happens between our read and our delete.
		meanwhile func(*lab, client.Object)
		// left is whether an object by that name is left after the first pass,
		// and after all passes.
		left, atRest bool
	}{
		"it went": {
			meanwhile: func(l *lab, p client.Object) { l.must(shared.admin.Delete(l.Context(), p)) },
		},
		"somebody else replaced it": {
			meanwhile: func(l *lab, p client.Object) {
				l.must(shared.admin.Delete(l.Context(), p))
				l.foreign(l.netpol(p.GetName(), 23))
			},
			left: true, atRest: true,
		},
		"it was restored from a backup": {
			meanwhile: func(l *lab, p client.Object) {
				backup := l.live(beside(atOf(l.baseline()), p.GetName()))
				l.must(shared.admin.Delete(l.Context(), p))
				backup.SetUID("")
				backup.SetResourceVersion("")
				l.must(shared.admin.Create(l.Context(), backup))
			},
			left: true, atRest: false,
		},
		"it was edited": {
			meanwhile: func(l *lab, p client.Object) {
				l.patch(beside(atOf(l.baseline()), p.GetName()), `{"spec":{"ingress":[{}]}}`)
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			old := l.netpol("medfence-old", 104)
			l.settle(old)
			l.wire.before = func(n int, _ string) {
				if n == 1 {
					tc.meanwhile(l, copyOf(t, old))
				}
			}
			l.apply()
			if left := l.live(atOf(old)) != nil; left != tc.left {
				t.Errorf("left after the first pass: %v, want %v", left, tc.left)
			}
			l.wire.before = nil
			l.settle()
			if left := l.live(atOf(old)) != nil; left != tc.atRest {
				t.Errorf("left at rest: %v, want %v", left, tc.atRest)
			}
			if len(l.request.Recorded) > 0 {
				t.Errorf("recorded %v", l.request.Recorded)
			}
		})
	}
}

func TestAFinalizerDoesNotKeepWhatIsToGo(t *testing.T) {
	cases := map[string]func(*lab, key){
		"that somebody added": func(*lab, key) {},
		"in which a deletion hangs": func(l *lab, k key) {
			l.must(shared.admin.Delete(l.Context(), blank(k)))
		},
	}
	for name, then := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.settle(l.baseline())
			k := atOf(l.baseline())
			l.patch(k, `{"metadata":{"finalizers":["example.com/hold"]}}`)
			then(l, k)
			l.settle()
			if l.live(k) != nil {
				t.Error("the object is still there")
			}
		})
	}
}

func TestWhatTheCacheDoesNotShowYetIsDeletedByItsUID(t *testing.T) {
	l := newLab(t)
	l.settle(l.baseline())
	stale := newPast(l)
	stale.forget(atOf(l.baseline()))
	l.applier.Cache = stale
	set, writes := l.apply()
	if len(writes) != 1 || len(set.Deleted) != 1 || l.live(atOf(l.baseline())) != nil {
		t.Errorf("writes %q, deleted %v; want the baseline deleted", writes, set.Deleted)
	}

	// And if it went, its record goes with it.
	l.applier.Cache = shared.cache
	l.settle(l.baseline())
	l.must(shared.admin.Delete(t.Context(), blank(atOf(l.baseline()))))
	set, _ = l.apply()
	if len(set.Deleted) != 0 || len(set.Recorded) != 0 {
		t.Errorf("deleted %v, recorded %v; want neither", set.Deleted, set.Recorded)
	}
}

func TestAStaleCacheLeadsToOneMoreReadAndNoFalseWrite(t *testing.T) {
	l := newLab(t)
	l.settle(l.netpol("medfence-gateway", 104), l.baseline())
	old := newPast(l)
	l.settle(l.netpol("medfence-gateway", 443), l.baseline())

	l.applier.Cache = old // as it was before our last write
	version := l.live(atOf(l.netpol("medfence-gateway"))).GetResourceVersion()
	set, err := l.try()
	l.must(err)
	if set.Written() != 0 || l.live(atOf(l.netpol("medfence-gateway"))).GetResourceVersion() != version {
		t.Errorf("changes %+v; want none", set)
	}
	if diff := cmp.Diff([]string{"get networkpolicies medfence-gateway"}, l.wire.reads); diff != "" {
		t.Errorf("live reads (-want +got):\n%s", diff)
	}

	// Stale, and somebody else edited the live one.
	l.patch(atOf(l.netpol("medfence-gateway")), `{"spec":{"egress":[{}]}}`)
	set, err = l.try()
	l.must(err)
	if len(set.Repaired) != 1 || set.Repaired[0].Note != "spec.egress added" {
		t.Errorf("repaired %v, want the edit", set.Repaired)
	}
	l.applier.Cache = shared.cache
	l.rest(l.netpol("medfence-gateway", 443), l.baseline())
}

func TestAnObjectThatWentBetweenReadAndUpdateIsCreated(t *testing.T) {
	l := newLab(t)
	l.settle(l.baseline())
	l.patch(atOf(l.baseline()), `{"spec":{"ingress":[{}]}}`)
	l.wire.before = func(n int, _ string) {
		if n == 1 {
			l.must(shared.admin.Delete(t.Context(), blank(atOf(l.baseline()))))
		}
	}
	set, _ := l.apply(l.baseline())
	if len(set.Repaired) != 1 || l.live(atOf(l.baseline())) == nil {
		t.Errorf("repaired %v", set.Repaired)
	}
	l.wire.before = nil
	l.rest(l.baseline())
}

func TestAnObjectThatOthersKeepChangingIsAnError(t *testing.T) {
	l := newLab(t)
	l.settle(l.baseline())
	k := atOf(l.baseline())
	l.patch(k, `{"spec":{"ingress":[{}]}}`)
	l.wire.before = func(int, string) { l.patch(k, `{"metadata":{"annotations":{"n":"`+rnd()+`"}}}`) }
	_, err := l.try()
	if err == nil || err.Error() != "writing "+k.String()+": somebody else keeps changing it" {
		t.Errorf("error = %v", err)
	}
}

// Cilium's kinds went with its CRDs, and their objects with them.
func TestKindsThatAreNotServedAreGone(t *testing.T) {
	l := newLab(t)
	l.settle(l.ward()...)
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(networking.WithKind(kindNetworkPolicy), meta.RESTScopeNamespace)
	c, err := client.New(shared.config, client.Options{Scheme: shared.scheme, Mapper: mapper})
	l.must(err)
	l.applier = &Applier{Cache: indexless{c}, Live: c, Writer: c}
	record := l.request.Recorded

	for name, known := range map[string]bool{"as discovery says": false, "though discovery is late": true} {
		t.Run(name, func(t *testing.T) {
			l.request.Cilium, l.request.Recorded = known, record
			set, _ := l.apply(l.netpol("medfence-gateway", 3613, 443), l.baseline())
			if len(set.Recorded) != 2 || set.Written() != 0 {
				t.Errorf("recorded %v, want the NetworkPolicies", set.Recorded)
			}
			l.request.Desired = l.ward()
			if _, err := l.try(); err == nil {
				t.Error("writing a kind that is not served is no error")
			}
		})
	}
}

// indexless lists all that an index would choose from, of which the API server
// has none.
type indexless struct{ client.Reader }

func (r indexless) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	return r.Reader.List(ctx, list, ourLabel)
}

// A switch to a target without groups: each zone leaves Cilium's policies in its own
// time. A group that the plan has stays for as long as a policy of any zone of the
// plan names it; policies that are no zone's hold nothing back.
func TestAGroupThatIsNoLongerRenderedStaysWhileAPolicyNamesIt(t *testing.T) {
	for name, tc := range map[string]struct {
		// wards are the zones of the plan, and policy what the reader has.
		wards  func(owner, reader *lab) []Ward
		policy func(reader *lab, group string) object.Object
		stays  bool
	}{
		"an allow of another zone": {
			func(owner, reader *lab) []Ward { return []Ward{{Owner: owner.owner}, {Owner: reader.owner}} },
			func(reader *lab, group string) object.Object { return reader.allow("medfence-r", group) }, true,
		},
		"a guard of another zone": {
			func(owner, reader *lab) []Ward { return []Ward{{Owner: owner.owner}, {Owner: reader.owner}} },
			func(reader *lab, group string) object.Object {
				return reader.guardOf(map[string][]string{"a": {group}})
			}, true,
		},
		"a policy of a zone that the plan does not have": {
			func(owner, _ *lab) []Ward { return []Ward{{Owner: owner.owner}} },
			func(reader *lab, group string) object.Object { return reader.allow("medfence-r", group) }, false,
		},
		"an allow that names another group": {
			func(owner, reader *lab) []Ward { return []Ward{{Owner: owner.owner}, {Owner: reader.owner}} },
			func(reader *lab, group string) object.Object { return reader.allow("medfence-r", group+"-b") }, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			owner, reader := newLab(t), newLab(t)
			group := owner.group(owner.name("g"), "10.20.0.0/24")
			groups := owner.planned(group)
			for _, l := range []*lab{owner, reader} {
				l.request.Groups, l.request.Wards = groups, tc.wards(owner, reader)
			}
			owner.settle(group)
			policy := tc.policy(reader, group.GetName())
			reader.settle(policy)
			owner.sync()

			set, _ := owner.apply()
			if gone := owner.live(atOf(group)) == nil; gone == tc.stays {
				t.Fatalf("gone: %t; waiting %v", gone, set.Waiting)
			}
			if !tc.stays {
				return
			}
			if diff := cmp.Diff([]Change{atOf(policy).change("")}, set.Awaited); diff != "" || !set.Tidying {
				t.Errorf("not urgent %t, awaited (-want +got):\n%s", set.Tidying, diff)
			}
			if diff := cmp.Diff([]string{reader.owner.Zone}, set.AwaitedZones); diff != "" {
				t.Errorf("awaited zones (-want +got):\n%s", diff)
			}
			reader.settle()
			owner.settle()
			if owner.live(atOf(group)) != nil {
				t.Error("the group is there when nothing names it any more")
			}
		})
	}
}
