//go:build linux && e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/house"
)

// TestAgentsThatEnforceNothingAreFoundOut is the control: the same policies and
// the same checks, on agents that let everything pass. Every check of a denial
// must fail, and no other.
func TestAgentsThatEnforceNothingAreFoundOut(t *testing.T) {
	h := open(t, func(o *house.Options) {
		o.NeverEnforce = true
		o.Only = []string{"pump-gw-a", "inf-stray", "hl7-engine", "impostor", "dns", "node-1", "node-2", "pump-icu-1", "laptop"}
	})
	must(t, h.InstallOperator(t.Context()))
	must(t, h.StartOperator(t.Context(), string(snapshot.Cilium)))
	must(t, h.Declare(t.Context()))
	must(t, h.Ready(t.Context()))
	table, err := h.Table(t.Context(), "agents that enforce nothing", declared(t, snapshot.Cilium), questions(h))
	must(t, err)
	denials := 0
	for _, c := range table.Cells {
		wrong := c.Wrong()
		if !c.Permitted {
			denials++
		}
		if !c.Permitted && !strings.Contains(wrong, "should be dropped") {
			t.Errorf("%s: the check of a denial does not fail: %q, %s", c.Question, wrong, c.Seen)
		}
		if c.Permitted && wrong != "" {
			t.Errorf("%s: %s", c.Question, wrong)
		}
	}
	if denials == 0 {
		t.Error("no denial was checked")
	}
	t.Logf("%d checks of a denial failed, as they should", denials)
}
