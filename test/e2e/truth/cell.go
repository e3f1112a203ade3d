package truth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/verdict"
)

// A Cell is a question with every answer to it.
type Cell struct {
	Question Question
	// Permitted is what the conduits say, and Why by which.
	Permitted bool
	Why       string
	// Verdict is what the verdict engine says of the live policies.
	Verdict verdict.Decision
	// Passed and Dropped are what the packet did; neither is no answer. Seen says
	// it in words.
	Passed, Dropped bool
	Seen            string
	// Crowded is true beside policies of others, which Hubble may name for what
	// passes.
	Crowded bool
	// Rules are the policies that Hubble names, if it names any.
	Rules []Rule
}

// A Rule is a policy that Hubble holds responsible for a flow.
type Rule struct {
	// Policy is "CiliumNetworkPolicy/infusion/medfence-gateway".
	Policy string
	Denies bool
	// Ours is true for one that the operator wrote, and Conduits are those that
	// it says it is for.
	Ours     bool
	Conduits []string
}

// Wrong returns what is wrong with a cell, or nothing.
func (c Cell) Wrong() string {
	want := verdict.Deny
	if c.Permitted {
		want = verdict.Allow
	}
	switch {
	case c.Verdict != want:
		return fmt.Sprintf("the conduits say %s (%s), the verdict engine says %s", want, c.Why, c.Verdict)
	case c.Permitted && !c.Passed:
		return fmt.Sprintf("should pass (%s), but was %s", c.Why, c.Seen)
	case !c.Permitted && !c.Dropped:
		return fmt.Sprintf("should be dropped (%s), but was %s", c.Why, c.Seen)
	}
	return c.misnamed()
}

// misnamed checks the second witness: what Hubble names is ours, and an
// allowance is for the conduit that permits the flow.
func (c Cell) misnamed() string {
	if c.Why == Unrestricted || c.Why == OwnNode || c.Crowded && c.Passed {
		return ""
	}
	conduit, byConduit := strings.CutPrefix(c.Why, conduitPrefix)
	for _, r := range c.Rules {
		switch {
		case !r.Ours:
			return fmt.Sprintf("Hubble names %s, which is not ours", r.Policy)
		case r.Denies == c.Permitted:
			return fmt.Sprintf("it was %s, and Hubble names %s for the contrary", c.Seen, r.Policy)
		case byConduit && !slices.Contains(r.Conduits, conduit):
			return fmt.Sprintf("%s permits it, and Hubble names %s, which is for %s", c.Why, r.Policy, strings.Join(r.Conduits, ", "))
		}
	}
	return ""
}
