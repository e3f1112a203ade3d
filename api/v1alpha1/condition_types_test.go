package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Which block a reason stands in says what it does; SeverityOf must say the
// same, or a mistake of a user would be let through with a warning.
func TestEveryReasonHasTheSeverityOfItsBlock(t *testing.T) {
	for heading, reasons := range reasonBlocks(t) {
		for _, reason := range reasons {
			got := medfencev1alpha1.SeverityOf(reason)
			switch {
			case strings.HasPrefix(heading, "Reasons of problems that refuse"):
				if got != medfencev1alpha1.SeverityRefuse {
					t.Errorf("%s stands among the problems that refuse, but SeverityOf says %s: add it to refusing", reason, got)
				}
			case strings.HasPrefix(heading, "Reasons of warnings"), strings.HasPrefix(heading, "Reasons of conditions that name no problem"):
				if got != medfencev1alpha1.SeverityWarn {
					t.Errorf("%s refuses nothing where it stands, but SeverityOf says %s", reason, got)
				}
			default:
				t.Errorf("%s stands in a block that does not say what its reasons do: %q", reason, heading)
			}
		}
	}
}

// A reason is also the name of its page and of its event: it reads the same
// everywhere, and means one thing only.
func TestAReasonIsItsOwnName(t *testing.T) {
	var seen []string
	for _, reasons := range reasonBlocks(t) {
		for _, reason := range reasons {
			if slices.Contains(seen, reason) {
				t.Errorf("two constants have the value %s", reason)
			}
			seen = append(seen, reason)
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d reasons found: has the file moved?", len(seen))
	}
}

// reasonBlocks are the values of the Reason constants, by the comment of the
// const block that they stand in.
func reasonBlocks(t *testing.T) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "condition_types.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]string{}
	for _, decl := range file.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		for _, spec := range block.Specs {
			if name, value := constant(t, spec); strings.HasPrefix(name, "Reason") {
				if name != "Reason"+value {
					t.Errorf("%s has the value %q", name, value)
				}
				blocks[block.Doc.Text()] = append(blocks[block.Doc.Text()], value)
			}
		}
	}
	return blocks
}

// constant is the name and the value of a constant that is a string.
func constant(t *testing.T, spec ast.Spec) (name, value string) {
	t.Helper()
	c, ok := spec.(*ast.ValueSpec)
	if !ok || len(c.Names) != 1 || len(c.Values) != 1 {
		t.Fatalf("a constant is declared on a line of its own, with its value: %v", spec)
	}
	literal, ok := c.Values[0].(*ast.BasicLit)
	if !ok {
		t.Fatalf("%s is not a literal", c.Names[0].Name)
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return c.Names[0].Name, value
}
