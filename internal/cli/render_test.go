package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

func operatorYAML(t *testing.T, s scenarios.Scenario, target string) string {
	t.Helper()
	text, err := object.Manifest(render.All(compile.Compile(s.Snapshot(snapshot.TargetKind(target))).Plan))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const hospital = root + "/config/samples/hospital"

func TestRenderPrintsNothingWhereAPartCannotBeRead(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("apiVersion: medfence.io/v1alpha1\nkind: Conduit\nmetadata: {name: c}\nspec:\n  purpos: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(t, "", "render", "-f", hospital, "-f", broken)
	if got.code != cli2 || got.out != "" {
		t.Errorf("exit %d, printed %d bytes", got.code, len(got.out))
	}
	for _, want := range []string{"broken.yaml:5: Conduit/c: spec.purpos: there is no field \"purpos\"; did you mean \"purpose\"?", "--keep-going"} {
		if !strings.Contains(got.errOut, want) {
			t.Errorf("stderr lacks %q:\n%s", want, got.errOut)
		}
	}
	whole := run(t, "", "render", "-f", hospital)
	kept := run(t, "", "render", "-f", hospital, "-f", broken, "--keep-going")
	if kept.code != cli2 || kept.out != whole.out {
		t.Errorf("--keep-going: exit %d, or not what the rest renders to", kept.code)
	}
}

const (
	cli0 = 0
	cli1 = 1
	cli2 = 2
)

func TestRenderSaysWhichObjectIsRefused(t *testing.T) {
	got := run(t, "", "render", "-f", root+"/test/scenarios/12-unknown-zone/in.yaml")
	if got.code != cli1 || !strings.Contains(got.errOut, "UnknownZone") || !strings.Contains(got.errOut, "in.yaml:") {
		t.Errorf("exit %d:\n%s", got.code, got.errOut)
	}
}

func TestRenderOfAZoneIsItsShare(t *testing.T) {
	all := strings.Fields(run(t, "", "render", "-q", "-o", "names", "-f", hospital).out)
	var parts []string
	for zone := range strings.FieldsSeq(zonesOf(t)) {
		parts = append(parts, strings.Fields(run(t, "", "render", "-q", "-o", "names", "--zone", zone, "-f", hospital).out)...)
	}
	slices.Sort(all)
	slices.Sort(parts)
	if !slices.Equal(all, parts) {
		t.Errorf("all zones: %v\none by one: %v", all, parts)
	}
	if got := run(t, "", "render", "--zone", "infusoin", "-f", hospital); got.code != cli2 || !strings.Contains(got.errOut, `did you mean "infusion"?`) {
		t.Errorf("exit %d: %s", got.code, got.errOut)
	}
}

// zonesOf returns the names of the hospital's zones.
func zonesOf(t *testing.T) string {
	t.Helper()
	var names []string
	for line := range strings.Lines(run(t, "", "matrix", "-q", "-o", "csv", "-f", hospital).out) {
		name, _, _ := strings.Cut(line, ",")
		if name != "from" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}
