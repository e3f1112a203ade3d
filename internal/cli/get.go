package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report"
)

// NewGetCmd returns the command get, of which problems is the only kind.
func NewGetCmd(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get", GroupID: "check", Short: "List what is open in the cluster",
		Args: known,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewGetProblemsCmd(streams))
	return cmd
}

// getOptions are what get problems was asked.
type getOptions struct {
	*common
	output string
}

// NewGetProblemsCmd returns the command get problems.
func NewGetProblemsCmd(streams Streams) *cobra.Command {
	o := &getOptions{common: newCommon(streams), output: "text"}
	cmd := &cobra.Command{
		Use: "problems", Aliases: []string{"problem"}, Args: cobra.NoArgs,
		Short: "List the open problems of all zones, devices and conduits in one table",
		Long: `List the open problems of all zones, devices and conduits in one table: refused
objects first. The problems are worked out anew, from what the cluster holds now.

The exit code is 1 where an object is refused.`,
		Example: `  # What the cluster holds now
  kubectl medfence get problems

  # What it would hold
  kubectl medfence get problems -f config/samples/hospital`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "text or json")
	return cmd
}

func (o *getOptions) run(ctx context.Context) error {
	if err := oneOf(o.output, "text", "json"); err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		return err
	}
	in, err := o.read(ctx)
	if err != nil {
		return err
	}
	o.complain(in)
	var refused, warned []analysis.Finding
	for _, p := range o.reach(in).Problems {
		f := analysis.FromProblem(p)
		f.File, f.Line = in.where(f)
		if f.Level == analysis.Error {
			refused = append(refused, f)
			continue
		}
		warned = append(warned, f)
	}
	if err := o.print(append(refused, warned...)); err != nil {
		return err
	}
	if len(refused) > 0 {
		return errNo
	}
	return in.partly()
}

func (o *getOptions) print(findings []analysis.Finding) error {
	if o.output == "json" {
		return report.FindingsJSON(o.streams.Out, findings)
	}
	if len(findings) == 0 {
		_, err := fmt.Fprintln(o.streams.Out, "no open problems")
		return err
	}
	table := report.Table{
		Head:  []string{"LEVEL", "OBJECT", "REASON", "FIELD", "MESSAGE"},
		Tints: map[int]func(string) report.Tint{0: func(text string) report.Tint { return report.LevelTint(analysis.Level(text)) }},
	}
	for _, f := range findings {
		table.Rows = append(table.Rows, []string{string(f.Level), f.Object(), f.Rule, f.Path, f.Message})
	}
	_, err := io.WriteString(o.streams.Out, table.String(o.style()))
	return err
}
