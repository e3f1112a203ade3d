package cli_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/cli"
	"github.com/medfence/medfence/test/scenarios"
)

var update = flag.Bool("update", false, "write the golden files")

// root is the folder of the repository, seen from this package.
const root = "../.."

// call is one run of the program.
type call struct {
	out, errOut string
	code        int
}

// run runs the program in the repository's root, at the scenarios' time.
func run(t testing.TB, stdin string, args ...string) call {
	t.Helper()
	var out, errOut bytes.Buffer
	code := cli.Execute(context.Background(), cli.Streams{
		In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut,
		Now:    func() time.Time { return scenarios.Now },
		Getenv: func(string) string { return "" },
	}, args)
	return call{out.String(), errOut.String(), code}
}

// cluster are the flags for the cluster on which every scenario plays.
var cluster = []string{
	"--cluster-cidr", "10.244.0.0/16", "--cluster-cidr", "10.96.0.0/16",
	"--cluster-cidr", "fd00:10:244::/56", "--cluster-cidr", "192.168.77.0/29",
}

func corpus(t testing.TB) []scenarios.Scenario {
	t.Helper()
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// questions are the commands that every scenario is asked. What render prints is
// a golden of the corpus itself.
var questions = map[string][][]string{
	"lint":     {{"-o", "text"}, {"-o", "json"}, {"-o", "sarif"}, {"-o", "junit"}},
	"problems": {{"-o", "text"}, {"-o", "json"}},
	"matrix":   {{"-o", "text"}, {"-o", "csv"}, {"-o", "json"}, {"-o", "markdown"}, {"-o", "html"}},
	"devices":  {{"-o", "text"}, {"-o", "csv"}, {"-o", "json"}, {"-o", "markdown"}, {"-o", "html"}},
	"diff":     {{"-o", "text"}, {"-o", "markdown"}, {"-o", "json"}},
	"explain":  {{"-o", "text"}, {"-o", "json"}},
}

// commands are the arguments of a question about a file.
func commands(name, file string, s scenarios.Scenario, bare string) [][]string {
	switch name {
	case "problems":
		return [][]string{{"get", "problems", "-f", file}}
	case "devices":
		return [][]string{{"matrix", "--devices", "-f", file}}
	case "diff":
		return [][]string{{"diff", "--against", bare, "-f", file}, {"diff", "--against", file, "-f", bare}}
	case "explain":
		var out [][]string
		for _, z := range s.Objects.Zones {
			out = append(out, []string{"explain", "--all-to", "zone/" + z.Name, "-f", file})
		}
		for i, d := range s.Objects.Devices {
			at := "device/" + d.Namespace + "/" + d.Name
			out = append(out, []string{"explain", "--all-from", at, "-f", file})
			if i == 0 {
				for _, z := range s.Objects.Zones {
					out = append(out, []string{"explain", at, "zone/" + z.Name, "443", "-f", file})
				}
				out = append(out, []string{"explain", "world", at, "telnet", "-f", file})
			}
		}
		return out
	}
	return [][]string{{name, "-f", file}}
}

// withoutConduits returns the documents of a file that are no conduits.
func withoutConduits(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		if !strings.Contains(document, "\nkind: Conduit\n") && !strings.HasPrefix(document, "kind: Conduit\n") {
			kept = append(kept, document)
		}
	}
	out := filepath.Join(t.TempDir(), "bare.yaml")
	if err := os.WriteFile(out, []byte(strings.Join(kept, "\n---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryCommandAnswersEveryScenario(t *testing.T) {
	for _, s := range corpus(t) {
		file := filepath.Join(s.Dir, "in.yaml")
		bare := withoutConduits(t, file)
		hide := strings.NewReplacer(file, "in.yaml", bare, "bare.yaml")
		for name, formats := range questions {
			t.Run(s.Name+"/"+name, func(t *testing.T) {
				var got strings.Builder
				for _, command := range commands(name, file, s, bare) {
					for _, format := range formats {
						args := append(append([]string{}, command...), format...)
						c := run(t, "", append(args, cluster...)...)
						fmt.Fprintf(&got, "$ kubectl medfence %s\n%s%s[exit %d]\n\n", hide.Replace(strings.Join(args, " ")), hide.Replace(c.out), hide.Replace(c.errOut), c.code)
					}
				}
				golden(t, filepath.Join("testdata", "golden", s.Name, name+".txt"), got.String())
			})
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
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
		t.Errorf("%s differs (-want +got):\n%s\nif this is meant, run make golden and review it", path, diff)
	}
}

// The policies that render prints are those that the operator renders.
func TestRenderPrintsWhatTheOperatorWrites(t *testing.T) {
	for _, s := range corpus(t) {
		for _, target := range []string{"netpol", "cilium"} {
			t.Run(s.Name+"/"+target, func(t *testing.T) {
				file := filepath.Join(s.Dir, "in.yaml")
				first := run(t, "", append([]string{"render", "--target", target, "-f", file}, cluster...)...)
				again := run(t, "", append([]string{"render", "--target", target, "-f", file}, cluster...)...)
				if first.out != again.out {
					t.Error("the same input gave other bytes")
				}
				if diff := cmp.Diff(operatorYAML(t, s, target), first.out); diff != "" {
					t.Errorf("(-operator +render):\n%s", diff)
				}
			})
		}
	}
}

// cmpLines returns the lines in which two texts differ.
func cmpLines(want, got string) string {
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}
