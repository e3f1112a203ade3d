package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

const root = "../.."

func reasons(t *testing.T) []reason {
	t.Helper()
	list, err := readReasons(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 60 {
		t.Fatalf("only %d reasons found: has their file moved?", len(list))
	}
	return list
}

func TestEveryReasonHasAPageOfTheSameForm(t *testing.T) {
	for _, r := range reasons(t) {
		p, err := readPage(root, r.name)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.name != r.name {
			t.Errorf("the page of %s is headed %q", r.name, p.name)
		}
		if p.severity != r.severity {
			t.Errorf("the page of %s says that its severity is %s; the API says %s", r.name, p.severity, r.severity)
		}
		for kind := range strings.SplitSeq(p.on, ", ") {
			if !slices.Contains([]string{"DeviceZone", "MedicalDevice", "Conduit"}, kind) {
				t.Errorf("the page of %s names %q, which is none of our kinds", r.name, kind)
			}
		}
		if !strings.HasSuffix(p.summary, ".") {
			t.Errorf("the summary of %s is no sentence: %q", r.name, p.summary)
		}
	}
}

func TestEveryPageIsOfAReason(t *testing.T) {
	var known []string
	for _, r := range reasons(t) {
		known = append(known, r.name+".md")
	}
	files, err := filepath.Glob(filepath.Join(root, "docs", "reasons", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" && !slices.Contains(known, name) {
			t.Errorf("%s is the page of no reason: rename or delete it", name)
		}
	}
}

// A page that quotes other words than the compiler's is of no use at night.
func TestPagesQuoteTheWordsThatUsersSee(t *testing.T) {
	seen := messages(t)
	for _, r := range reasons(t) {
		said := seen[r.name]
		if len(said) == 0 {
			continue // no scenario shows it
		}
		text, err := os.ReadFile(filepath.Join(root, "docs", "reasons", r.name+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.ContainsFunc(said, func(m string) bool { return strings.Contains(string(text), m) }) {
			t.Errorf("the page of %s quotes none of the messages of the scenarios, such as\n  %s", r.name, said[0])
		}
	}
}

// messages are those of all scenarios, by reason.
func messages(t *testing.T) map[string][]string {
	t.Helper()
	corpus, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, s := range corpus {
		for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
			for _, p := range compile.Compile(s.Snapshot(target)).Problems {
				out[p.Reason] = append(out[p.Reason], p.Message)
			}
		}
	}
	return out
}

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
			t.Errorf("%s is out of date; run: go generate ./hack/docs (-want +got):\n%s", path, diff)
		}
	}
}

func TestAPageOfAnotherFormIsRefused(t *testing.T) {
	good := "# A\n\nOne sentence.\n\n**Severity:** Warn\n\n**On:** Conduit\n\n## What it means\n\n## What to do\n\n## Example\n"
	if _, err := parsePage(good); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"no heading":           strings.TrimPrefix(good, "# "),
		"no summary":           strings.Replace(good, "One sentence.", "", 1),
		"no severity":          strings.Replace(good, "**Severity:** ", "", 1),
		"a section is missing": strings.Replace(good, "## What to do\n", "", 1),
		"another order":        strings.Replace(good, "## What to do\n\n## Example", "## Example\n\n## What to do", 1),
		"nothing":              "",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := parsePage(text); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func TestATableIsWrittenBetweenItsMarks(t *testing.T) {
	text := "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n"
	got, err := between(text, "x", "new")
	if want := "a\n<!-- generated: x -->\n\nnew\n<!-- end: x -->\nb\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := between(text, "y", "new"); err == nil {
		t.Error("a mark that is missing went unnoticed")
	}
}
