// Command bench compares the operator with lower bounds, both in the same run
// and by turns, on a real API server: `make bench`. docs/performance.md shows
// the last run and says what each figure means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scenarios are what can be measured, in the order of the table.
var scenarios = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"B1", cold},
	{"B2", restart},
	{"B3", change},
	{"B4", urgent},
	{"B5", affected},
	{"B6", memory},
	{"B7", touch},
	{"B8", vandal},
	{"B9", failover},
	{"B10", groups},
	{"peer", peers},
}

// A bench is one run.
type bench struct {
	options stage.Options
	n       int
	rounds  int
	samples int
	targets []string
	peer    string
	profile string // a folder; empty is none
	docs    string // a page that shows the last run; empty is none
	log     io.Writer
	report  *report.Report
}

func run(args []string, out, log io.Writer) error {
	b := &bench{log: log}
	var only, target, result, manifests string
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(log)
	set.IntVar(&b.n, "n", 1000, "devices of the hospital")
	set.IntVar(&b.rounds, "rounds", 3, "how often subject and bound take turns")
	set.IntVar(&b.samples, "samples", 100, "changes that are timed, where single changes are")
	set.StringVar(&only, "only", "", "scenarios, by `names` with commas; all without")
	set.StringVar(&target, "targets", "netpol,cilium", "targets, with commas")
	set.StringVar(&b.peer, "peer", "", "`folder` of manifests that somebody would apply by hand, to be measured beside")
	set.StringVar(&manifests, "manifests", "", "write the hospital's manifests into this `folder` and end: a peer can be made of them")
	set.StringVar(&b.docs, "docs", "", "`page` on which to show the run, in the place of the one before")
	set.StringVar(&b.profile, "profile", "", "`folder` for profiles of the operator, which must be built with -tags bench")
	set.StringVar(&result, "out", "bin/bench", "`folder` of the results")
	set.StringVar(&b.options.Binary, "operator", "bin/bench/medfence", "the operator's `binary`")
	set.IntVar(&b.options.Workers, "workers", 4, "workers of the operator, and of bare clients")
	set.IntVar(&b.options.QPS, "qps", 5000, "requests a second that the operator, and bare clients, may make; 100 is the operator's own default")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if manifests != "" {
		return writeHospital(manifests, b.n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	b.targets = strings.Split(target, ",")
	if err := b.prepare(result); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.options.Dir) }()
	err := b.measure(ctx, strings.Split(only, ","))
	return errors.Join(err, b.save(result, out))
}

// prepare makes the folders and the head of the report.
func (b *bench) prepare(result string) (err error) {
	b.options.Burst = 2 * b.options.QPS
	if b.options.Repository, err = os.Getwd(); err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	if b.options.Binary, err = filepath.Abs(b.options.Binary); err != nil {
		return fmt.Errorf("finding the operator: %w", err)
	}
	if err := os.MkdirAll(result, 0o755); err != nil {
		return fmt.Errorf("making the folder of the results: %w", err)
	}
	if b.options.Dir, err = os.MkdirTemp("", "medfence-bench-"); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	if b.options.Log, err = filepath.Abs(filepath.Join(result, "operator")); err != nil {
		return fmt.Errorf("finding the folder of the results: %w", err)
	}
	b.report = &report.Report{
		Begun: time.Now().UTC().Truncate(time.Second), Revision: revision(), Machine: report.ThisMachine(),
		Settings: map[string]string{
			"devices": strconv.Itoa(b.n), "rounds": strconv.Itoa(b.rounds), "samples": strconv.Itoa(b.samples),
			"workers": strconv.Itoa(b.options.Workers), "qps": strconv.Itoa(b.options.QPS), "processors": strconv.Itoa(runtime.GOMAXPROCS(0)),
		},
	}
	return nil
}

// measure runs the scenarios that are asked for. One that fails does not keep
// the others from running.
func (b *bench) measure(ctx context.Context, only []string) error {
	var errs []error
	for _, s := range scenarios {
		if only[0] != "" && !slices.Contains(only, s.name) || ctx.Err() != nil {
			continue
		}
		begin := time.Now()
		if err := s.run(ctx, b); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
		b.say("%s took %.0f s", s.name, time.Since(begin).Seconds())
	}
	return errors.Join(errs...)
}

// save prints the table, and writes it with all samples into the folder.
func (b *bench) save(result string, out io.Writer) error {
	b.report.Took = time.Since(b.report.Begun).Round(time.Second).String()
	b.report.Machine.LoadAfter = report.Load()
	file, err := os.Create(filepath.Join(result, "bench.json"))
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	defer func() { _ = file.Close() }()
	page, err := os.Create(filepath.Join(result, "bench.md"))
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	defer func() { _ = page.Close() }()
	return errors.Join(b.report.WriteJSON(file), b.report.WriteMarkdown(page), b.report.WriteText(out), b.show())
}

// show shows the run on a page of the docs.
func (b *bench) show() error {
	if b.docs == "" {
		return nil
	}
	page, err := os.ReadFile(b.docs)
	if err != nil {
		return fmt.Errorf("showing the run: %w", err)
	}
	text, err := b.report.Show(string(page))
	if err != nil {
		return fmt.Errorf("showing the run on %s: %w", b.docs, err)
	}
	if err := os.WriteFile(b.docs, []byte(text), 0o644); err != nil {
		return fmt.Errorf("showing the run: %w", err)
	}
	return nil
}

// add adds a row to the report, and says it at once.
func (b *bench) add(row *report.Row) {
	b.report.Rows = append(b.report.Rows, row)
	one := report.Report{Rows: []*report.Row{row}}
	_ = one.WriteText(b.log)
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, "    "+format+"\n", args...) }

// revision is the commit that was measured, with a + where the tree was not its.
func revision() string {
	head, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	out := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(changed) > 0 {
		out += "+"
	}
	return out
}
