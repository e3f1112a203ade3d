package apply

import (
	"fmt"
	"slices"
	"testing"

	"github.com/medfence/medfence/internal/render/object"
)

// What a status cannot record is not created: nothing could ever prune it. What
// stands stays, nothing is closed that lacks an allow, and the record never has
// more than a status takes.
func TestNothingIsCreatedThatNoRecordCanHold(t *testing.T) {
	l := newLab(t)
	l.applier.mostRecorded = 3
	policies := func(n int) []object.Object {
		var out []object.Object
		for i := range n {
			out = append(out, l.netpol(fmt.Sprintf("medfence-%d", i), 104))
		}
		return out
	}
	l.settle(policies(2)...)
	set, writes := l.apply(append(policies(5), l.baseline())...)
	l.order(writes, "create networkpolicies medfence-2")
	if len(set.Unrecordable) != 2 || len(set.Recorded) != 3 || len(set.Waiting) != 0 {
		t.Fatalf("not created %v, waiting %v, recorded %d", set.Unrecordable, set.Waiting, len(set.Recorded))
	}
	if got := set.Unrecordable[0].Name; got != "medfence-3" {
		t.Errorf("the first that is not created is %s", got)
	}
	again, writes := l.apply(append(policies(5), l.baseline())...)
	if len(writes) > 0 || !slices.Equal(again.Recorded, set.Recorded) {
		t.Errorf("a second pass wrote %q and recorded %v", writes, again.Recorded)
	}
	// Fewer, and there is room for the baseline.
	l.settle(append(policies(2), l.baseline())...)
	if len(l.request.Recorded) != 3 {
		t.Errorf("recorded %v", l.request.Recorded)
	}
}

// A record that was lost is found again by what stands; where more stands than a
// status takes, what was recorded stays recorded.
func TestWhatIsFoundAgainFillsTheRecordToItsLimit(t *testing.T) {
	l := newLab(t)
	var all []object.Object
	for i := range 5 {
		all = append(all, l.netpol(fmt.Sprintf("medfence-%d", i), 104))
	}
	l.settle(all...)
	kept := l.request.Recorded[4]
	l.request.Recorded = l.request.Recorded[4:]
	l.applier.mostRecorded = 3
	set, writes := l.apply(all...)
	if len(writes) > 0 || len(set.Recorded) != 3 || !slices.Contains(set.Recorded, kept) {
		t.Errorf("wrote %q, recorded %v", writes, set.Recorded)
	}
	l.applier.mostRecorded = 0
	if set, writes := l.apply(all...); len(writes) > 0 || len(set.Recorded) != 5 {
		t.Errorf("with room: wrote %q, recorded %v", writes, set.Recorded)
	}
}
