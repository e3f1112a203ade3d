package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/nearest"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/report"
)

// renderOptions are what render was asked.
type renderOptions struct {
	*common
	output    string
	zones     []string
	keepGoing bool
}

// NewRenderCmd returns the command render.
func NewRenderCmd(streams Streams) *cobra.Command {
	o := &renderOptions{common: newCommon(streams), output: "yaml"}
	cmd := &cobra.Command{
		Use: "render", GroupID: "check", Args: cobra.NoArgs,
		Short: "Print the policies that zones, devices and conduits compile to",
		Long: `Print the policies that zones, devices and conduits compile to, as the operator
would write them, in the order of writing. The same input gives the same bytes, so
that the output can be kept in Git.

Nothing is printed where a manifest cannot be read (exit code 2), unless
--keep-going: half of the conduits would cut the other half. The exit code is 1
where an object is refused; the policies are those without it.`,
		Example: `  # The policies for any network plugin
  kubectl medfence render -f config/samples/hospital --target netpol

  # One zone, for Cilium
  kubectl medfence render -f config/samples/hospital --target cilium --zone infusion

  # The output of another tool
  kustomize build config/samples/hospital | kubectl medfence render -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "yaml, json, or names for kind and name alone")
	cmd.Flags().StringSliceVar(&o.zones, "zone", nil, "only the policies of this zone; can be repeated")
	cmd.Flags().BoolVar(&o.keepGoing, "keep-going", false, "print what can be rendered although a manifest cannot be read")
	return cmd
}

func (o *renderOptions) run(ctx context.Context) error {
	if err := oneOf(o.output, "yaml", "json", "names"); err != nil {
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
	if len(in.faults) > 0 && !o.keepGoing {
		return fmt.Errorf("nothing was rendered, since %s could not be read; mend what is named above, or give --keep-going", count(len(in.faults), "part"))
	}
	r := o.reach(in)
	objects, err := o.objects(r)
	if err != nil {
		return err
	}
	if err := o.print(objects); err != nil {
		return err
	}
	if o.refusals(in, r.Problems) {
		return errNo
	}
	return in.partly()
}

// objects renders the zones that were asked for, or all.
func (o *renderOptions) objects(r *analysis.Reach) ([]object.Object, error) {
	if len(o.zones) == 0 {
		return render.AllOf(r.Guards, parallel), nil
	}
	var names []string
	for i := range r.Plan.Zones {
		names = append(names, r.Plan.Zones[i].Name)
	}
	var out []object.Object
	for _, zone := range o.zones {
		if !slices.Contains(names, zone) {
			return nil, unknownZone(zone, names)
		}
		out = append(out, render.ZoneOf(r.Guards, zone)...)
	}
	object.Sort(out)
	return out, nil
}

// unknownZone names the nearest zone.
func unknownZone(zone string, names []string) error {
	if near := nearest.Name(zone, names); near != "" {
		return fmt.Errorf("there is no zone %q; did you mean %q?", zone, near)
	}
	return fmt.Errorf("there is no zone %q; kubectl medfence matrix lists them", zone)
}

func (o *renderOptions) print(objects []object.Object) error {
	switch o.output {
	case "names":
		for _, one := range objects {
			name := one.GetName()
			if one.GetNamespace() != "" {
				name = one.GetNamespace() + "/" + name
			}
			if _, err := fmt.Fprintf(o.streams.Out, "%s/%s\n", one.Kind(), name); err != nil {
				return fmt.Errorf("printing names: %w", err)
			}
		}
		return nil
	case "json":
		items := make([]map[string]any, 0, len(objects))
		for _, one := range objects {
			fields, err := object.Fields(one.KubeObject)
			if err != nil {
				return fmt.Errorf("printing %s: %w", one.GetName(), err)
			}
			items = append(items, fields)
		}
		return report.JSON(o.streams.Out, map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}
	return o.printYAML(objects)
}

// chunk is how many objects are written down by one processor at a time.
const chunk = 256

// printYAML prints the objects as documents, in their order; they are written
// down on all processors.
func (o *renderOptions) printYAML(objects []object.Object) error {
	parts := slices.Collect(slices.Chunk(objects, chunk))
	texts, errs := make([][]byte, len(parts)), make([]error, len(parts))
	parallel(len(parts), func(i int) { texts[i], errs[i] = object.Manifest(parts[i]) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("printing the policies: %w", err)
	}
	_, err := o.streams.Out.Write(bytes.Join(texts, []byte("---\n")))
	return err
}

// refusals names on stderr the objects that are refused.
func (o *renderOptions) refusals(in *input, problems []plan.Problem) bool {
	var refused []analysis.Finding
	for _, p := range problems {
		if p.Severity() == medfencev1alpha1.SeverityRefuse {
			refused = append(refused, analysis.FromProblem(p))
		}
	}
	if len(refused) == 0 {
		return false
	}
	for i := range refused {
		refused[i].File, refused[i].Line = in.where(refused[i])
	}
	style := o.streams.style(o.streams.ErrOut, o.color)
	_ = report.FindingsText(o.streams.ErrOut, style, analysis.SortFindings(refused))
	return true
}
