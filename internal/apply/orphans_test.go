package apply

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var errAlive = errors.New("nobody knows")

func TestObjectsOfAZoneThatIsNoMoreAreReportedAndLeft(t *testing.T) {
	l, living := newLab(t), newLab(t)
	l.settle(l.baseline(), l.group(l.name("pumps"), "10.20.0.0/24"))
	living.settle(living.baseline())
	l.foreign(l.netpol("medfence-gateway"))
	l.sync()
	l.wire.take()

	asked := 0
	alive := func(uid string) (bool, error) {
		asked++
		return uid == living.owner.UID, nil
	}
	if orphans, err := l.applier.Orphans(t.Context(), living.owner.Zone, true, alive); err != nil || len(orphans) > 0 {
		t.Errorf("%v (%v), want no orphans", orphans, err)
	}
	orphans, err := l.applier.Orphans(t.Context(), l.owner.Zone, true, alive)
	l.must(err)
	var got []string
	for _, o := range orphans {
		got = append(got, key{o.Kind, o.Namespace, o.Name}.String())
	}
	want := []string{atOf(l.group(l.name("pumps"))).String(), atOf(l.baseline()).String()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orphans (-want +got):\n%s", diff)
	}
	if asked != 2 { // once for each zone
		t.Errorf("asked %d times whether a zone is alive", asked)
	}
	if _, err := l.applier.Orphans(t.Context(), l.owner.Zone, true, func(string) (bool, error) { return true, errAlive }); !errors.Is(err, errAlive) {
		t.Errorf("who cannot tell who lives: %v", err)
	}
	if writes := l.wire.take(); len(writes) > 0 {
		t.Errorf("writes %q, want none", writes)
	}
}

func TestZonesAreAppliedInParallel(t *testing.T) {
	labs := []*lab{newLab(t), newLab(t), newLab(t), newLab(t)}
	one := labs[0].applier
	var wg sync.WaitGroup
	errs := make([]error, len(labs))
	for i, l := range labs {
		wg.Go(func() {
			for range 3 {
				_, errs[i] = one.Apply(t.Context(), Request{Owner: l.owner, Desired: l.ward(), Cilium: true})
			}
		})
	}
	wg.Wait()
	for i, l := range labs {
		l.must(errs[i])
		l.settle(l.ward()...)
		l.rest(l.ward()...)
	}
}

func TestARequestWithoutAnOwnerIsRefused(t *testing.T) {
	for name, owner := range map[string]Owner{"without zone": {UID: "u"}, "without UID": {Zone: "z"}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.settle(l.baseline())
			l.request.Owner = owner
			set, err := l.try()
			if err == nil || len(set.Recorded) != 1 {
				t.Errorf("error %v, recorded %v; want an error and the record as it was", err, set.Recorded)
			}
		})
	}
}
