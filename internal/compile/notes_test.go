package compile

import (
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/guard"
)

// What a guard leaves open needs another team's policy. What a moat leaves open
// does not: the pods of peers have no default deny.
func TestWhatAMoatLeavesOpenIsNotSaidToNeedAPolicy(t *testing.T) {
	for kind := guard.NoteSharedPods; kind <= guard.NoteBudgetPods; kind++ {
		got := openWords(kind, []string{"icu", "ward-1", "ward-2", "ward-3"})
		if len(got) > maxMessage || !strings.Contains(got, "; ") {
			t.Errorf("%d does not say what to do in one sentence: %q", kind, got)
		}
		moat := kind == guard.NoteICMPTypes || kind == guard.NoteNoICMP
		if strings.Contains(got, "or if they are a peer's pods and the zone's cidrs") != moat {
			t.Errorf("%d: %q", kind, got)
		}
	}
}
