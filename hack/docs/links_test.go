package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

// pages are the Markdown files of the repository, by path below its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "bin" || name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		out[filepath.ToSlash(below)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out["README.md"] == "" {
		t.Fatal("README.md was not found")
	}
	return out
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```([a-z]*)$\n(.*?)^ *```$")
	inline = regexp.MustCompile("`[^`\n]*`")
	link   = regexp.MustCompile(`\]\(([^)\s\[]+)\)`) // not the patterns of api.md
	title  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, text := range all {
		prose := inline.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
		for _, found := range link.FindAllStringSubmatch(prose, -1) {
			if target := found[1]; !strings.Contains(target, "://") {
				checkLink(t, all, path, target)
			}
		}
	}
}

func checkLink(t *testing.T, all map[string]string, from, target string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	path := from
	if file != "" {
		path = filepath.ToSlash(filepath.Join(filepath.Dir(from), file))
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Errorf("%s links to %s, which is not there", from, target)
			return
		}
	}
	if anchor != "" && !slices.Contains(anchors(all[path]), anchor) {
		t.Errorf("%s links to %s, but %s has no such heading", from, target, path)
	}
}

// anchors are the names by which GitHub links to headings.
func anchors(text string) []string {
	var out []string
	for _, found := range title.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, found[1]))
	}
	return out
}

// manifests are the whole objects of ours that a page shows.
func manifests(text string) []string {
	var out []string
	for _, found := range fence.FindAllStringSubmatch(text, -1) {
		if found[1] == "yaml" && strings.Contains(found[2], "apiVersion: medfence.io/") {
			out = append(out, found[2])
		}
	}
	return out
}

func TestManifestsOfTheDocsCanBeRead(t *testing.T) {
	for path, text := range pages(t) {
		for _, data := range manifests(text) {
			_, faults := manifest.Read([]manifest.File{{Name: path, Data: []byte(data)}})
			for _, f := range faults {
				t.Errorf("%v in\n%s", f, data)
			}
		}
	}
}

// What the README and the pages of the kinds show is one hospital, without a
// mistake in it.
func TestTheExamplesAreAHospitalWithoutAMistake(t *testing.T) {
	var files []manifest.File
	for path, text := range pages(t) {
		if path == "README.md" || strings.HasPrefix(path, "docs/kinds/") {
			files = append(files, manifest.File{Name: path, Data: []byte(strings.Join(manifests(text), "---\n"))})
		}
	}
	slices.SortFunc(files, func(a, b manifest.File) int { return strings.Compare(a.Name, b.Name) })
	objects, _ := manifest.Read(files)
	if len(objects.Zones) < 2 || len(objects.Devices) < 1 || len(objects.Conduits) < 1 {
		t.Fatalf("%d zones, %d devices and %d conduits are no hospital", len(objects.Zones), len(objects.Devices), len(objects.Conduits))
	}
	for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
		for _, p := range compile.Compile(objects.Snapshot(scenarios.Setting(target))).Problems {
			if p.Severity() == medfencev1alpha1.SeverityRefuse {
				t.Errorf("%s: %s: %s: %s", p.Object(), p.Reason, p.Path, p.Message)
			}
		}
	}
}

func TestDecisionsHaveTheirChapters(t *testing.T) {
	all, numbers := pages(t), map[string]string{}
	index := all["docs/adr/README.md"]
	for path, text := range all {
		name, found := strings.CutPrefix(path, "docs/adr/")
		if !found || name == "README.md" {
			continue
		}
		number, _, _ := strings.Cut(name, "-")
		if other := numbers[number]; other != "" {
			t.Errorf("%s and %s have the same number", name, other)
		}
		numbers[number] = name
		for _, chapter := range []string{"# " + number + ". ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n", "\n## Alternatives\n"} {
			if !strings.Contains(text, chapter) {
				t.Errorf("%s lacks %q", name, strings.TrimSpace(chapter))
			}
		}
		if !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/adr/README.md does not list %s", name)
		}
	}
}
