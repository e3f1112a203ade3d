package compile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/plan"
)

var (
	// quoted is what a message repeats of what people wrote; the first is what
	// hostile ones write in random hospitals.
	quoted = regexp.MustCompile(`x %!s\(MISSING\).*|"(?:[^"\\]|\\.)*"|accepted: .*`)
	// goSyntax is what slips into a message from a format without a word.
	goSyntax = regexp.MustCompile(`%!|<nil>|map\[|&\{|\[\]|\{\{|\(MISSING|\bv1alpha1\.|\bmetav1\.|0x[0-9a-f]{4}|Invalid value`)
	// change is how a message begins to say what to change.
	change = regexp.MustCompile(`[;:?]|mended|^name |^give `)
	// another is the beginning of a second sentence.
	another = regexp.MustCompile(`[.!?] [A-Z]`)
)

// TestMessagesAreOneSentenceThatSaysWhatToChange, whatever people write.
func TestMessagesAreOneSentenceThatSaysWhatToChange(t *testing.T) {
	seen := map[string]bool{}
	for name, s := range corpus(t) {
		for _, p := range compile.Compile(s).Problems {
			if seen[p.Reason+p.Message] {
				continue
			}
			seen[p.Reason+p.Message] = true
			for _, fault := range faults(p) {
				t.Errorf("%s: %s %s %s: %s\n  %q", name, p.Object(), p.Reason, p.Path, fault, p.Message)
			}
		}
	}
	if len(seen) < 1000 {
		t.Errorf("saw %d messages, too few to mean anything", len(seen))
	}
}

// faults lists what is wrong with the words of a problem.
func faults(p plan.Problem) []string {
	own := quoted.ReplaceAllString(p.Message, "x")
	var out []string
	check := func(wrong bool, fault string) {
		if wrong {
			out = append(out, fault)
		}
	}
	check(p.Message == "", "it says nothing")
	check(utf8.RuneCountInString(p.Message) > 512, "it is longer than status takes")
	check(utf8.RuneCountInString(p.Path) > 256, "its path is longer than status takes")
	check(!utf8.ValidString(p.Message), "it is no valid text")
	check(strings.ContainsFunc(p.Message, func(r rune) bool { return !unicode.IsPrint(r) }), "it holds what cannot be printed")
	check(strings.Contains(p.Message, "  ") || strings.TrimSpace(p.Message) != p.Message, "it holds too much space")
	check(goSyntax.MatchString(own), "it speaks Go")
	check(another.MatchString(own), "it is more than one sentence")
	check(strings.HasSuffix(own, "."), "it ends like a page")
	check(!change.MatchString(p.Message), "it does not say what to change")
	return out
}

// elsewhere are the reasons that the compiler does not know: who raises them.
var elsewhere = map[string]string{
	medfencev1alpha1.ReasonCiliumConfigUnread: "gather, as a note about the cluster",
	medfencev1alpha1.ReasonDNSUnknown:         "gather, as a note about the cluster",
	medfencev1alpha1.ReasonForeignObject:      "controllers, from what apply found",
	medfencev1alpha1.ReasonOrphaned:           "controllers, from what apply found",
	medfencev1alpha1.ReasonPolicyAltered:      "controllers, from what apply found",
	medfencev1alpha1.ReasonTooManyPolicies:    "controllers, from what apply found",
}

// TestEveryReasonIsRaised: each reason of a problem is raised by a scenario or
// a random hospital, or is known to be raised elsewhere.
func TestEveryReasonIsRaised(t *testing.T) {
	raised := map[string]bool{}
	for _, s := range corpus(t) {
		for _, p := range compile.Compile(s).Problems {
			raised[p.Reason] = true
		}
	}
	declared := declaredReasons(t)
	for _, reason := range declared {
		who, known := elsewhere[reason]
		switch {
		case raised[reason] && known:
			t.Errorf("%s is said to be raised by %s, and the compiler raises it", reason, who)
		case !raised[reason] && !known:
			t.Errorf("nothing raises %s: write a scenario, or say who does", reason)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(raised)) {
		if !slices.Contains(declared, reason) {
			t.Errorf("the compiler raises %s, which is no reason of a problem", reason)
		}
	}
}

// declaredReasons reads the reasons of problems from the source of the API: the
// blocks of constants about problems and warnings.
func declaredReasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/condition_types.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range file.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST || !regexp.MustCompile(`^Reasons of (problems|warnings)`).MatchString(block.Doc.Text()) {
			continue
		}
		for _, s := range block.Specs {
			for _, v := range s.(*ast.ValueSpec).Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
		}
	}
	if len(out) < 50 {
		t.Fatalf("found %d reasons, too few to be all", len(out))
	}
	return out
}

// TestAnEditThatIsNoneSaysTheSame: a status that changes from pass to pass wakes
// everybody who watches it.
func TestAnEditThatIsNoneSaysTheSame(t *testing.T) {
	for name, s := range corpus(t) {
		later := *s
		later.Now = s.Now.Add(1)
		if diff := cmp.Diff(compile.Compile(s).Problems, compile.Compile(&later).Problems); diff != "" {
			t.Fatalf("%s: the words change as time goes by:\n%s", name, diff)
		}
	}
}
