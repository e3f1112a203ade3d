package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/medfence/medfence/internal/render/object"
)

// many are more policies than are written one after the other.
func (l *lab) many(n int) []object.Object {
	var out []object.Object
	for i := range n {
		out = append(out, l.netpol(fmt.Sprintf("medfence-%02d", i), 104))
	}
	return out
}

func TestManyPoliciesAreWrittenAFewAtATime(t *testing.T) {
	for n, want := range map[int]int{few: 1, few + 1: atATime, 3 * few: atATime} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			l := newLab(t)
			patience := time.Minute
			if want == 1 {
				patience = 50 * time.Millisecond
			}
			met := l.together(max(want, 2), patience)
			all := append(l.many(n), l.baseline())
			_, writes := l.apply(all...)
			if got := met(); got != want {
				t.Errorf("%d at a time, want %d", got, want)
			}
			if len(writes) != n+1 {
				t.Fatalf("%d writes, want %d", len(writes), n+1)
			}
			l.order(writes[n:], "create networkpolicies medfence-baseline-Z") // when all else stands
			l.rest(all...)
		})
	}
}

// One that fails stops none of the others, but what comes after all of them.
func TestOneOfManyThatFailsHoldsBackTheNextStage(t *testing.T) {
	l := newLab(t)
	l.request.Desired = append(l.many(20), l.baseline())
	l.wire.refuse = func(request string) bool { return strings.HasSuffix(request, "medfence-07") }
	if _, err := l.try(); err == nil || !strings.Contains(err.Error(), "medfence-07") {
		t.Errorf("error = %v, want that of the one that failed", err)
	}
	writes := l.wire.take()
	if slices.ContainsFunc(writes, func(w string) bool { return strings.Contains(w, "baseline") }) || len(writes) < 19 {
		t.Errorf("wrote %q", writes)
	}
	l.wire.refuse = nil
	l.settle(l.request.Desired...)
	l.rest(l.request.Desired...)
}

// Those that are under way have their place in the record.
func TestManyPoliciesDoNotOverfillTheRecord(t *testing.T) {
	l := newLab(t)
	l.applier.mostRecorded = 13
	set, writes := l.apply(append(l.many(20), l.baseline())...)
	if len(writes) != 13 || len(set.Recorded) != 13 || len(set.Unrecordable) != 7 {
		t.Errorf("%d writes, %d recorded, %d not recordable; want 13, 13 and 7", len(writes), len(set.Recorded), len(set.Unrecordable))
	}
}

// Repairs do not give way to what is urgent; all else does.
func TestRepairsDoNotGiveWay(t *testing.T) {
	l := newLab(t)
	one, two, three := l.netpol("medfence-1", 104), l.netpol("medfence-2", 104), l.netpol("medfence-3", 104)
	l.settle(one, two, three)
	gaveWay := 0
	l.applier.GiveWay = func(context.Context) { gaveWay++ }
	l.patch(atOf(one), `{"spec":{"ingress":[{}]}}`)
	l.must(shared.admin.Delete(t.Context(), l.live(atOf(two))))
	l.sync()
	_, writes := l.apply(one, two, three)
	l.order(writes, "update networkpolicies medfence-1", "create networkpolicies medfence-2")
	if gaveWay != 0 {
		t.Errorf("repairs gave way %d times", gaveWay)
	}
	_, writes = l.apply(one, l.netpol("medfence-2", 105), l.netpol("medfence-4", 104))
	if gaveWay != len(writes) || len(writes) != 3 {
		t.Errorf("%d of %q gave way", gaveWay, writes)
	}
}
