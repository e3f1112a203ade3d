package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// The kinds of reasons, as pages write them after "Severity:".
const (
	refuses   = string(medfencev1alpha1.SeverityRefuse)
	warns     = string(medfencev1alpha1.SeverityWarn)
	condition = "condition"
)

// A reason is a Reason constant of the API.
type reason struct{ name, severity string }

// readReasons returns the reasons that the API declares, sorted by name.
func readReasons(root string) ([]reason, error) {
	path := filepath.Join(root, "api", "v1alpha1", "condition_types.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("reading the reasons: %w", err)
	}
	var out []reason
	for _, decl := range file.Decls {
		if block, ok := decl.(*ast.GenDecl); ok && block.Tok == token.CONST {
			out = append(out, reasonsIn(block)...)
		}
	}
	slices.SortFunc(out, func(a, b reason) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// reasonsIn returns the reasons of one block of constants, whose comment says
// whether they are of conditions or of problems.
func reasonsIn(block *ast.GenDecl) []reason {
	var out []reason
	for _, spec := range block.Specs {
		name, value := constant(spec)
		if !strings.HasPrefix(name, "Reason") {
			continue
		}
		r := reason{name: value, severity: string(medfencev1alpha1.SeverityOf(value))}
		if strings.HasPrefix(block.Doc.Text(), "Reasons of conditions") {
			r.severity = condition
		}
		out = append(out, r)
	}
	return out
}

// constant returns the name and the value of a constant that is a string.
func constant(spec ast.Spec) (name, value string) {
	c, ok := spec.(*ast.ValueSpec)
	if !ok || len(c.Names) != 1 || len(c.Values) != 1 {
		return "", ""
	}
	literal, ok := c.Values[0].(*ast.BasicLit)
	if !ok {
		return "", ""
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return "", ""
	}
	return c.Names[0].Name, value
}

// A page is the page of one reason.
type page struct {
	// name is its heading.
	name string
	// summary is one sentence on one line.
	summary string
	// severity is Refuse, Warn or condition; on says which objects bear it.
	severity, on string
	sections     []string
}

// sections are the chapters that every page of a reason has.
var sections = []string{"What it means", "What to do", "Example"}

// readPage reads the page of a reason.
func readPage(root, name string) (page, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "reasons", name+".md"))
	if err != nil {
		return page{}, fmt.Errorf("reading the page of %s: %w", name, err)
	}
	p, err := parsePage(string(text))
	if err != nil {
		return page{}, fmt.Errorf("reading the page of %s: %w", name, err)
	}
	return p, nil
}

// parsePage reads the form that all pages have: a heading, a sentence, the
// severity, the objects, and the sections.
func parsePage(text string) (page, error) {
	var p page
	lines := strings.Split(text, "\n")
	if len(lines) < 8 {
		return p, errors.New("it is too short: see another page for the form")
	}
	for i, head := range []struct {
		before string
		into   *string
	}{{"# ", &p.name}, {"", &p.summary}, {"**Severity:** ", &p.severity}, {"**On:** ", &p.on}} {
		rest, found := strings.CutPrefix(lines[2*i], head.before)
		if !found || rest == "" || lines[2*i+1] != "" {
			return p, fmt.Errorf("line %d is %q; it should begin with %q and be followed by an empty line", 2*i+1, lines[2*i], head.before)
		}
		*head.into = rest
	}
	for _, line := range lines {
		if section, found := strings.CutPrefix(line, "## "); found {
			p.sections = append(p.sections, section)
		}
	}
	if !slices.Equal(p.sections, sections) {
		return p, fmt.Errorf("its sections are %q; they should be %q", p.sections, sections)
	}
	return p, nil
}

const indexHead = `# Reasons

<!-- Written by ` + "`go generate ./hack/docs`" + ` from api/v1alpha1/condition_types.go and the pages beside it. Do not edit. -->

Whatever Medfence has to say about an object has a reason: one word, the same in
` + "`kubectl get`" + `, in conditions, in ` + "`status.problems`" + `, in events and in metrics. Each
has a page here that says what it means and what to do.

` + "```console" + `
$ kubectl get conduit gateway-to-engine -o jsonpath='{range .status.problems[*]}{.severity} {.reason} {.path}{"\n"}  {.message}{"\n"}{end}'
` + "```" + `
`

// reasonIndex returns the index of all pages.
func reasonIndex(root string) (string, error) {
	reasons, err := readReasons(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(indexHead)
	for _, chapter := range []struct{ severity, title, about string }{
		{refuses, "Problems that refuse a spec", "A mistake in what somebody wrote. The object's last accepted spec stays in force; a new object contributes nothing until it is mended. `Accepted` and `Ready` are False, `Stalled` is True."},
		{warns, "Warnings", "The state of the cluster, a risk that somebody accepted, or a limit of the cluster's network. The spec is in force, all but what cannot be enforced."},
		{condition, "States", "How an object stands when nobody has to mend anything, or while the operator is at work."},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Reason | On | In a sentence |\n|---|---|---|\n", chapter.title, chapter.about)
		for _, r := range reasons {
			if r.severity != chapter.severity {
				continue
			}
			p, err := readPage(root, r.name)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", r.name, r.name, cell(p.on), cell(p.summary))
		}
	}
	return b.String(), nil
}

// cell keeps a text from ending its table cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
