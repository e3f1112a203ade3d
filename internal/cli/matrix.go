package cli

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report"
)

// matrixOptions are what matrix was asked.
type matrixOptions struct {
	*common
	output  string
	devices bool
	zones   []string
}

// NewMatrixCmd returns the command matrix.
func NewMatrixCmd(streams Streams) *cobra.Command {
	o := &matrixOptions{common: newCommon(streams), output: "text"}
	cmd := &cobra.Command{
		Use: "matrix", GroupID: "ask", Args: cobra.NoArgs,
		Short: "Show who may reach whom: zones by zones, or device by device",
		Long: `Show who may reach whom: zones by zones, or device by device (--devices).

A cell is what conduits permit from the row to the column; "all else" says what
becomes of the rest.`,
		Example: `  # Zones by zones
  kubectl medfence matrix -f config/samples/hospital

  # What each infusion device reaches, and what reaches it
  kubectl medfence matrix -f config/samples/hospital --devices --zone infusion

  # For a spreadsheet
  kubectl medfence matrix -f config/samples/hospital -o csv`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "text, csv, json, markdown or html")
	cmd.Flags().BoolVar(&o.devices, "devices", false, "device by device")
	cmd.Flags().StringSliceVar(&o.zones, "zone", nil, "only this zone; can be repeated")
	return cmd
}

func (o *matrixOptions) run(ctx context.Context) error {
	if err := oneOf(o.output, "text", "csv", "json", "markdown", "html"); err != nil {
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
	r, err := o.answerable(in)
	if err != nil {
		return err
	}
	if err := o.known(r); err != nil {
		return err
	}
	if o.devices {
		err = o.printRows(r.Rows())
	} else {
		err = o.printMatrix(r.Matrix())
	}
	if err != nil {
		return err
	}
	return in.partly()
}

// answerable compiles the input; what the policies do is a question about zones.
func (o *matrixOptions) answerable(in *input) (*analysis.Reach, error) {
	if o.devices {
		return o.reach(in), nil
	}
	return o.judged(in)
}

// known refuses a zone that does not exist.
func (o *matrixOptions) known(r *analysis.Reach) error {
	var names []string
	for i := range r.Plan.Zones {
		names = append(names, r.Plan.Zones[i].Name)
	}
	for _, z := range o.zones {
		if !slices.Contains(names, z) {
			return unknownZone(z, names)
		}
	}
	return nil
}

func (o *matrixOptions) printMatrix(m *analysis.Matrix) error {
	if len(o.zones) > 0 {
		m.Keep(o.zones)
	}
	out := o.streams.Out
	switch o.output {
	case "csv":
		return report.MatrixCSV(out, m)
	case "json":
		return report.MatrixJSON(out, m)
	case "markdown":
		return report.MatrixMarkdown(out, m)
	case "html":
		return report.MatrixHTML(out, m)
	}
	return report.MatrixText(out, o.style(), m)
}

func (o *matrixOptions) printRows(rows []analysis.Row) error {
	if len(o.zones) > 0 {
		rows = slices.DeleteFunc(rows, func(r analysis.Row) bool { return !slices.Contains(o.zones, r.Zone) })
	}
	write := map[string]func(io.Writer, []analysis.Row) error{
		"csv": report.RowsCSV, "json": report.RowsJSON, "markdown": report.RowsMarkdown, "html": report.RowsHTML,
	}[o.output]
	if write == nil {
		return report.RowsText(o.streams.Out, o.style(), rows)
	}
	return write(o.streams.Out, rows)
}
