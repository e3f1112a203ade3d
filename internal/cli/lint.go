package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/report"
	"github.com/medfence/medfence/internal/schema"
)

// lintOptions are what lint was asked.
type lintOptions struct {
	*common
	output string
	failOn string
}

// NewLintCmd returns the command lint.
func NewLintCmd(streams Streams) *cobra.Command {
	o := &lintOptions{common: newCommon(streams), output: "text", failOn: string(analysis.Error)}
	cmd := &cobra.Command{
		Use: "lint", GroupID: "check", Args: cobra.NoArgs,
		Short: "Say what is wrong or could be better, with file and line",
		Long: `Say what is wrong or could be better, with file and line.

Errors are objects that Medfence would refuse, and what cannot be read. Warnings
are parts that cannot be enforced. Advice is what an auditor would remark: a
conduit for a whole zone where one model would do, life-sustaining devices among
others, patient data in the clear, a vendor's conduit that never ends.

The exit code is 1 where anything of --fail-on or worse was found.`,
		Example: `  # Everything in a folder, on a terminal
  kubectl medfence lint -f config/samples/hospital

  # For GitHub code scanning
  kubectl medfence lint -f config/samples/hospital -o sarif

  # A pipeline that stops at warnings, too
  kustomize build config/samples/hospital | kubectl medfence lint -f - --fail-on warning`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "text, json, sarif or junit")
	cmd.Flags().StringVar(&o.failOn, "fail-on", o.failOn, "exit with 1 at this level or worse: error, warning, advice or never")
	return cmd
}

func (o *lintOptions) validate() error {
	if err := oneOf(o.output, "text", "json", "sarif", "junit"); err != nil {
		return err
	}
	if o.failOn != "never" && !slices.Contains(analysis.Levels, analysis.Level(o.failOn)) {
		return fmt.Errorf("--fail-on=%s: use error, warning, advice or never", o.failOn)
	}
	return o.complete()
}

func (o *lintOptions) run(ctx context.Context) error {
	if err := o.validate(); err != nil {
		return err
	}
	in, err := o.read(ctx)
	if err != nil {
		return err
	}
	refused, err := o.refused(ctx, in)
	if err != nil {
		return err
	}
	findings := findingsOf(in, merge(refused, o.reach(in).Lint()))
	if err := o.print(findings); err != nil {
		return err
	}
	if o.fails(findings) {
		return errNo
	}
	return nil
}

// refused returns for what the API server would refuse the manifests. What a
// cluster holds it has taken.
func (o *lintOptions) refused(ctx context.Context, in *input) ([]analysis.Finding, error) {
	if in.objects == nil {
		return nil, nil
	}
	checker, err := schema.New()
	if err != nil {
		return nil, fmt.Errorf("preparing the schemas: %w", err)
	}
	objects := in.objects.Own()
	found := make([][]analysis.Finding, len(objects))
	_ = o.step("checking the schemas", func() error {
		parallel(len(objects), func(i int) {
			one := &objects[i]
			for _, v := range checker.Check(ctx, one.Kind, one.Namespace, one.JSON) {
				found[i] = append(found[i], analysis.Finding{
					Rule: analysis.RuleRefused, Level: analysis.Error, Kind: one.Kind, Namespace: one.Namespace, Name: one.Name,
					Path: v.Path, Message: v.Message,
				})
			}
		})
		return nil
	})
	return slices.Concat(found...), nil
}

// merge adds to what is refused what the compiler finds in all else: what never
// reaches it needs no second remark on the same field.
func merge(refused, findings []analysis.Finding) []analysis.Finding {
	paths := map[string][]string{}
	for _, f := range refused {
		paths[f.Object()] = append(paths[f.Object()], f.Path)
	}
	said := func(f analysis.Finding) bool {
		return f.Level == analysis.Error && slices.ContainsFunc(paths[f.Object()], func(path string) bool { return strings.HasPrefix(f.Path, path) })
	}
	return append(refused, slices.DeleteFunc(findings, said)...)
}

func (o *lintOptions) print(findings []analysis.Finding) error {
	out := o.streams.Out
	switch o.output {
	case "json":
		return report.FindingsJSON(out, findings)
	case "sarif":
		return report.FindingsSARIF(out, findings)
	case "junit":
		return report.FindingsJUnit(out, findings)
	}
	return report.FindingsText(out, o.style(), findings)
}

func (o *lintOptions) fails(findings []analysis.Finding) bool {
	return slices.ContainsFunc(findings, func(f analysis.Finding) bool {
		return slices.Index(analysis.Levels, f.Level) <= slices.Index(analysis.Levels, analysis.Level(o.failOn))
	})
}

// findingsOf returns findings with where they stand, and the faults of reading
// among them.
func findingsOf(in *input, findings []analysis.Finding) []analysis.Finding {
	for i := range findings {
		findings[i].File, findings[i].Line = in.where(findings[i])
	}
	for _, f := range in.faults {
		findings = append(findings, fromFault(f))
	}
	return analysis.SortFindings(findings)
}

// where returns where a finding's object stands.
func (in *input) where(f analysis.Finding) (string, int) {
	if in.objects == nil {
		return "", 0
	}
	at := in.objects.Where(f.Kind, f.Namespace, f.Name)
	if f.Path == "" {
		return at.File, at.Line
	}
	return at.File, in.objects.LineOf(f.Kind, f.Namespace, f.Name, f.Path)
}

func fromFault(f manifest.Fault) analysis.Finding {
	message := f.Message
	for _, part := range []string{f.Path, f.Object} {
		if part != "" {
			message = part + ": " + message
		}
	}
	return analysis.Finding{Rule: analysis.RuleUnreadable, Level: analysis.Error, File: f.File, Line: f.Line, Message: message}
}
