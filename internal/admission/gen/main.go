// Command gen writes the admission policies as manifests, a file for each
// guard: the defaults into config/admission by `go generate
// ./internal/admission`, or others of your choice to standard output.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/medfence/medfence/internal/admission"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes what the flags ask for.
func run(args []string, stdout io.Writer) error {
	options := admission.Options{Modes: map[string]admission.Mode{}}
	set := flag.NewFlagSet("gen", flag.ContinueOnError)
	out := set.String("out", "", "`folder` to write a file for each guard to; standard output if omitted")
	set.StringVar(&options.Namespace, "namespace", "medfence-system", "the operator's `namespace`")
	set.StringVar(&options.ServiceAccount, "service-account", "medfence-operator", "the operator's service account by `name`")
	set.Func("protected-namespace", "a `namespace` that no zone may hold; can be repeated", func(name string) error {
		options.Protected = append(options.Protected, name)
		return nil
	})
	set.Func("mode", "`guard=mode`, the mode off, warn or deny; can be repeated", func(text string) error {
		name, mode, _ := strings.Cut(text, "=")
		options.Modes[name] = admission.Mode(mode)
		return nil
	})
	if err := set.Parse(args); err != nil {
		return err
	}
	files, err := admission.Manifests(options)
	if err != nil {
		return err
	}
	return write(files, *out, stdout)
}

func write(files []admission.Manifest, dir string, stdout io.Writer) error {
	for _, f := range files {
		if dir == "" {
			if _, err := fmt.Fprintf(stdout, "---\n%s", f.Text); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
