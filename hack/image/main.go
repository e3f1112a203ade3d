package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// A recipe says what to build.
type recipe struct {
	source   string // folder of the main package
	out      string // folder of what is written
	name     string // of the image, with a registry
	version  string // tag
	revision string // commit of the source; empty where nobody knows
	created  time.Time
	arches   []string
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	r := recipe{arches: []string{"amd64", "arm64"}}
	var epoch int64
	set := flag.NewFlagSet("image", flag.ContinueOnError)
	set.StringVar(&r.source, "source", ".", "`folder` of the operator's main package")
	set.StringVar(&r.out, "out", "bin/image", "`folder` to write to; what it holds is replaced")
	set.StringVar(&r.name, "name", "ghcr.io/medfence/medfence", "`name` of the image, with its registry")
	set.StringVar(&r.version, "version", "dev", "`tag` of the image")
	set.StringVar(&r.revision, "revision", "", "`commit` of the source; empty for changed files, which are of no commit")
	set.Int64Var(&epoch, "source-date-epoch", 0, "the time that the image bears, in Unix `seconds`; SOURCE_DATE_EPOCH of a release")
	set.Func("arch", "an `architecture`, instead of amd64 and arm64; can be repeated", func(arch string) error {
		if len(r.arches) == 2 && r.arches[0] == "amd64" {
			r.arches = nil
		}
		r.arches = append(r.arches, arch)
		return nil
	})
	if err := set.Parse(args); err != nil {
		return err
	}
	r.created = time.Unix(epoch, 0).UTC()
	b, err := r.build(ctx)
	if err != nil {
		return err
	}
	return b.report(stdout)
}

// emptied makes an empty folder.
func emptied(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding %s: %w", dir, err)
	}
	if err := errors.Join(os.RemoveAll(abs), os.MkdirAll(abs, 0o755)); err != nil {
		return fmt.Errorf("clearing %s: %w", dir, err)
	}
	return nil
}
