package analysis

import (
	"cmp"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// A Level says how much a finding matters.
type Level string

// The levels, from the worst.
const (
	// Error: the object is refused, or could not be read.
	Error Level = "error"
	// Warning: the object is in force, all but what the finding names.
	Warning Level = "warning"
	// Advice: nothing is wrong, and it could be better.
	Advice Level = "advice"
)

// Levels are all levels, from the worst.
var Levels = []Level{Error, Warning, Advice}

// A Finding is a remark of lint.
type Finding struct {
	// Rule is a reason of api/v1alpha1, or one of the rules below.
	Rule  string
	Level Level
	// Kind, Namespace and Name say which object it is about; empty for a file.
	Kind, Namespace, Name string
	// Path is the field, such as "spec.services[2].port".
	Path string
	// Message is one sentence that says what to change.
	Message string
	// File and Line say where it stands; empty for a cluster, and 0 for a file as
	// a whole.
	File string
	Line int
}

// Object returns "Conduit/pumps-to-gateway" or "MedicalDevice/icu/pump-7", or
// "" for a file.
func (f Finding) Object() string {
	if f.Kind == "" {
		return ""
	}
	return plan.Problem{Kind: f.Kind, Namespace: f.Namespace, Name: f.Name}.Object()
}

// FromProblem returns a compiler's problem as a finding.
func FromProblem(p plan.Problem) Finding {
	level := Warning
	if p.Severity() == medfencev1alpha1.SeverityRefuse {
		level = Error
	}
	return Finding{Rule: p.Reason, Level: level, Kind: p.Kind, Namespace: p.Namespace, Name: p.Name, Path: p.Path, Message: p.Message}
}

// SortFindings orders findings by where they stand, then by object and field,
// and drops repetitions.
func SortFindings(list []Finding) []Finding {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
			cmp.Compare(slices.Index(Levels, a.Level), slices.Index(Levels, b.Level)),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(list)
}

// The rules of lint beside the compiler's reasons.
const (
	// RuleRefused: the API server would refuse the object.
	RuleRefused = "Refused"
	// RuleUnreadable: a file or document cannot be read.
	RuleUnreadable = "Unreadable"
	// RuleZoneWideConduit: every device of a zone of several models takes part.
	RuleZoneWideConduit = "ZoneWideConduit"
	// RuleUnusedConduit: no registered device takes part.
	RuleUnusedConduit = "UnusedConduit"
	// RuleMixedCriticality: life-sustaining devices share a zone with others.
	RuleMixedCriticality = "MixedCriticality"
	// RuleNoSecurityLevel: a Device zone has no target, or no rationale for it.
	RuleNoSecurityLevel = "NoSecurityLevel"
	// RulePlaintextPHI: patient data passes in the clear, and nobody accepted it.
	RulePlaintextPHI = "PlaintextPHI"
	// RuleExpiresSoon: a conduit ends within thirty days.
	RuleExpiresSoon = "ExpiresSoon"
	// RuleVendorNoExpiry: a conduit with an External zone never ends.
	RuleVendorNoExpiry = "VendorNoExpiry"
	// RuleNoFirmware: a device does not say its firmware version.
	RuleNoFirmware = "NoFirmwareVersion"
	// RuleNoOwner: nobody answers for a zone and its devices.
	RuleNoOwner = "NoOwner"
)

// Rules are the rules of lint beside the compiler's reasons, with what each one
// says.
var Rules = map[string]string{
	RuleRefused:          "The API server refuses the object: it breaks the schema or a rule of its kind.",
	RuleUnreadable:       "A file or document cannot be read; the others are judged.",
	RuleZoneWideConduit:  "Every device of a zone of several models takes part in a conduit.",
	RuleUnusedConduit:    "No registered device takes part in a conduit.",
	RuleMixedCriticality: "Life-sustaining devices share a zone with devices of less weight.",
	RuleNoSecurityLevel:  "A Device zone has no security level (IEC 62443-3-2 SL-T), or no rationale for it.",
	RulePlaintextPHI:     "Patient data passes in the clear, and nobody accepted the risk.",
	RuleExpiresSoon:      "A conduit ends within thirty days.",
	RuleVendorNoExpiry:   "A conduit with an External zone never ends.",
	RuleNoFirmware:       "A device does not say its firmware version.",
	RuleNoOwner:          "Nobody answers for a Device zone and its devices.",
}
