package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The four programs of the multi-call binary.
const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	kubectlName           = "kubectl"
)

const multicallName = "multicall"

// A Builder makes the control plane's binaries, once for each content of their
// sources.
type Builder struct {
	Source   string    // the directory of this module
	Cache    string    // outside of the tree; see DefaultCache
	Progress io.Writer // for people: one line every few seconds while it builds
}

// DefaultCache returns MEDFENCE_CACHE, or medfence in the user's cache
// directory (XDG_CACHE_HOME, else ~/.cache).
func DefaultCache() (string, error) {
	if dir := os.Getenv("MEDFENCE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "medfence"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory to keep the build in, set MEDFENCE_CACHE to a directory: %w", err)
	}
	return filepath.Join(home, ".cache", "medfence"), nil
}

// Assets returns the directory of the binaries, which is a valid
// KUBEBUILDER_ASSETS, and builds them if they are not there. A directory that
// KUBEBUILDER_ASSETS names already is used as it stands.
func (b Builder) Assets(ctx context.Context) (string, error) {
	if given := os.Getenv("KUBEBUILDER_ASSETS"); given != "" && hasPrograms(given, etcdName, apiServerName) {
		return filepath.Abs(given)
	}
	recipe, err := readRecipe(ctx, b.Source, kubernetes)
	if err != nil {
		return "", err
	}
	return b.once(ctx, product{
		folder: "controlplane", key: recipe.key(),
		programs: []string{etcdName, apiServerName, controllerManagerName, kubectlName},
		make:     func(ctx context.Context, dir string) error { return b.kubernetes(ctx, recipe, dir) },
	})
}

// A product is a directory of programs that is made once for each key.
type product struct {
	folder   string // of the cache
	key      string // names the directory; another content has another key
	programs []string
	make     func(ctx context.Context, dir string) error
}

// once returns the directory of a product, and makes it if it is not there.
func (b Builder) once(ctx context.Context, p product) (string, error) {
	builds := filepath.Join(b.Cache, p.folder)
	final := filepath.Join(builds, p.key)
	if hasPrograms(final, p.programs...) {
		return final, nil
	}
	if err := os.MkdirAll(builds, 0o755); err != nil {
		return "", fmt.Errorf("making the cache (set MEDFENCE_CACHE to a directory that can be written): %w", err)
	}
	unlock, err := b.lockBuild(ctx, final+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if hasPrograms(final, p.programs...) { // by whoever held the lock
		return final, nil
	}
	return final, b.build(ctx, p, final)
}

// lockBuild waits for another build of the same binary, and says so.
func (b Builder) lockBuild(ctx context.Context, path string) (unlock func(), err error) {
	unlock, err = tryLock(path)
	if !errors.Is(err, errLocked) {
		return unlock, err
	}
	progress := startProgress(b.Progress, "waiting for another build of the same")
	defer progress.stop()
	return waitLock(ctx, path)
}

// build works in a directory beside the final one and renames it when it is
// complete: whatever interrupts it, the final directory is whole or absent.
// The lock makes the fixed name of the temporary one safe, and the next build
// sweeps up after an interrupted one.
func (b Builder) build(ctx context.Context, p product, final string) error {
	temp := final + ".tmp"
	if err := errors.Join(os.RemoveAll(temp), os.RemoveAll(final)); err != nil {
		return fmt.Errorf("clearing an earlier build: %w", err)
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return fmt.Errorf("making the build directory: %w", err)
	}
	if err := p.make(ctx, temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, final); err != nil {
		return fmt.Errorf("moving the build into place: %w", err)
	}
	return nil
}

// kubernetes builds the multi-call binary, with a name for each program.
func (b Builder) kubernetes(ctx context.Context, r recipe, dir string) error {
	err := b.compile(ctx, compilation{
		what: "Kubernetes " + r.version, source: r.source, flags: r.flags,
		output: filepath.Join(dir, multicallName), packages: []string{"./multicall"},
	})
	if err != nil {
		return err
	}
	for _, name := range []string{etcdName, apiServerName, controllerManagerName, kubectlName} {
		if err := os.Symlink(multicallName, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("linking %s: %w", name, err)
		}
	}
	return nil
}

// A compilation is one run of go build.
type compilation struct {
	what     string // for people: "Kubernetes v1.36.3"
	source   string // the directory of the module
	output   string
	flags    []string
	packages []string
}

func (b Builder) compile(ctx context.Context, c compilation) error {
	progress := startProgress(b.Progress, "building")
	defer progress.stop()
	progress.say("building " + c.what + " from source: takes minutes, once")
	list := append([]string{"list", "-mod=readonly", "-deps"}, c.packages...)
	found, err := runGo(ctx, c.source, progress, list)
	if err != nil {
		return err
	}
	progress.total(strings.Count(found, "\n"))
	build := append([]string{"build", "-v", "-o", c.output}, c.flags...)
	if _, err := runGo(ctx, c.source, progress, append(build, c.packages...)); err != nil {
		return err
	}
	progress.done()
	return nil
}

// runGo runs go, feeds the progress from what it says, and on failure returns
// what it said.
func runGo(ctx context.Context, source string, progress *progress, args []string) (string, error) {
	cmd := goCommand(ctx, source, args...)
	endWithParent(cmd)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the compilers too
	var stdout strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, nil
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", fmt.Errorf("listening to go %s: %w", args[0], err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting go %s (is Go installed and on the PATH?): %w", args[0], err)
	}
	var said []string
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if !progress.count(lines.Text()) {
			said = append(said, lines.Text())
		}
	}
	err = errors.Join(lines.Err(), cmd.Wait())
	if ctx.Err() != nil {
		return "", fmt.Errorf("go %s was interrupted: %w", args[0], ctx.Err())
	}
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s\nIf a module could not be fetched, check the network and GOPROXY; "+
			"if the disk is full, free 4 GB (the build cache of Go)", args[0], source, err, lastLines(said, 20))
	}
	return stdout.String(), nil
}

func hasPrograms(dir string, names ...string) bool {
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}
