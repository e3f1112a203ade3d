package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/report"
)

// explainOptions are what explain was asked.
type explainOptions struct {
	*common
	output  string
	allFrom string
	allTo   string
	// whole reads all manifests, for the test that it makes no difference.
	whole bool
}

// NewExplainCmd returns the command explain.
func NewExplainCmd(streams Streams) *cobra.Command {
	o := &explainOptions{common: newCommon(streams), output: "text"}
	cmd := &cobra.Command{
		Use: "explain FROM TO PORT", GroupID: "ask", Args: cobra.MaximumNArgs(3),
		Short: "Say whether a flow may pass, why, and what would permit it",
		Long: `Say whether a flow may pass, through which conduit and for what purpose, and if
not, what is missing and the conduit that would permit it.

FROM and TO are pod/NAMESPACE/NAME, device/NAMESPACE/NAME, zone/NAME, an IP address,
or world for any address outside all zones. FROM is who opens the connection. PORT
is a number (TCP), udp/24105, icmp/8, or the name of a service such as dicom.

The exit code is 0 where it may pass, 1 where not, and 2 where the command could
not tell.`,
		Example: `  # May the gateway read pump 7?
  kubectl medfence explain device/infusion/pump-gateway device/biomed-inventory/pump-icu-07 3613 -f config/samples/hospital

  # Why can the service laptop not?
  kubectl medfence explain 10.42.0.9 device/biomed-inventory/pump-icu-07 3613 -f config/samples/hospital

  # Who can reach pump 7, and what can it reach?
  kubectl medfence explain --all-to device/biomed-inventory/pump-icu-07 -f config/samples/hospital
  kubectl medfence explain --all-from device/biomed-inventory/pump-icu-07 -f config/samples/hospital`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	o.addOutput(cmd.Flags())
	o.addInput(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.output, "text or json")
	cmd.Flags().StringVar(&o.allFrom, "all-from", "", "list all that this `endpoint` may reach")
	cmd.Flags().StringVar(&o.allTo, "all-to", "", "list all that may reach this `endpoint`")
	cmd.Flags().BoolVar(&o.whole, "whole", false, "read all manifests, not only those near the endpoints")
	cmd.Flags().Lookup("whole").Hidden = true
	return cmd
}

func (o *explainOptions) validate(args []string) error {
	if err := oneOf(o.output, "text", "json"); err != nil {
		return err
	}
	switch {
	case o.allFrom != "" && o.allTo != "":
		return errors.New("--all-from and --all-to are two questions; ask one at a time")
	case (o.allFrom != "" || o.allTo != "") && len(args) > 0:
		return errors.New("--all-from and --all-to take no further arguments")
	case o.allFrom == "" && o.allTo == "" && len(args) != 3:
		return errors.New("explain needs FROM, TO and PORT, such as: explain 10.42.0.9 device/icu/pump-7 3613; or --all-from or --all-to with one endpoint")
	}
	return o.complete()
}

func (o *explainOptions) run(ctx context.Context, args []string) error {
	if err := o.validate(args); err != nil {
		return err
	}
	in, r, err := o.gather(ctx, args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		err = o.all(r)
	} else {
		err = o.one(in, r, args)
	}
	if err != nil {
		return err
	}
	return in.partly()
}

// gather reads and compiles what the question is about. Of manifests only the
// devices and pods near the endpoints are read; all are where one of the endpoints
// is not found, since the answer is the nearest name then.
func (o *explainOptions) gather(ctx context.Context, args []string) (*input, *analysis.Reach, error) {
	endpoints := []string{o.allFrom + o.allTo}
	if len(args) > 0 {
		endpoints = args[:2]
	}
	if len(o.files) == 0 {
		in, err := o.read(ctx)
		if err != nil {
			return nil, nil, err
		}
		return in, o.reach(in), nil
	}
	files, faults, err := o.load(o.files)
	if err != nil {
		return nil, nil, err
	}
	quiet := o.quiet
	o.quiet = true // the remark on other kinds is made once
	in, err := o.interpret(o.files, faults, func(namespace string) (*manifest.Objects, []manifest.Fault) {
		return manifest.ReadAbout(namespace, files, wordsOf(endpoints), func(objects *manifest.Objects) []string {
			return around(endpoints, objects)
		})
	})
	o.quiet = quiet
	if err == nil && !o.whole {
		in.snapshot.Focus = []string{"-"} // what the guards leave open is not asked for
		r := o.reach(in)
		if found(r, endpoints) {
			o.remark(in)
			o.complain(in)
			return in, r, nil
		}
	}
	if in, err = o.interpret(o.files, faults, func(namespace string) (*manifest.Objects, []manifest.Fault) {
		return manifest.ReadInto(namespace, files)
	}); err != nil {
		return nil, nil, err
	}
	o.complain(in)
	return in, o.reach(in), nil
}

func found(r *analysis.Reach, endpoints []string) bool {
	return !slices.ContainsFunc(endpoints, func(text string) bool {
		_, err := r.Find(text)
		return err != nil
	})
}

// all lists all contacts of one endpoint.
func (o *explainOptions) all(r *analysis.Reach) error {
	text, side := o.allTo, analysis.From
	if o.allFrom != "" {
		text, side = o.allFrom, analysis.To
	}
	place, err := r.Find(text)
	if err != nil {
		return err
	}
	list := report.Contacts{Place: place, Side: side, List: r.Contacts(place, side), Rest: r.RestOf(place, side)}
	if o.output == "json" {
		return report.ContactsJSON(o.streams.Out, list)
	}
	return report.ContactsText(o.streams.Out, o.style(), list)
}

// one explains one flow, or each protocol of a service.
func (o *explainOptions) one(in *input, r *analysis.Reach, args []string) error {
	from, err := r.Find(args[0])
	if err != nil {
		return fmt.Errorf("FROM: %w", err)
	}
	to, err := r.Find(args[1])
	if err != nil {
		return fmt.Errorf("TO: %w", err)
	}
	packets, err := analysis.ParsePackets(args[2], o.catalogue)
	if err != nil {
		return fmt.Errorf("PORT: %w", err)
	}
	if err := r.Judge(in.beside(), from, to); err != nil {
		return err
	}
	list := make([]*analysis.Explanation, 0, len(packets))
	for _, p := range packets {
		list = append(list, r.Explain(from, to, p))
	}
	if err := o.print(list); err != nil {
		return err
	}
	return verdictOf(list)
}

func (o *explainOptions) print(list []*analysis.Explanation) error {
	if o.output == "json" {
		return report.ExplanationsJSON(o.streams.Out, list)
	}
	return report.ExplanationsText(o.streams.Out, o.style(), list)
}

// verdictOf is the answer for the exit code: no where one packet is not
// permitted, or policies deny it.
func verdictOf(list []*analysis.Explanation) error {
	switch {
	case slices.ContainsFunc(list, func(e *analysis.Explanation) bool { return !e.Answer.Yes() || e.Denied() }):
		return errNo
	case slices.ContainsFunc(list, (*analysis.Explanation).Unclear):
		return errUnclear
	}
	return nil
}
