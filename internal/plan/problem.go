package plan

import (
	"cmp"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A Problem is a mistake in what the user wrote, or a limit of the cluster
// that the user must know of. It is data, not an error: compilation carries on
// and reports every problem at once.
type Problem struct {
	// Reason is a Reason constant of api/v1alpha1.
	Reason string
	// Kind, Namespace and Name say which object it is about.
	Kind      string
	Namespace string
	Name      string
	// Path is the field, such as "spec.services[2].port".
	Path string
	// Message is one sentence that says what to change.
	Message string
}

// The kinds that a Problem can be about.
const (
	KindZone    = "DeviceZone"
	KindDevice  = "MedicalDevice"
	KindConduit = "Conduit"
)

// Object returns "Conduit/pumps-to-gateway" or "MedicalDevice/icu/pump-7".
func (p Problem) Object() string {
	if p.Namespace == "" {
		return p.Kind + "/" + p.Name
	}
	return p.Kind + "/" + p.Namespace + "/" + p.Name
}

// Severity returns the severity of the problem's reason.
func (p Problem) Severity() medfencev1alpha1.Severity {
	return medfencev1alpha1.SeverityOf(p.Reason)
}

// SortProblems orders problems by object, what refuses first, then by path,
// reason and message, and drops repetitions.
func SortProblems(list []Problem) []Problem {
	slices.SortFunc(list, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Severity(), b.Severity()),
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(list)
}
