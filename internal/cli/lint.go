package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/report"
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
	findings := findingsOf(in, o.reach(in).Lint())
	if err := o.print(findings); err != nil {
		return err
	}
	if o.fails(findings) {
		return errNo
	}
	return nil
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
