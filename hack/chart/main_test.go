package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATemplateTakesTheReleaseAndTheValues(t *testing.T) {
	s := source{when: always(".Values.some.thing")}
	got, err := s.file("config/x.yaml", []byte(`# A comment.
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: x
  namespace: medfence-system
  labels: {medfence.io/guard: x}
subjects:
- kind: ServiceAccount
  name: medfence-operator
  namespace: medfence-system
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
data: {names: "{{ braces }}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := "{{- /* Written by `make generate` from config/x.yaml: change it there. */}}\n" + `{{- if .Values.some.thing }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: x
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "medfence.labels" . | nindent 4 }}
    medfence.io/guard: x
  {{- include "medfence.annotations" . }}
subjects:
- kind: ServiceAccount
  name: medfence-operator
  namespace: {{ .Release.Namespace }}
{{- end }}
{{- if .Values.some.thing }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: other
  labels:
    {{- include "medfence.labels" . | nindent 4 }}
  {{- include "medfence.annotations" . }}
data:
  names: '` + "{{`{{`}} braces }}'" + `
{{- end }}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatAnUninstallKeepsSaysSo(t *testing.T) {
	s := source{kept: true, verbatim: true}
	got, err := s.file("config/x.yaml", []byte("apiVersion: v1\nkind: K\nmetadata: {name: x, annotations: {a: b}}\nspec: {namespaces: [medfence-system]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"    a: \"b\"\n", "{{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n", "- medfence-system\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("it has no %q:\n%s", want, got)
		}
	}
}

func TestProtectedNamespacesJoinTheList(t *testing.T) {
	got := (&template{}).fill("values:\n  - kube-system\n  - medfence-system\nuser: system:serviceaccount:medfence-system:medfence-operator\n")
	want := `values:
  - kube-system
  - {{ .Release.Namespace }}
  {{- range .Values.protectedNamespaces }}
  - {{ . }}
  {{- end }}
user: system:serviceaccount:{{ .Release.Namespace }}:medfence-operator
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManifestsThatItCannotCarryAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"no metadata":   {"kind: K\n", "an object has no metadata"},
		"a bare y":      {"apiVersion: v1\nkind: K\nmetadata: {name: y}\n", "a name that is text"},
		"a field twice": {"kind: K\nkind: L\nmetadata: {name: x}\n", `key "kind" already set`},
		"a finalizer":   {"apiVersion: v1\nkind: K\nmetadata: {name: x, finalizers: [y]}\n", "K x: metadata.finalizers is not known to hack/chart"},
	} {
		if _, err := (source{}).file("x", []byte(tc.in)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: it says %v", name, err)
		}
	}
}

// TestARunLeavesNothingOfAnEarlierOne: a manifest that is gone must not stay in
// the chart.
func TestARunLeavesNothingOfAnEarlierOne(t *testing.T) {
	root := t.TempDir()
	stale := filepath.Join(root, "charts/medfence/templates/people/gone.yaml")
	if err := os.MkdirAll(filepath.Dir(stale), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", stale, err)
	}
	if guards, err := filepath.Glob(filepath.Join(root, "charts/medfence/templates/admission/*.yaml")); err != nil || len(guards) == 0 {
		t.Errorf("there are no guards (%v)", err)
	}
}

// TestRolesOfPeopleComeByThemselves: a file in their folder is in the chart,
// under its own switch.
func TestRolesOfPeopleComeByThemselves(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "config/rbac/people")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	role := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: medfence-auditor}\nrules: []\n"
	for name, text := range map[string]string{"auditor.yaml": role, "kustomization.yaml": "resources: [auditor.yaml]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(root); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "charts/medfence/templates/people/*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v (%v)", files, err)
	}
	got, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(got), "{{- if .Values.roles.people }}\n---\n") {
		t.Errorf("%s (%v)", got, err)
	}
}
