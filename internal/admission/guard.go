package admission

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// A Mode says what a guard does with what it finds.
type Mode string

// The modes of a guard.
const (
	// Off: nobody looks.
	Off Mode = "off"
	// Warn: the request passes; its user reads the words as a warning, and the
	// audit log has them.
	Warn Mode = "warn"
	// Deny: the request is refused with the same words, in the audit log too.
	Deny Mode = "deny"
)

// ParseMode reads a mode.
func ParseMode(text string) (Mode, error) {
	if m := Mode(text); slices.Contains([]Mode{Off, Warn, Deny}, m) {
		return m, nil
	}
	return "", fmt.Errorf("%q is not a mode of a guard: use off, warn or deny", text)
}

// actions returns what a binding in this mode does.
func (m Mode) actions() []admissionregistrationv1.ValidationAction {
	if m == Deny {
		return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny, admissionregistrationv1.Audit}
	}
	return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
}

// The names of the guards.
const (
	OwnObjects          = "own-objects"
	ForeignPolicies     = "foreign-policies"
	SideDoors           = "side-doors"
	SecurityLabels      = "security-labels"
	EnforceUnregistered = "enforce-unregistered"
	UnclosedNamespace   = "unclosed-namespace"
)

// A Guard is one of the six, with the mode that it has if nobody says otherwise.
type Guard struct {
	Name    string
	Default Mode
	// policies are what it consists of.
	policies []policy
}

// A policy is a ValidatingAdmissionPolicy in the making.
type policy struct {
	// part tells the policies of one guard apart; empty for the first.
	part string
	// failure is what becomes of a request where the policy itself fails, such
	// as when the CRD of zones is gone.
	failure admissionregistrationv1.FailurePolicyType
	// rules are what it looks at.
	rules []admissionregistrationv1.NamedRuleWithOperations
	// zone, if any, is true for the zones (params) that a request concerns. The
	// policy then has DeviceZones as parameters.
	zone string
	// observing, if any, is zone for zones in Observe: for these the policy is
	// bound a second time, and only ever warns.
	observing string
	// observed are the rules for these, if they are not the same.
	observed []admissionregistrationv1.NamedRuleWithOperations
	// cluster is true for rules whose objects have no namespace, or where
	// protected namespaces are looked at too.
	cluster bool
	// conditions are further things that must be true for it to look closer.
	conditions []admissionregistrationv1.MatchCondition
	// variables are named parts of what follows.
	variables []admissionregistrationv1.Variable
	// validations are what must be true, and the words where it is not.
	validations []validation
}

// A validation is a rule and its words: short says it where the expression
// cannot be evaluated.
type validation struct{ rule, short, words string }

// LabelGuard tells which guard a policy or a binding belongs to.
const LabelGuard = "medfence.io/guard"

// Guards returns the six guards.
func Guards() []Guard {
	return []Guard{
		ownObjects(),
		foreignPolicies(),
		sideDoors(),
		securityLabels(),
		enforceUnregistered(),
		unclosedNamespace(),
	}
}
