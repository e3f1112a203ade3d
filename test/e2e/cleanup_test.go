//go:build linux && e2e

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/netns"
)

// TestNothingIsLeft starts labs and ends them, well and badly. What the machine
// has of its own must be the same before and after.
func TestNothingIsLeft(t *testing.T) {
	before := machine(t)
	options := lab.Options{Repository: repository, Cilium: os.Getenv("MEDFENCE_CILIUM"), Nodes: 1, Log: os.Stdout}

	// What a killed run leaves: a namespace, and somebody in it.
	left, err := netns.New(t.Context(), "leftover")
	must(t, err)
	sleeper := exec.Command("ip", "netns", "exec", netns.Prefix+"leftover", "sleep", "1000")
	must(t, sleeper.Start())
	must(t, left.IP(t.Context(), "link add v0 type veth peer name v1"))

	must(t, os.MkdirAll(filepath.Join(os.TempDir(), netns.Prefix+"leftover", "lib"), 0o755))
	l, err := lab.Start(t.Context(), options)
	must(t, err)
	if err := sleeper.Wait(); err == nil || sleeper.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the process of an earlier run ended with %v, want to see it killed", err)
	}
	if _, err := lab.Start(t.Context(), options); err == nil || !strings.Contains(err.Error(), "another lab runs") {
		t.Errorf("a second lab beside the first: %v", err)
	}
	must(t, l.Stop(t.Context()))
	if diff := difference(before, machine(t)); diff != "" {
		t.Errorf("after a lab: %s", diff)
	}

	// A start that fails half way: agents that are not there.
	options.Cilium = t.TempDir()
	if _, err := lab.Start(t.Context(), options); err == nil {
		t.Error("a lab starts without agents")
	}
	if diff := difference(before, machine(t)); diff != "" {
		t.Errorf("after a start that failed: %s", diff)
	}
}

// machine tells what there is of the machine's own network, its mounts and
// namespaces, and of directories and processes of ours.
func machine(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, command := range [][]string{
		{"ip", "-br", "link"}, {"ip", "-br", "addr"}, {"ip", "route", "show", "table", "all"}, {"ip", "rule"}, {"ip", "netns"},
		{"findmnt", "-rno", "TARGET,FSTYPE"},
	} {
		text, err := exec.CommandContext(t.Context(), command[0], command[1:]...).Output()
		must(t, err)
		for line := range bytes.Lines(text) {
			line := strings.Join(strings.Fields(string(line)), " ")
			if strings.HasPrefix(line, "/run/netns") { // the folder becomes a mount, once
				continue
			}
			out = append(out, command[1]+" "+command[len(command)-1]+": "+line)
		}
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "medfence-e2e-*"))
	must(t, err)
	return append(append(out, dirs...), programs()...)
}

// programs are those of a lab that run.
func programs() []string {
	var out []string
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if bytes.Contains(text, []byte("/cilium-agent\x00")) {
			out = append(out, "process "+string(bytes.ReplaceAll(text, []byte{0}, []byte(" ")))[:60])
		}
	}
	return out
}

// difference says which lines are there in one only.
func difference(before, after []string) string {
	var out []string
	for _, line := range after {
		if !slices.Contains(before, line) {
			out = append(out, "new: "+line)
		}
	}
	for _, line := range before { // what an earlier run left may go
		if !slices.Contains(after, line) && !strings.Contains(line, netns.Prefix) {
			out = append(out, "gone: "+line)
		}
	}
	return strings.Join(out, "; ")
}
