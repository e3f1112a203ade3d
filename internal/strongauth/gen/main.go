// Command gen writes the policies of strong authentication as manifests: the
// defaults into config/strong-authentication by `go generate
// ./internal/strongauth`, or others of your choice to standard output.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/medfence/medfence/internal/admission"
	"github.com/medfence/medfence/internal/strongauth"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes what the flags ask for.
func run(args []string, stdout io.Writer) error {
	var options strongauth.Options
	set := flag.NewFlagSet("gen", flag.ContinueOnError)
	out := set.String("out", "", "`folder` to write a file for each kind to; standard output if omitted")
	mode := set.String("mode", string(admission.Deny), "off, warn or deny")
	set.StringVar(&options.Key, "key", strongauth.DefaultKey, "the `key` of userInfo.extra that a recent multi-factor sign-in fills")
	set.StringVar(&options.Operator, "operator", "system:serviceaccount:medfence-system:medfence-operator", "the operator's user `name`")
	set.Func("exempt", "whole user `name` that needs no second factor; can be repeated; Argo CD's if omitted, nobody if empty", func(name string) error {
		if options.Exempt == nil {
			options.Exempt = []string{}
		}
		if name != "" {
			options.Exempt = append(options.Exempt, name)
		}
		return nil
	})
	if err := set.Parse(args); err != nil {
		return err
	}
	options.Mode = admission.Mode(*mode)
	files, err := strongauth.Manifests(options)
	if err != nil {
		return err
	}
	for i, f := range files {
		if *out == "" {
			if i > 0 {
				f.Text = append([]byte("---\n"), f.Text...)
			}
			if _, err := stdout.Write(f.Text); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(*out, f.Name), f.Text, 0o644); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}
