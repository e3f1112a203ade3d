package controllers

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

var update = flag.Bool("update", os.Getenv("UPDATE_GOLDEN") != "", "write the golden files anew")

// statuses has an object of each kind in each state. Others read it: test/gitops
// asks what Argo CD and Flux make of them.
const statuses = "testdata/statuses"

// golden compares an object in a state with its file.
func golden(t *testing.T, state string, o client.Object) {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	gvk, err := apiutil.GVKForObject(o, scheme)
	if err != nil {
		t.Fatal(err)
	}
	o.GetObjectKind().SetGroupVersionKind(gvk)
	o.SetName("orders")
	got, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(gvk.Kind+" "+state), "-") + ".yaml"
	path := filepath.Join(statuses, name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with `make golden`", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}

// A reason that no golden file has is one that nobody has asked Argo CD and Flux
// about.
func TestEveryReasonOfAConditionHasAGoldenFile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(statuses, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
	}
	for _, reason := range conditionReasons(t) {
		if !strings.Contains(all.String(), "reason: "+reason+"\n") {
			t.Errorf("no state has the reason %s", reason)
		}
	}
}

// conditionReasons reads, from the source, the reasons of conditions that name
// no problem.
func conditionReasons(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../api/v1alpha1/condition_types.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(raw), "// Reasons of conditions that name no problem.")
	block, _, ended := strings.Cut(block, "\n)\n")
	if !found || !ended {
		t.Fatal("condition_types.go has no block of reasons of conditions")
	}
	var out []string
	for _, m := range regexp.MustCompile(`Reason\w+\s+= "(\w+)"`).FindAllStringSubmatch(block, -1) {
		out = append(out, m[1])
	}
	if len(out) < 15 {
		t.Fatalf("only %v are found", out)
	}
	return append(out, medfencev1alpha1.ReasonUnenforceable, medfencev1alpha1.ReasonUnknownZone)
}
