package scenarios

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
)

var update = flag.Bool("update", os.Getenv("UPDATE_GOLDEN") != "", "write the golden files anew")

// TestGoldenScenarios compares what each stage makes of each scenario with what
// was reviewed.
func TestGoldenScenarios(t *testing.T) {
	for _, s := range all(t) {
		t.Run(s.Name, func(t *testing.T) {
			netpol := compile.Compile(s.Snapshot(snapshot.Netpol))
			cilium := compile.Compile(s.Snapshot(snapshot.Cilium))
			both(t, s, "problems.txt", problemText(netpol.Problems), problemText(cilium.Problems))
			both(t, s, "plan.txt", planText(netpol.Plan), planText(cilium.Plan))
			golden(t, s, "netpol.yaml", renderText(t, netpol))
			golden(t, s, "cilium.yaml", renderText(t, cilium))
		})
	}
}

// both writes one file where the targets agree, and a part for each where not.
func both(t *testing.T, s Scenario, name, netpol, cilium string) {
	t.Helper()
	if netpol == cilium {
		golden(t, s, name, netpol)
		return
	}
	golden(t, s, name, "# netpol\n"+netpol+"\n# cilium\n"+cilium)
}

func golden(t *testing.T, s Scenario, name, got string) {
	t.Helper()
	path := filepath.Join(s.Dir, name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with make golden", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s\nif this is meant, run make golden and review it", name, diff)
	}
}

func renderText(t *testing.T, r compile.Result) string {
	t.Helper()
	var docs []string
	for _, o := range render.All(r.Plan) {
		data, err := yaml.Marshal(o.KubeObject)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(data))
	}
	return strings.Join(docs, "---\n")
}

func all(t testing.TB) []Scenario {
	t.Helper()
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 25 {
		t.Fatalf("the corpus has %d scenarios, want at least 25", len(list))
	}
	return list
}

// TestScenariosAreShort keeps scenarios to one idea.
func TestScenariosAreShort(t *testing.T) {
	for _, s := range all(t) {
		data, err := os.ReadFile(filepath.Join(s.Dir, "in.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(data), "\n"); lines > 60 {
			t.Errorf("%s has %d lines, at most 60", s.Name, lines)
		}
		if s.About == "" || strings.Contains(s.About, "\n") {
			t.Errorf("%s: the README is one sentence, got %q", s.Name, s.About)
		}
	}
}
