package launch

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// hello is a multicall program that compiles in a second.
const hello = `package main

import (
	"os"
	"path/filepath"
)

func main() { os.Stdout.WriteString("I am " + filepath.Base(os.Args[0])) }
`

// newSource is this module in small.
func newSource(t *testing.T) string {
	t.Helper()
	t.Setenv("KUBEBUILDER_ASSETS", "")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), "module "+modulePath+"\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.36.3\n")
	writeFile(t, filepath.Join(dir, "go.sum"), "")
	writeFile(t, filepath.Join(dir, "multicall", "main.go"), hello)
	return dir
}

var programs = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestABuildIsMadeOnceAndLinked(t *testing.T) {
	var said bytes.Buffer
	b := Builder{Source: newSource(t), Cache: t.TempDir(), Progress: &said}
	first, err := b.Assets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		out, err := exec.CommandContext(t.Context(), filepath.Join(first, name)).Output()
		if got, want := string(out), "I am "+name; err != nil || got != want {
			t.Errorf("%s says %q (%v), want %q", name, got, err, want)
		}
	}
	second, err := b.Assets(t.Context())
	if err != nil || second != first {
		t.Errorf("the second call gives %q (%v), want %q", second, err, first)
	}
	if got := strings.Count(said.String(), "built in"); got != 1 {
		t.Errorf("built %d times, want once:\n%s", got, &said)
	}
}

func TestTheKeyOfABuildIsItsContent(t *testing.T) {
	key := func(source string) string {
		t.Helper()
		r, err := readRecipe(t.Context(), source, kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		return r.key()
	}
	original := key(newSource(t))
	if !strings.HasPrefix(original, "v1.36.3-") {
		t.Errorf("the key %q does not begin with the version", original)
	}
	if moved := key(newSource(t)); moved != original {
		t.Errorf("the same content elsewhere has the key %q, want %q", moved, original)
	}
	for _, name := range []string{"go.mod", "go.sum", "multicall/main.go", "multicall/other.go"} {
		source := newSource(t)
		content, _ := os.ReadFile(filepath.Join(source, name)) // other.go is new
		writeFile(t, filepath.Join(source, name), string(content)+"// changed\n")
		if key(source) == original {
			t.Errorf("a change of %s leaves the key as it was", name)
		}
	}
}

func TestConcurrentBuildersBuildOnce(t *testing.T) {
	source, cache := newSource(t), t.TempDir()
	var builders sync.WaitGroup
	said := make([]bytes.Buffer, 3)
	for i := range said {
		builders.Go(func() {
			b := Builder{Source: source, Cache: cache, Progress: &said[i]}
			if dir, err := b.Assets(t.Context()); err != nil || !hasPrograms(dir, programs...) {
				t.Errorf("builder %d: %q, %v", i, dir, err)
			}
		})
	}
	builders.Wait()
	built := 0
	for i := range said {
		built += strings.Count(said[i].String(), "built in")
	}
	if built != 1 {
		t.Errorf("built %d times, want once", built)
	}
}

func TestAnInterruptedBuildIsNotTakenForABuild(t *testing.T) {
	b := Builder{Source: newSource(t), Cache: t.TempDir(), Progress: &bytes.Buffer{}}
	r, err := readRecipe(t.Context(), b.Source, kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	final := filepath.Join(b.Cache, "controlplane", r.key())
	writeFile(t, filepath.Join(final+".tmp", multicallName), "half of it") // what SIGKILL leaves
	writeFile(t, filepath.Join(final, "etcd"), "deleted by hand but for this")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := product{make: func(ctx context.Context, dir string) error { return b.kubernetes(ctx, r, dir) }}
	if err := b.build(ctx, p, final); err == nil {
		t.Error("an interrupted build succeeds")
	}
	if hasPrograms(final, programs...) {
		t.Error("an interrupted build is taken for a build")
	}
	if dir, err := b.Assets(t.Context()); err != nil || !hasPrograms(dir, programs...) {
		t.Errorf("the next build gives %q, %v", dir, err)
	}
	if _, err := os.Stat(final + ".tmp"); !os.IsNotExist(err) {
		t.Errorf("the temporary directory is left: %v", err)
	}
}

func TestAFailedBuildSaysWhatGoSays(t *testing.T) {
	b := Builder{Source: newSource(t), Cache: t.TempDir(), Progress: &bytes.Buffer{}}
	writeFile(t, filepath.Join(b.Source, "multicall", "main.go"), "package main\n\nfunc main() { etdc() }\n")
	_, err := b.Assets(t.Context())
	if err == nil {
		t.Fatal("it succeeds")
	}
	for _, want := range []string{"go build", "undefined: etdc", "check the network and GOPROXY"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestAssetsThatAreGivenAreUsed(t *testing.T) {
	b := Builder{Source: newSource(t), Cache: t.TempDir(), Progress: &bytes.Buffer{}}
	given := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", given)
	if dir, err := b.Assets(t.Context()); err != nil || dir == given {
		t.Errorf("an empty KUBEBUILDER_ASSETS gives %q (%v), want a build", dir, err)
	}
	writeFile(t, filepath.Join(given, "etcd"), "")
	writeFile(t, filepath.Join(given, "kube-apiserver"), "")
	if dir, err := b.Assets(t.Context()); err != nil || dir != given {
		t.Errorf("KUBEBUILDER_ASSETS gives %q (%v), want %q", dir, err, given)
	}
}

func TestTheSourceIsFoundFromAnywhereInTheCheckout(t *testing.T) {
	want, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{".", "..", "../..", "../../.."} {
		if got, err := FindSource(from); err != nil || got != want {
			t.Errorf("from %s: %q (%v), want %q", from, got, err, want)
		}
	}
	if got, err := FindSource(t.TempDir()); err == nil {
		t.Errorf("found %q from outside", got)
	}
}

func TestProgressCountsWhatGoSays(t *testing.T) {
	var said bytes.Buffer
	p := startProgress(&said, "building")
	p.stop()
	p.total(4)
	for line, want := range map[string]bool{
		"go: downloading k8s.io/api v0.36.3":    true,
		"k8s.io/api/core/v1":                    true,
		"k8s.io/api/apps/v1":                    true,
		"# k8s.io/api/broken":                   false,
		"multicall/main.go:3:4: undefined: etc": false,
	} {
		if got := p.count(line); got != want {
			t.Errorf("count(%q) = %v, want %v", line, got, want)
		}
	}
	if got, want := p.line(), "building: 0s, 1 modules fetched, 2 of at most 4 packages compiled"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
}
