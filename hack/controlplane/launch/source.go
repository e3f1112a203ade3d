package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// The modules whose dependencies are built.
const (
	modulePath       = "github.com/medfence/medfence/hack/controlplane"
	ciliumModulePath = "github.com/medfence/medfence/hack/cilium"
)

var (
	moduleLine  = regexp.MustCompile(`(?m)^module (\S+)$`)
	versionLine = regexp.MustCompile(`(?m)\bk8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)`)
)

// FindSource returns the directory of this module, looked for in dir and its
// parents, both as the directory itself and as hack/controlplane below it.
func FindSource(dir string) (string, error) { return findModule(dir, modulePath) }

// FindCiliumSource does the same for hack/cilium.
func FindCiliumSource(dir string) (string, error) { return findModule(dir, ciliumModulePath) }

func findModule(dir, module string) (string, error) {
	folder := filepath.Base(module)
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolving %s: %w", dir, err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		for _, candidate := range []string{at, filepath.Join(at, "hack", folder)} {
			if isModule(candidate, module) {
				return candidate, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside a checkout of Medfence: change to one, or name its hack/%s with --source", dir, folder)
		}
	}
}

func isModule(dir, module string) bool {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	found := moduleLine.FindSubmatch(mod)
	return found != nil && string(found[1]) == module
}

// A recipe is everything that decides what the binary will be.
type recipe struct {
	source  string
	version string // v1.36.3
	flags   []string
	inputs  string // names, sizes and bytes of the files
	goEnv   string // toolchain and target
}

// A subject is a module that is built, and how.
type subject struct {
	module string
	line   *regexp.Regexp // finds its version in go.mod, and perhaps parts of it
	flags  func(found []string) (version string, flags []string)
}

// kubernetes is what the control plane is built from.
var kubernetes = subject{module: "k8s.io/kubernetes", line: versionLine, flags: func(found []string) (string, []string) {
	return found[1], []string{"-ldflags=" + linkerFlags(found[1], found[2], found[3])}
}}

func readRecipe(ctx context.Context, source string, s subject) (recipe, error) {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return recipe{}, fmt.Errorf("reading the module: %w", err)
	}
	found := s.line.FindStringSubmatch(string(mod))
	if found == nil {
		return recipe{}, fmt.Errorf("go.mod requires no %s: restore it from Git", s.module)
	}
	inputs, err := readInputs(source)
	if err != nil {
		return recipe{}, err
	}
	goEnv, err := readGoEnv(ctx, source)
	if err != nil {
		return recipe{}, err
	}
	version, flags := s.flags(found)
	return recipe{
		source: source, version: version, inputs: inputs, goEnv: goEnv,
		flags: append([]string{"-mod=readonly", "-buildvcs=false"}, flags...),
	}, nil
}

// readGoEnv returns the toolchain and the target.
func readGoEnv(ctx context.Context, source string) (string, error) {
	out, err := goCommand(ctx, source, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version (is Go installed and on the PATH?): %w", err)
	}
	return string(out), nil
}

// linkerFlags strip the binary and give it the version which a release build
// has: without it kubectl cannot parse what the server says of itself.
func linkerFlags(version, major, minor string) string {
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags, "-X", pkg+".gitVersion="+version, "-X", pkg+".gitMajor="+major, "-X", pkg+".gitMinor="+minor)
	}
	return strings.Join(flags, " ")
}

// key names the cached build. It changes with the content of its inputs and
// never with their place or time, so that checkouts share one build.
func (r recipe) key() string {
	all := strings.Join(append([]string{r.goEnv, r.inputs}, r.flags...), "\x00")
	sum := sha256.Sum256([]byte(all))
	return r.version + "-" + hex.EncodeToString(sum[:8])
}

func readInputs(source string) (string, error) {
	sources, err := filepath.Glob(filepath.Join(source, "multicall", "*.go"))
	if err != nil {
		return "", fmt.Errorf("listing the sources: %w", err)
	}
	var all strings.Builder
	for _, name := range append([]string{filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum")}, sources...) {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("reading the sources: %w", err)
		}
		fmt.Fprintf(&all, "%s %d\n%s", filepath.Base(name), len(content), content)
	}
	return all.String(), nil
}

// goCommand runs go in the nested module, whatever the caller's own build
// needs: no workspace, no flags, and no C compiler.
func goCommand(ctx context.Context, source string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "PWD="+source, "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	cmd.Stderr = io.Discard
	return cmd
}
