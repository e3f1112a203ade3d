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
	recipe, err := readRecipe(ctx, b.Source)
	if err != nil {
		return "", err
	}
	builds := filepath.Join(b.Cache, "controlplane")
	final := filepath.Join(builds, recipe.key())
	if isBuilt(final) {
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
	if isBuilt(final) { // by whoever held the lock
		return final, nil
	}
	return final, b.build(ctx, recipe, final)
}

// lockBuild waits for another build of the same binary, and says so.
func (b Builder) lockBuild(ctx context.Context, path string) (unlock func(), err error) {
	unlock, err = tryLock(path)
	if !errors.Is(err, errLocked) {
		return unlock, err
	}
	progress := startProgress(b.Progress, "waiting for another build of the control plane")
	defer progress.stop()
	return waitLock(ctx, path)
}

// build works in a directory beside the final one and renames it when it is
// complete: whatever interrupts it, the final directory is whole or absent.
// The lock makes the fixed name of the temporary one safe, and the next build
// sweeps up after an interrupted one.
func (b Builder) build(ctx context.Context, r recipe, final string) error {
	temp := final + ".tmp"
	if err := errors.Join(os.RemoveAll(temp), os.RemoveAll(final)); err != nil {
		return fmt.Errorf("clearing an earlier build: %w", err)
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return fmt.Errorf("making the build directory: %w", err)
	}
	if err := b.compile(ctx, r, filepath.Join(temp, multicallName)); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	for _, name := range []string{etcdName, apiServerName, controllerManagerName, kubectlName} {
		if err := os.Symlink(multicallName, filepath.Join(temp, name)); err != nil {
			return fmt.Errorf("linking %s: %w", name, err)
		}
	}
	if err := os.Rename(temp, final); err != nil {
		return fmt.Errorf("moving the build into place: %w", err)
	}
	return nil
}

func (b Builder) compile(ctx context.Context, r recipe, output string) error {
	progress := startProgress(b.Progress, "building")
	defer progress.stop()
	progress.say("building Kubernetes " + r.version + " from source: takes minutes, once")
	list := []string{"list", "-mod=readonly", "-deps", "./multicall"}
	packages, err := runGo(ctx, r.source, progress, list)
	if err != nil {
		return err
	}
	progress.total(strings.Count(packages, "\n"))
	build := append([]string{"build", "-v", "-o", output}, r.flags...)
	if _, err := runGo(ctx, r.source, progress, append(build, "./multicall")); err != nil {
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

func isBuilt(dir string) bool {
	return hasPrograms(dir, etcdName, apiServerName, controllerManagerName, kubectlName)
}
