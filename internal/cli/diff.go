package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report"
	"github.com/medfence/medfence/internal/snapshot"
)

// What diff can fail on.
const (
	failOpened = "opened"
	failCut    = "cut"
	failCutLS  = "cut-life-sustaining"
	failNever  = "never"
)

// diffOptions are what diff was asked.
type diffOptions struct {
	*common
	output  string
	against []string
	failOn  []string
	prune   bool
}

// NewDiffCmd returns the command diff.
func NewDiffCmd(streams Streams) *cobra.Command {
	o := &diffOptions{common: newCommon(streams), output: "text", failOn: []string{failOpened}}
	cmd := &cobra.Command{
		Use: "diff", GroupID: "ask", Args: cobra.NoArgs,
		Short: "Say what a change to manifests opens and cuts",
		Long: `Say what a change to manifests opens and cuts: flows, with the devices that gain
or lose them, life-sustaining ones first, and policies created, changed and deleted.

The manifests of -f are compared with the cluster, or with those of --against.
Against a cluster, objects that the manifests lack stay, as with kubectl apply,
unless --prune; against manifests, they are gone.

The exit code is 1 where anything of --fail-on happens: by default, where anything
opens.`,
		Example: `  # What would this pull request open? Compare two checkouts
  kubectl medfence diff --against config/samples/hospital -f config/samples/hospital

  # A comment for the pull request
  kubectl medfence diff --against config/samples/hospital -f config/samples/hospital -o markdown

  # What would these manifests change in the cluster?
  kubectl medfence diff -f manifests/ --fail-on opened,cut-life-sustaining`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	flags := cmd.Flags()
	flags.Lookup("filename").Usage = "the manifests as they would be: a file, a folder with all that is below it, or - for standard input; can be repeated"
	flags.StringSliceVar(&o.against, "against", nil, "the manifests as they are: files or folders; without, the cluster")
	flags.StringVarP(&o.output, "output", "o", o.output, "text, markdown or json")
	flags.StringSliceVar(&o.failOn, "fail-on", o.failOn, "exit with 1 on: opened, cut, cut-life-sustaining, never")
	flags.BoolVar(&o.prune, "prune", false, "against a cluster: objects that the manifests lack would be deleted")
	return cmd
}

func (o *diffOptions) validate() error {
	if err := oneOf(o.output, "text", "markdown", "json"); err != nil {
		return err
	}
	for _, f := range o.failOn {
		if !slices.Contains([]string{failOpened, failCut, failCutLS, failNever}, f) {
			return fmt.Errorf("--fail-on=%s: use opened, cut, cut-life-sustaining or never", f)
		}
	}
	if len(o.files) == 0 {
		return errors.New("diff needs the changed manifests; name them with -f")
	}
	return o.complete()
}

func (o *diffOptions) run(ctx context.Context) error {
	if err := o.validate(); err != nil {
		return err
	}
	before, after, err := o.sides(ctx)
	if err != nil {
		return err
	}
	o.complain(before)
	o.complain(after)
	if n := len(before.faults) + len(after.faults); n > 0 {
		return fmt.Errorf("nothing was compared, since %s could not be read, and what is missing would look like a change; mend what is named above", count(n, "part"))
	}
	d, err := o.compare(before, after)
	if err != nil {
		return err
	}
	if err := o.print(d); err != nil {
		return err
	}
	if o.fails(d) {
		return errNo
	}
	return nil
}

// sides reads what is, and what would be.
func (o *diffOptions) sides(ctx context.Context) (before, after *input, err error) {
	if after, err = o.readManifests(o.files); err != nil {
		return nil, nil, err
	}
	if len(o.against) > 0 {
		o.prune = true
		quiet := o.quiet
		o.quiet = true // the remark on other kinds is made once
		before, err = o.readManifests(o.against)
		o.quiet = quiet
		return before, after, err
	}
	o.files = nil
	if before, err = o.read(ctx); err != nil {
		return nil, nil, err
	}
	after.snapshot = overlay(before.snapshot, after.snapshot)
	after.policies, after.recorded = applied(before.policies, after.policies), before.recorded
	return before, after, nil
}

// applied returns the policies of the cluster with those of the manifests in the
// place of their namesakes.
func applied(cluster, manifests []*unstructured.Unstructured) []*unstructured.Unstructured {
	type key struct{ kind, namespace, name string }
	keyOf := func(o *unstructured.Unstructured) key { return key{o.GetKind(), o.GetNamespace(), o.GetName()} }
	replaced := map[key]bool{}
	for _, o := range manifests {
		replaced[keyOf(o)] = true
	}
	kept := slices.DeleteFunc(slices.Clone(cluster), func(o *unstructured.Unstructured) bool { return replaced[keyOf(o)] })
	return append(kept, manifests...)
}

// overlay returns the cluster with the declared objects of manifests.
func overlay(cluster, manifests *snapshot.Snapshot) *snapshot.Snapshot {
	out := *cluster
	out.Zones, out.Devices, out.Conduits = manifests.Zones, manifests.Devices, manifests.Conduits
	known := map[string]bool{}
	for _, n := range out.Namespaces {
		known[n.Name] = true
	}
	out.Namespaces = slices.Clone(out.Namespaces)
	for _, n := range manifests.Namespaces {
		if !known[n.Name] {
			out.Namespaces = append(out.Namespaces, n)
		}
	}
	return &out
}

func (o *diffOptions) compare(before, after *input) (*analysis.Difference, error) {
	var out *analysis.Difference
	err := o.step("comparing", func() (err error) {
		was := analysis.New(before.snapshot)
		analysis.Follow(was, after.snapshot, o.prune)
		is := analysis.New(after.snapshot)
		for r, in := range map[*analysis.Reach]*input{was: before, is: after} {
			// What is rendered is judged on both sides: drift is no change of the
			// manifests.
			if err := r.Judge(analysis.Policies{Standing: in.policies, Recorded: in.recorded, Rendered: true}); err != nil {
				return err
			}
		}
		out, err = analysis.Compare(was, is)
		return err
	})
	return out, err
}

func (o *diffOptions) print(d *analysis.Difference) error {
	switch o.output {
	case "markdown":
		return report.DifferenceMarkdown(o.streams.Out, d)
	case "json":
		return report.DifferenceJSON(o.streams.Out, d)
	}
	return report.DifferenceText(o.streams.Out, o.style(), d)
}

func (o *diffOptions) fails(d *analysis.Difference) bool {
	return slices.Contains(o.failOn, failOpened) && !d.Kept() ||
		slices.Contains(o.failOn, failCut) && d.Cuts() ||
		slices.Contains(o.failOn, failCutLS) && d.CutsLifeSustaining()
}
