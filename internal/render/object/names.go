package object

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/medfence/medfence/internal/plan"
)

// namePrefix begins the name of every object that we write.
const namePrefix = "medfence-"

// reservedWords begin the names of objects that are not allows. A workload
// whose name begins with one gets a word before it.
var reservedWords = []string{ComponentBaseline, ComponentGuard, ComponentMoat}

// AllowName returns the name of a workload's allow policy, in its namespace:
// "medfence-pump-gateway-1a2b3c4d5e".
func AllowName(w *plan.Workload) string {
	for _, word := range reservedWords {
		if strings.HasPrefix(w.Name, word+"-") {
			return fitName(namePrefix + "pods-" + w.Name)
		}
	}
	return fitName(namePrefix + w.Name)
}

// BaselineName returns the name of a zone's baseline, in each namespace and
// cluster-wide: "medfence-baseline-infusion".
func BaselineName(zone string) string {
	return fitName(namePrefix + ComponentBaseline + "-" + zone)
}

// GuardName returns the name of a zone's guard: "medfence-guard-infusion".
func GuardName(zone string) string { return fitName(namePrefix + ComponentGuard + "-" + zone) }

// MoatName returns the name of a zone's moat: "medfence-moat-infusion".
func MoatName(zone string) string { return fitName(namePrefix + ComponentMoat + "-" + zone) }

// GroupName returns the name under which a group is written and referred to:
// the plan's, which is valid as it comes.
func GroupName(name string) string { return fitName(name) }

// fitName returns the name itself where the API server takes it, and else one
// that it takes: readable at its beginning, unique by a hash at its end.
func fitName(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	return fit(name, validation.DNS1123SubdomainMaxLength)
}

// fitLabel does the same for the value of a label.
func fitLabel(value string) string {
	if len(validation.IsValidLabelValue(value)) == 0 {
		return value
	}
	return fit(value, validation.LabelValueMaxLength)
}

// fit returns at most length letters, digits and hyphens, the last of which
// are a hash of the text.
func fit(text string, length int) string {
	hash := shortHash(text)
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	readable = readable[:min(len(readable), length-len(hash)-1)]
	return strings.TrimLeft(strings.Trim(readable, "-")+"-"+hash, "-")
}

// shortHash returns 10 hex digits of the text's SHA-256.
func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}
