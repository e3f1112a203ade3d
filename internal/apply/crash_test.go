package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

// A passage is a change of a zone during which the operator may die.
type passage struct {
	from, to func(*lab) []object.Object
	// meanwhile happens before the change, behind the operator's back.
	meanwhile func(*lab)
}

func nothing(*lab) []object.Object { return nil }

var passages = map[string]passage{
	"a ward begins":       {from: nothing, to: (*lab).ward},
	"a ward is released":  {from: (*lab).ward, to: nothing},
	"a ward is reordered": {from: (*lab).ward, to: (*lab).otherWard},
	"a ward is repaired": {from: (*lab).ward, to: (*lab).ward, meanwhile: func(l *lab) {
		l.patch(atOf(l.baseline()), `{"metadata":{"finalizers":["example.com/hold"]},"spec":{"ingress":[{}]}}`)
		l.must(shared.admin.Delete(l.Context(), blank(atOf(l.netpol("medfence-gateway")))))
		l.patch(atOf(l.group(l.name("pumps"))), `{"spec":{"externalCIDRs":["0.0.0.0/0"]}}`)
	}},
	"a ward is written beside the objects of somebody else": {from: nothing, to: (*lab).ward, meanwhile: func(l *lab) {
		for _, o := range []object.Object{l.baseline(), l.netpol("medfence-gateway"), l.group(l.name("pumps"), "10.99.0.0/24")} {
			o.SetAnnotations(nil)
			l.must(client.IgnoreAlreadyExists(shared.admin.Create(l.Context(), o.KubeObject)))
		}
	}},
}

// otherWard is a ward in which half of the pumps moved to another group, a
// workload was renamed and another came.
func (l *lab) otherWard() []object.Object {
	pumps, moved := l.name("pumps"), l.name("moved")
	return []object.Object{
		l.clusterPolicy("guard", object.StageGuard),
		l.closed(),
		l.baseline(),
		l.allow("medfence-gateway", pumps, moved),
		l.allow("medfence-archive", moved),
		l.netpol("medfence-renamed", 3613, 443),
		l.group(pumps, "10.20.0.0/25"),
		l.group(moved, "10.20.0.128/25", "2001:db8:20::/64"),
	}
}

func TestACrashBetweenAnyTwoWritesConverges(t *testing.T) {
	// The write at which it dies is not made, or is made but not heard of.
	deaths := map[string]bool{"before a write": false, "after a write, with its status": true}
	for name, p := range passages {
		for death, late := range deaths {
			t.Run(name+", death "+death, func(t *testing.T) {
				t.Parallel()
				crashEverywhere(t, p, late)
			})
		}
	}
}

// crashEverywhere makes the passage once without a crash and then with a crash
// at each of its writes.
func crashEverywhere(t *testing.T, p passage, late bool) {
	l := newLab(t)
	l.begin(p)
	l.settle(p.to(l)...)
	want := l.state()
	for k := 1; ; k++ {
		before := l.begin(p)
		l.wire.cutAt, l.wire.late = k, late
		l.request.Desired = p.to(l)
		_, err := l.try()
		if err == nil && len(l.wire.writes) < k {
			if k == 1 && !cmp.Equal(p.from(l), p.to(l)) {
				t.Error("the passage made no write")
			}
			return
		}
		if late {
			l.request.Recorded = before
		}
		l.restart()
		l.settle(p.to(l)...)
		if diff := cmp.Diff(want, l.state()); diff != "" {
			t.Fatalf("after a crash at write %d (-want +got):\n%s", k, diff)
		}
		l.recordIsExact()
		l.rest(p.to(l)...)
	}
}

// begin brings the lab to the beginning of a passage.
func (l *lab) begin(p passage) []medfencev1alpha1.PolicyReference {
	l.Helper()
	l.restart()
	l.request.Groups = l.planned(p.from(l)...)
	l.settle(p.from(l)...)
	l.request.Groups = l.planned(p.to(l)...)
	if p.meanwhile != nil {
		p.meanwhile(l)
	}
	return l.request.Recorded
}

// recordIsExact asserts that the record holds what is there, and nothing else.
func (l *lab) recordIsExact() {
	l.Helper()
	got := map[string]bool{}
	for _, ref := range l.request.Recorded {
		k := key{ref.Kind, ref.Namespace, ref.Name}
		if u := l.live(k); u == nil || string(u.GetUID()) != ref.UID {
			l.Errorf("recorded %s with UID %s, there is %v", k, ref.UID, u)
		}
		got[k.String()] = true
	}
	for k := range l.state() {
		if !got[k] {
			l.Errorf("%s is not recorded", k)
		}
	}
}
