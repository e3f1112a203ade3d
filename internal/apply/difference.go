package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// notedDifferences is how many differences a note names.
const notedDifferences = 3

// A difference is found by walking what we want and what is there. It holds
// names of fields, never their values: those may identify devices.
type difference struct{ words []string }

// compare returns where a live object differs from the content, in words that
// say what somebody did to it: "spec.ingress[0] added". Nothing means equal.
func compare(want content, live *unstructured.Unstructured) []string {
	var d difference
	if have := bodyOf(live.Object); !same(want.body, have) {
		d.fields("", want.body, have)
	}
	d.keys("label", want.labels, live.GetLabels())
	d.keys("annotation", want.annotations, live.GetAnnotations())
	for _, o := range live.GetOwnerReferences() {
		d.add("owner reference to "+o.Kind, "added")
	}
	for _, f := range live.GetFinalizers() {
		d.add("finalizer "+f, "added")
	}
	return d.words
}

func (d *difference) add(where, what string) {
	d.words = append(d.words, where+" "+what)
}

// fields compares two maps, in the order of their keys.
func (d *difference) fields(path string, want, have map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(have))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		d.value(join(path, name), want[name], have[name])
	}
}

// value compares two values; a null one is absent.
func (d *difference) value(path string, want, have any) {
	switch {
	case want == nil && have == nil:
	case want == nil:
		d.add(path, "added")
	case have == nil:
		d.add(path, "removed")
	default:
		d.present(path, want, have)
	}
}

func (d *difference) present(path string, want, have any) {
	switch w := want.(type) {
	case map[string]any:
		if h, ok := have.(map[string]any); ok {
			d.fields(path, w, h)
			return
		}
	case []any:
		if h, ok := have.([]any); ok {
			d.items(path, w, h)
			return
		}
	default:
		if scalar(have) && want == have {
			return
		}
	}
	d.add(path, "changed")
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func (d *difference) items(path string, want, have []any) {
	for i := range max(len(want), len(have)) {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= len(want):
			d.add(at, "added")
		case i >= len(have):
			d.add(at, "removed")
		default:
			d.value(at, want[i], have[i])
		}
	}
}

// keys compares labels or annotations: ours must be there, and none that looks
// like ours beside them.
func (d *difference) keys(noun string, want, have map[string]string) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(have))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		w, wanted := want[name]
		h, there := have[name]
		switch {
		case wanted && !there:
			d.add(noun+" "+name, "removed")
		case wanted && w != h:
			d.add(noun+" "+name, "changed")
		case !wanted && isOurs(name):
			d.add(noun+" "+name, "added")
		}
	}
}

// join appends a field to a path; a name with dots is put in brackets.
func join(path, name string) string {
	if strings.ContainsAny(name, "./") {
		return path + "[" + name + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// note joins words into a note.
func note(words []string) string {
	if len(words) > notedDifferences {
		rest := len(words) - notedDifferences
		return fmt.Sprintf("%s and %d more", strings.Join(words[:notedDifferences], ", "), rest)
	}
	return strings.Join(words, ", ")
}
