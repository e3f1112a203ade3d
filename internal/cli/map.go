package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report/zonemap"
)

// mapOptions are what map was asked.
type mapOptions struct {
	*common
	output string
}

// NewMapCmd returns the command map.
func NewMapCmd(streams Streams) *cobra.Command {
	o := &mapOptions{common: newCommon(streams), output: "html"}
	cmd := &cobra.Command{
		Use: "map", GroupID: "ask", Args: cobra.NoArgs,
		Short: "Draw zones as rooms and conduits as arrows, on one page",
		Long: `Draw zones as rooms with their devices, and conduits as arrows.

The page is one file that fetches nothing and works from a disk: search, filters,
details on a click or Enter, tables, light and dark.`,
		Example: `  # A page to open in a browser
  kubectl medfence map -f config/samples/hospital > map.html

  # A picture, or text for a README
  kubectl medfence map -f config/samples/hospital -o svg
  kubectl medfence map -f config/samples/hospital -o mermaid
  kubectl medfence map -f config/samples/hospital -o dot`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "html, svg, mermaid or dot")
	return cmd
}

func (o *mapOptions) run(ctx context.Context) error {
	if err := oneOf(o.output, "html", "svg", "mermaid", "dot"); err != nil {
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
	r, err := o.judged(in)
	if err != nil {
		return err
	}
	write := map[string]func(io.Writer, *analysis.Chart) error{
		"html": zonemap.HTML, "svg": zonemap.SVG, "mermaid": zonemap.Mermaid, "dot": zonemap.DOT,
	}[o.output]
	if err := o.step("drawing the map", func() error { return write(o.streams.Out, r.Chart()) }); err != nil {
		return err
	}
	return in.partly()
}
