package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/medfence/medfence/internal/nearest"
)

// Name is how the program is called through kubectl.
const Name = "kubectl medfence"

// NewCommand returns the whole command.
func NewCommand(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-medfence",
		Short: "Ask who may reach a medical device, why, and what a change would open",
		Long: `Ask who may reach a medical device, why, and what a change would open.

Every command reads a live cluster (the usual kubectl flags) or manifests (-f: a
file, a folder, or - for what helm template and kustomize build print). Nothing is
ever written to a cluster.

The exit code is 0 for yes, 1 for no (denied, findings, something opens), and 2
where the command could not tell.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: Name},
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          known,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.AddGroup(
		&cobra.Group{ID: "ask", Title: "Ask:"},
		&cobra.Group{ID: "check", Title: "Check and write:"},
	)
	for _, add := range []func(Streams) *cobra.Command{
		NewExplainCmd, NewMatrixCmd, NewDiffCmd, NewMapCmd, NewRenderCmd, NewLintCmd, NewGetCmd, NewVersionCmd,
	} {
		root.AddCommand(add(streams))
	}
	return root
}

// known refuses a command that does not exist, and names the nearest.
func known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := nearest.Name(args[0], names); near != "" {
		return fmt.Errorf("there is no command %q; did you mean %s?", args[0], near)
	}
	return fmt.Errorf("there is no command %q; %s --help lists them", args[0], cmd.CommandPath())
}

// Execute runs the program and returns its exit code.
func Execute(ctx context.Context, streams Streams, args []string) int {
	klog.SetLogger(logr.Discard()) // client-go logs what the error says already
	ctrllog.SetLogger(logr.Discard())
	root := NewCommand(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !answered(err) {
		fmt.Fprintln(streams.ErrOut, "error: "+oneSentence(err))
	}
	return codeOf(err)
}

// oneSentence words an error for the terminal. Cobra's own suggestion for a
// misspelt command stands on lines of its own.
func oneSentence(err error) string {
	return strings.TrimRight(err.Error(), "\n")
}

// CompletionName is the program that kubectl asks to complete our arguments.
const CompletionName = "kubectl_complete-medfence"

// Arguments returns the arguments of a call: kubectl_complete-medfence is the
// same program, asked to complete.
func Arguments(argv []string) []string {
	if len(argv) > 0 && filepath.Base(argv[0]) == CompletionName {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[min(1, len(argv)):]
}
