package controllers

import (
	"fmt"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/snapshot"
)

// budgetOf returns what the guard of a zone costs, or nil for one without.
func budgetOf(guards *guard.Guards, target snapshot.TargetKind, zone string) *guard.Budget {
	if target != snapshot.Cilium {
		return nil
	}
	g := guards.Of(zone)
	if len(g.Specs) == 0 {
		return nil
	}
	return &g.Budget
}

// judgeBudget says whether the guard takes no more than half of a policy map.
func judgeBudget(b guard.Budget) finding {
	switch {
	case !b.Known:
		return unknown(medfencev1alpha1.ReasonBudgetUnknown, fmt.Sprintf(
			"The guard is exact, but the API server tells no CiliumIdentities, so nobody knows how many of the %d entries of bpf-policy-map-max it takes; check it with cilium-dbg bpf policy get.", b.Max))
	case !b.Within():
		return no(medfencev1alpha1.ReasonOverBudget, fmt.Sprintf(
			"The exact guard would take about %d entries of a policy map, more than half of bpf-policy-map-max (%d), so a coarser one of %d is written; raise bpf-policy-map-max in Cilium to %d.",
			b.Exact, b.Max, b.Written, enough(b.Exact)))
	}
	return yes(medfencev1alpha1.ReasonWithinBudget, fmt.Sprintf(
		"The guard takes about %d entries of a policy map, of the %d that bpf-policy-map-max permits.", b.Written, b.Max))
}

// enough returns the power of two of which entries are no more than half.
func enough(entries int) int {
	size := guard.DefaultMapMax
	for size < 2*entries {
		size *= 2
	}
	return size
}
