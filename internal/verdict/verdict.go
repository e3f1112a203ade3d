package verdict

import "strings"

// A Decision is what the policies say of a flow.
type Decision string

// The decisions.
const (
	// Allow: the flow passes on both sides.
	Allow Decision = "Allow"
	// Deny: one side drops it, whatever the other says.
	Deny Decision = "Deny"
	// Unknown: the objects do not decide it; a step says why.
	Unknown Decision = "Unknown"
)

// A Direction is the side of a policy that looks at a flow.
type Direction string

// The directions. A flow is judged as egress of its source and as ingress of
// its destination.
const (
	Egress  Direction = "egress"
	Ingress Direction = "ingress"
)

// An Effect is what a step did to the flow.
type Effect string

// The effects of a step.
const (
	// Allows: the rule lets the flow pass.
	Allows Effect = "allows"
	// Denies: the deny rule drops the flow.
	Denies Effect = "denies"
	// Isolates: the policy makes its endpoint deny what no rule allows.
	Isolates Effect = "isolates"
	// Open: nothing at this side restricts the flow. The step names no policy,
	// or one that restricts nothing.
	Open Effect = "open"
	// Unclear: the policy or rule may decide the flow, and nobody can tell.
	Unclear Effect = "unclear"
)

// A Policy names a policy object.
type Policy struct {
	Kind      string
	Namespace string // empty for cluster-scoped kinds
	Name      string
}

// String returns "NetworkPolicy/infusion/allow-all".
func (p Policy) String() string {
	if p.Namespace == "" {
		return p.Kind + "/" + p.Name
	}
	return strings.Join([]string{p.Kind, p.Namespace, p.Name}, "/")
}

// A Step is one policy or rule that had a say.
type Step struct {
	// Direction is the side that it was at.
	Direction Direction
	// Policy is the object, or zero where no object decided.
	Policy Policy
	// Path is the rule within the object: "spec.ingress[0].toPorts[1]".
	Path   string
	Effect Effect
	// Text is one plain sentence.
	Text string
}

// A Verdict is the answer, and everything that led to it: the steps of the
// egress side first, on each side the policies by kind, namespace and name, and
// in these the rules as they are written.
type Verdict struct {
	Decision Decision
	// Egress and Ingress are the decisions of the two sides. A side that no
	// policy of this cluster restricts (an address outside, a node) allows.
	Egress, Ingress Decision
	Steps           []Step
}

// both returns the decision of two sides.
func both(a, b Decision) Decision {
	if a == Deny || b == Deny {
		return Deny
	}
	if a == Allow && b == Allow {
		return Allow
	}
	return Unknown
}
