package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// What config/ says, and the chart leaves to the release or to values.
const (
	defaultNamespace    = "medfence-system"
	defaultCiliumConfig = "cilium-config"
)

const header = "{{- /* Written by `make generate` from %s: change it there. */}}\n"

// A template is an object in the making.
type template struct {
	name, namespace     string
	apiVersion, kind    string
	labels, annotations map[string]any
	body                map[string]any // without the above
	when                string
	kept, verbatim      bool
	// edit, if any, puts values into the text of the body.
	edit func(string) string
}

func newTemplate(object map[string]any) (*template, error) {
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		return nil, errors.New("an object has no metadata")
	}
	t := &template{body: maps.Clone(object)}
	for _, field := range []struct {
		into *string
		from map[string]any
		key  string
	}{
		{&t.apiVersion, object, "apiVersion"}, {&t.kind, object, "kind"},
		{&t.name, meta, "name"}, {&t.namespace, meta, "namespace"},
	} {
		if text, ok := field.from[field.key].(string); ok {
			*field.into = text
		}
	}
	if t.name == "" || t.kind == "" || t.apiVersion == "" {
		return nil, errors.New("an object lacks an apiVersion, a kind or a name that is text")
	}
	t.labels, _ = meta["labels"].(map[string]any)           // absent is none
	t.annotations, _ = meta["annotations"].(map[string]any) // absent is none
	for key := range meta {
		if !slices.Contains([]string{"name", "namespace", "labels", "annotations"}, key) {
			return nil, fmt.Errorf("%s %s: metadata.%s is not known to hack/chart", t.kind, t.name, key)
		}
	}
	for _, key := range []string{"apiVersion", "kind", "metadata", "status"} {
		delete(t.body, key)
	}
	return t, nil
}

// text returns the object as a document of a template.
func (t *template) text() ([]byte, error) {
	var out strings.Builder
	if t.when != "" {
		fmt.Fprintf(&out, "{{- if %s }}\n", t.when)
	}
	fmt.Fprintf(&out, "---\napiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", t.apiVersion, t.kind, t.name)
	if t.namespace != "" {
		out.WriteString("  namespace: {{ .Release.Namespace }}\n")
	}
	out.WriteString("  labels:\n    {{- include \"medfence.labels\" . | nindent 4 }}\n")
	for _, key := range slices.Sorted(maps.Keys(t.labels)) {
		label, err := yaml.Marshal(map[string]any{key: t.labels[key]}) // "true" needs its quotes
		if err != nil {
			return nil, fmt.Errorf("writing the labels of %s %s: %w", t.kind, t.name, err)
		}
		fmt.Fprintf(&out, "    %s", label)
	}
	t.writeAnnotations(&out)
	if len(t.body) > 0 {
		body, err := yaml.Marshal(t.body)
		if err != nil {
			return nil, fmt.Errorf("writing %s %s: %w", t.kind, t.name, err)
		}
		out.WriteString(t.fill(escape(string(body))))
	}
	if t.when != "" {
		out.WriteString("{{- end }}\n")
	}
	return []byte(out.String()), nil
}

// writeAnnotations writes those of the source, whether an uninstall keeps the
// object, and those of the values.
func (t *template) writeAnnotations(out *strings.Builder) {
	if len(t.annotations) == 0 {
		out.WriteString("  {{- include \"medfence.annotations\" . }}\n")
		return
	}
	out.WriteString("  annotations:\n")
	for _, key := range slices.Sorted(maps.Keys(t.annotations)) {
		fmt.Fprintf(out, "    %s: %q\n", key, t.annotations[key])
	}
	if t.kept {
		out.WriteString("    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n    {{- end }}\n")
	}
	out.WriteString("    {{- with .Values.commonAnnotations }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n")
}

// escape keeps Helm from reading what only looks like a template.
func escape(text string) string {
	return strings.ReplaceAll(text, "{{", "{{`{{`}}")
}

// listed is the operator's namespace as an item of a list: the namespaces that
// are protected.
var listed = regexp.MustCompile(`(?m)^( *)- ` + defaultNamespace + `\n`)

// fill puts the release and the values into a body.
func (t *template) fill(text string) string {
	if t.verbatim {
		return text
	}
	text = listed.ReplaceAllString(text, "$1- "+defaultNamespace+"\n$1{{- range .Values.protectedNamespaces }}\n$1- {{ . }}\n$1{{- end }}\n")
	text = strings.ReplaceAll(text, defaultNamespace, "{{ .Release.Namespace }}")
	text = strings.ReplaceAll(text, "- "+defaultCiliumConfig+"\n", "- {{ .Values.cilium.config.name }}\n")
	if t.edit != nil {
		text = t.edit(text)
	}
	return text
}
