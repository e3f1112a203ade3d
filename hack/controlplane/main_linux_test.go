package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/medfence/medfence/hack/controlplane/launch"
)

// These tests look into /proc, and the last holds on Linux only.

func buildLauncher(t *testing.T) string {
	t.Helper()
	launcher := filepath.Join(t.TempDir(), "controlplane")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", launcher, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return launcher
}

func TestUpRunsUntilItIsToldToStop(t *testing.T) {
	launcher := buildLauncher(t)
	tests := map[string]struct {
		stop func(up *exec.Cmd, stdin io.Closer) error
		fail bool
	}{
		"by SIGTERM":                  {stop: func(up *exec.Cmd, _ io.Closer) error { return up.Process.Signal(syscall.SIGTERM) }},
		"by SIGINT":                   {stop: func(up *exec.Cmd, _ io.Closer) error { return up.Process.Signal(syscall.SIGINT) }},
		"by the end of its input":     {stop: func(_ *exec.Cmd, stdin io.Closer) error { return stdin.Close() }},
		"by SIGKILL, with everything": {stop: func(up *exec.Cmd, _ io.Closer) error { return up.Process.Kill() }, fail: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			up := exec.CommandContext(t.Context(), launcher, "up", "--dir", dir, "--stop-on-stdin-eof")
			up.Stderr = os.Stderr
			up.Env = append(os.Environ(), "KUBEBUILDER_ASSETS=")
			stdin, err := up.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := up.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			var ready launch.Ready
			line, err := bufio.NewReader(stdout).ReadBytes('\n')
			if err := json.Unmarshal(line, &ready); err != nil || ready.Kubeconfig != filepath.Join(dir, "kubeconfig") {
				t.Fatalf("it says %q (%v)", line, err)
			}
			if err != nil || len(running(t, dir)) != 4 {
				t.Errorf("%v; there run %q, want the launcher and three programs", err, running(t, dir))
			}
			if err := tc.stop(up, stdin); err != nil {
				t.Fatal(err)
			}
			if err := up.Wait(); (err != nil) != tc.fail {
				t.Errorf("it ends with %v", err)
			}
			for patience := 50; len(running(t, dir)) > 0 && patience > 0; patience-- {
				time.Sleep(20 * time.Millisecond) // the kernel kills after it has reported
			}
			if left := running(t, dir); len(left) > 0 {
				t.Errorf("these are left: %q", left)
			}
		})
	}
}

// running returns the programs whose command line names the directory.
func running(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(dir)) {
			program, _, _ := strings.Cut(string(line), "\x00")
			found = append(found, filepath.Base(program))
		}
	}
	return found
}

func TestAWrongCommandLineIsToldApart(t *testing.T) {
	launcher := buildLauncher(t)
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no such command":      {args: []string{"upp"}, code: 2, want: `no command "upp": see controlplane help`},
		"no such flag":         {args: []string{"up", "--dri", "x"}, code: 2, want: "flag provided but not defined: -dri: see controlplane help"},
		"no directory":         {args: []string{"up"}, code: 2, want: "up needs --dir: see controlplane help"},
		"no name":              {args: []string{"user", "--dir", "x"}, code: 2, want: "user needs --dir and a name: see controlplane help"},
		"nothing that runs":    {args: []string{"user", "--dir", "x", "nora"}, code: 1, want: "no control plane runs in x, start one with `controlplane up`"},
		"not in a checkout":    {args: []string{"build", "--source", "/nowhere"}, code: 1, want: "reading the module"},
		"a question for help":  {args: []string{"help"}, want: "controlplane up    --dir DIR"},
		"nothing at all":       {want: "controlplane up    --dir DIR"},
		"the flags, explained": {args: []string{"--help"}, want: "-stop-on-stdin-eof"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), launcher, tc.args...)
			cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS=")
			out, _ := cmd.CombinedOutput() // the code tells
			if got := cmd.ProcessState.ExitCode(); got != tc.code {
				t.Errorf("the exit code is %d, want %d", got, tc.code)
			}
			if !strings.Contains(string(out), tc.want) {
				t.Errorf("it says\n%s\nwant %q", out, tc.want)
			}
		})
	}
}
