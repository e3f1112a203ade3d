package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"
)

func main() {
	root := flag.String("root", ".", "`folder` of the checkout")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// A source is what becomes a folder of templates.
type source struct {
	// from is a pattern of manifests below the checkout. A folder that is not
	// there gives no templates.
	from string
	// into is the folder of templates, which holds nothing else.
	into string
	// when is the condition for objects by their name; nil and "" are always.
	when func(object string) string
	// kept is true for what an uninstall leaves behind if crds.keep says so.
	kept bool
	// verbatim is true for what no namespace of the release is put into.
	verbatim bool
}

var sources = []source{
	{from: "config/crd/bases/*.yaml", into: "crds", when: always(".Values.crds.install"), kept: true, verbatim: true},
	{from: "config/rbac/*.yaml", into: "rbac", when: ofMetrics},
	{from: "config/rbac/people/*.yaml", into: "people", when: always(".Values.roles.people")},
	{from: "config/admission/roles.yaml", into: "breakglass"},
}

func always(condition string) func(string) string {
	return func(string) string { return condition }
}

// ofMetrics leaves out the rights that only serving metrics needs.
func ofMetrics(object string) string {
	if slices.Contains([]string{"medfence-metrics-auth", "medfence-metrics-reader"}, object) {
		return ".Values.metrics.enabled"
	}
	return ""
}

func run(root string) error {
	templates := filepath.Join(root, "charts/medfence/templates")
	for _, s := range sources {
		files, err := s.render(root)
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(templates, s.into), files); err != nil {
			return err
		}
	}
	for into, written := range map[string]func() (map[string][]byte, error){"admission": guards, "strongauth": secondFactor} {
		files, err := written()
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(templates, into), files); err != nil {
			return err
		}
	}
	return nil
}

// render returns the templates of a source by file name.
func (s source) render(root string) (map[string][]byte, error) {
	found, err := filepath.Glob(filepath.Join(root, s.from))
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", s.from, err)
	}
	out := map[string][]byte{}
	for _, file := range found {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
		from, err := filepath.Rel(root, file)
		if err != nil {
			return nil, fmt.Errorf("naming %s: %w", file, err)
		}
		text, err := s.file(filepath.ToSlash(from), raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		out[filepath.Base(file)] = text
	}
	return out, nil
}

// file returns the template of one file of manifests.
func (s source) file(from string, raw []byte) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, header, from)
	for document := range bytes.SplitSeq(append([]byte("\n"), raw...), []byte("\n---\n")) {
		object := map[string]any{}
		if err := yaml.UnmarshalStrict(document, &object); err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
		if len(object) == 0 {
			continue
		}
		t, err := newTemplate(object)
		if err != nil {
			return nil, err
		}
		if s.when != nil {
			t.when = s.when(t.name)
		}
		t.kept, t.verbatim = s.kept, s.verbatim
		text, err := t.text()
		if err != nil {
			return nil, err
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// replace makes a folder hold these files and no others.
func replace(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clearing %s: %w", dir, err)
	}
	if len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	var errs []error
	for name, text := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	return errors.Join(errs...)
}
