package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

func TestWhatIsGeneratedIsCurrent(t *testing.T) {
	files, err := generated(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is out of date; run: go generate ./hack/clidocs (-want +got):\n%s", path, diff)
		}
	}
	for _, name := range []string{"lint", "render", "explain", "matrix", "diff", "map", "get-problems", "version"} {
		if !strings.Contains(files["docs/man/kubectl-medfence-"+name+".1"], ".TH") {
			t.Errorf("%s has no manual page", name)
		}
	}
}

func TestAGuideWithoutItsMarkIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, guide), []byte("# CLI\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := generated(dir); err == nil {
		t.Error("the reference would be lost")
	}
}
