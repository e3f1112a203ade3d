package hostile

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/stage"
)

// everyStatusIsSound checks what a person, or a program, reads of each object.
func (c *crowd) everyStatusIsSound() {
	c.Helper()
	reasons := reasonsOf(c.T)
	all := c.ours()
	if len(all) == 0 {
		c.Fatal("nothing is left to look at")
	}
	for i := range all {
		for _, fault := range faultsOf(&all[i], reasons) {
			c.Errorf("%s %s/%s: %s", all[i].GetKind(), all[i].GetNamespace(), all[i].GetName(), fault)
		}
	}
	c.Logf("looked at %d objects", len(all))
}

// A readStatus is what all of our statuses have.
type readStatus struct {
	ObservedGeneration int64
	Warnings           int
	Problems           []medfencev1alpha1.ProblemStatus
	Openings           []medfencev1alpha1.OpeningStatus
	Conditions         []struct{ Type, Status, Reason, Message string }
	From, To, Services string
	Located            string
}

const maxStatus = 1 << 20

// faultsOf says what is wrong with the status of an object.
func faultsOf(o *unstructured.Unstructured, reasons map[string]bool) []string {
	var faults []string
	say := func(text ...string) { faults = append(faults, strings.Join(text, " ")) }
	raw, err := json.Marshal(o.Object["status"])
	var s readStatus
	if err != nil || json.Unmarshal(raw, &s) != nil {
		return []string{"the status cannot be read: " + string(raw)}
	}
	if s.ObservedGeneration != o.GetGeneration() {
		say("generation", strconv.FormatInt(o.GetGeneration(), 10), "and status is about", strconv.FormatInt(s.ObservedGeneration, 10))
	}
	if len(raw) > maxStatus {
		say("the status has", strconv.Itoa(len(raw)), "bytes")
	}
	if len(s.Problems) > 32 || len(s.Openings) > 32 {
		say("too much is listed:", strconv.Itoa(len(s.Problems)), "problems", strconv.Itoa(len(s.Openings)), "openings")
	}
	types := map[string]bool{}
	for _, condition := range s.Conditions {
		types[condition.Type] = true
		if !reasons[condition.Reason] {
			say(condition.Type, "has a reason that nobody knows:", condition.Reason)
		}
		if why := unreadable(condition.Message); why != "" {
			say(condition.Type, why)
		}
	}
	for _, kind := range []string{medfencev1alpha1.ConditionAccepted, medfencev1alpha1.ConditionEnforced, medfencev1alpha1.ConditionReady} {
		if !types[kind] {
			say("it does not say whether it is", kind)
		}
	}
	for _, p := range s.Problems {
		if !reasons[p.Reason] {
			say("a problem has a reason that nobody knows:", p.Reason)
		}
		if why := unreadable(p.Message); why != "" {
			say(p.Reason, why)
		}
		if p.Severity == medfencev1alpha1.SeverityRefuse && p.Path == "" {
			say(p.Reason, "does not say where:", p.Message)
		}
	}
	for _, column := range []string{s.From, s.To, s.Services, s.Located} {
		if column != "" && !printable(column) {
			say("a column cannot be printed:", strconv.Quote(column))
		}
	}
	for _, opening := range s.Openings {
		if why := unreadable(opening.Passes); why != "" {
			say("an opening", why)
		}
	}
	return faults
}

// unreadable says why a person cannot read a message.
func unreadable(message string) string {
	switch {
	case utf8.RuneCountInString(message) < 10:
		return "says next to nothing: " + strconv.Quote(message)
	case utf8.RuneCountInString(message) > 512:
		return "is too long"
	case strings.Contains(message, "%!"):
		return "is badly formatted: " + message
	case !printable(message):
		return "cannot be printed: " + strconv.Quote(message)
	}
	return ""
}

// printable reports whether a text is one line without what terminals obey.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// reasonsOf reads the reasons from the source of the API.
func reasonsOf(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), stage.Path("api/v1alpha1/condition_types.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok {
			text, err := strconv.Unquote(value.Value)
			if err != nil {
				t.Fatal(err)
			}
			out[text] = true
		}
		return true
	})
	if len(out) < 60 {
		t.Fatalf("only %d reasons are in the source", len(out))
	}
	return out
}
