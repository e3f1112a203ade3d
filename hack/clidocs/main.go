// Command clidocs writes docs/cli.md's reference and the manual pages from the
// commands themselves. What stands in docs/cli.md above the mark is written by
// hand.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/medfence/medfence/hack/generate"
	"github.com/medfence/medfence/internal/cli"
)

//go:generate go run . -root ../..

func main() { generate.Main("clidocs", generated) }

const (
	guide = "docs/cli.md"
	mark  = "<!-- Below: written by `go generate ./hack/clidocs` from the commands. Do not edit. -->\n"
)

// generated returns the files as they should be, by path below the root.
func generated(root string) (map[string]string, error) {
	page, err := os.ReadFile(filepath.Join(root, guide))
	if err != nil {
		return nil, fmt.Errorf("reading the guide: %w", err)
	}
	hand, _, ok := strings.Cut(string(page), mark)
	if !ok {
		return nil, fmt.Errorf("%s has lost its mark; restore the line %q", guide, strings.TrimSpace(mark))
	}
	out := map[string]string{}
	var reference strings.Builder
	for _, cmd := range commands(cli.NewCommand(cli.Streams{})) {
		section(&reference, cmd)
		var page bytes.Buffer
		header := &doc.GenManHeader{Title: strings.ToUpper(manName(cmd)), Section: "1", Source: "Medfence", Manual: "Medfence", Date: new(time.Unix(0, 0).UTC())}
		if err := doc.GenMan(cmd, header, &page); err != nil {
			return nil, fmt.Errorf("writing the manual page of %s: %w", cmd.CommandPath(), err)
		}
		out["docs/man/"+manName(cmd)+".1"] = page.String()
	}
	out[guide] = hand + mark + reference.String()
	return out, nil
}

func manName(cmd *cobra.Command) string {
	return strings.ReplaceAll(strings.Replace(cmd.CommandPath(), cli.Name, "kubectl-medfence", 1), " ", "-")
}

// commands returns every command but those of cobra's own.
func commands(cmd *cobra.Command) []*cobra.Command {
	cmd.DisableAutoGenTag = true
	out := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			out = append(out, commands(sub)...)
		}
	}
	return out
}

// section writes a command's reference.
func section(b *strings.Builder, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	fmt.Fprintf(b, "\n## %s\n\n%s\n", cmd.CommandPath(), strings.TrimSpace(longOf(cmd)))
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindented(cmd.Example))
	}
	if flags := cmd.NonInheritedFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(b, "\n```text\n%s```\n", flags)
	}
}

func longOf(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

func unindented(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
