//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/e2e/house"
	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/truth"
)

const repository = "../.."

var policyKinds = lab.PolicyKinds

// short leaves out repetitions, not kinds of checks.
var short = os.Getenv("SHORT") != ""

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// open starts a house that ends with the test.
func open(t *testing.T, change func(*house.Options)) *house.House {
	t.Helper()
	o := house.Options{Options: lab.Options{
		Repository: repository, Cilium: os.Getenv("MEDFENCE_CILIUM"), Operator: os.Getenv("MEDFENCE_OPERATOR"), Nodes: 2, Log: os.Stdout,
	}}
	if o.Cilium == "" || o.Operator == "" {
		t.Fatal("run this by `make e2e`, which builds what it needs")
	}
	if change != nil {
		change(&o)
	}
	h, err := house.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			h.KeepLogs(artefacts(t))
		}
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// artefacts is the folder that outlives the test.
func artefacts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("E2E_ARTEFACTS")
	if dir == "" {
		dir = t.TempDir()
	}
	must(t, os.MkdirAll(dir, 0o755))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// declared reads what the sample permits on a target, and more files beside it.
func declared(t *testing.T, target snapshot.TargetKind, more ...string) *truth.Conduits {
	t.Helper()
	c, err := truth.ReadConduits(target, lab.ClusterRanges, append(house.Sample(repository), more...)...)
	must(t, err)
	return c
}

// keep prints a table, writes it to files, and fails for every wrong cell.
func keep(t *testing.T, name string, table truth.Table) {
	t.Helper()
	table.Print(os.Stdout)
	for file, write := range map[string]func(*os.File) error{
		name + ".tsv": func(f *os.File) error { return table.Write(f) },
		name + ".txt": func(f *os.File) error { table.Print(f); return nil },
	} {
		out, err := os.Create(filepath.Join(artefacts(t), file))
		must(t, err)
		must(t, write(out))
		must(t, out.Close())
	}
	check(t, table)
}

// check fails for every wrong cell, and says so of the first.
func check(t *testing.T, table truth.Table) {
	t.Helper()
	wrong := table.Wrong()
	for i, w := range wrong {
		if i == 25 {
			t.Errorf("... and %d more", len(wrong)-i)
			return
		}
		t.Error(w)
	}
	if len(table.Cells) == 0 {
		t.Error("nothing was asked")
	}
	fmt.Println(table.Summary())
}
