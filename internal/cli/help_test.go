package cli_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/medfence/medfence/internal/cli"
)

// every calls a function for each command.
func every(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		every(sub, visit)
	}
}

// Every example of --help runs, and does not say "could not tell". Those that
// need a cluster, or manifests that only the reader has, are named.
func TestTheExamplesOfHelpRun(t *testing.T) {
	t.Chdir(root)
	count := 0
	every(cli.NewCommand(cli.Streams{}), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			count++
			t.Run(line, func(t *testing.T) { example(t, line) })
		}
	})
	if count < 15 {
		t.Errorf("there are %d examples", count)
	}
}

func example(t *testing.T, line string) {
	t.Helper()
	stdin := ""
	if pipe, rest, ok := strings.Cut(line, " | "); ok {
		if pipe != "kustomize build config/samples/hospital" {
			t.Fatalf("who prints %q?", pipe)
		}
		line, stdin = rest, built(t)
	}
	words := strings.Fields(line)
	if words[0] != "kubectl" || words[1] != "medfence" {
		t.Fatalf("not a call of ours: %s", line)
	}
	args := words[2:]
	live := !strings.Contains(line, "-f ") && args[0] != "version" || strings.Contains(line, "manifests/")
	if i := len(args) - 2; i > 0 && args[i] == ">" {
		args = args[:i]
	}
	got := run(t, stdin, args...)
	if live {
		if strings.Contains(got.errOut, "unknown flag") {
			t.Error(got.errOut)
		}
		return
	}
	if got.code == cli2 || got.out == "" {
		t.Errorf("exit %d: %s", got.code, got.errOut)
	}
}

// built is what kustomize build prints of the sample: the files one after the
// other.
func built(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("config/samples/hospital/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("awk", append([]string{`FNR==1{print "---"} {print}`}, files...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestEveryCommandSaysWhatItIsFor(t *testing.T) {
	every(cli.NewCommand(cli.Streams{}), func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
			return
		}
		if cmd.Short == "" {
			t.Errorf("%s has no short help", cmd.CommandPath())
		}
		if cmd.Runnable() && cmd.Example == "" && !cmd.HasSubCommands() {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
}

func TestKubectlCompletesOurArguments(t *testing.T) {
	args := cli.Arguments([]string{"/usr/bin/" + cli.CompletionName, "mat"})
	if got := run(t, "", args...); !strings.HasPrefix(got.out, "matrix") {
		t.Errorf("completed to %q", got.out)
	}
	if got := cli.Arguments([]string{"kubectl-medfence", "lint"}); len(got) != 1 || got[0] != "lint" {
		t.Errorf("Arguments() = %v", got)
	}
	if got := run(t, "", "completion", "bash"); got.code != 0 || !strings.Contains(got.out, "bash completion") {
		t.Errorf("exit %d", got.code)
	}
}

func TestVersionNamesTheAPI(t *testing.T) {
	if got := run(t, "", "version"); got.code != 0 || !strings.Contains(got.out, "medfence.io/v1alpha1") {
		t.Errorf("exit %d: %s", got.code, got.out)
	}
	if got := run(t, "", "version", "-o", "json"); !strings.Contains(got.out, `"api": "medfence.io/v1alpha1"`) {
		t.Error(got.out)
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	if got := run(t, "", "lint", "-f", hospital); strings.Contains(got.out, "\x1b") {
		t.Error("coloured into a pipe")
	}
	if got := run(t, "", "lint", "-f", hospital, "--color", "always"); !strings.Contains(got.out, "\x1b[33mwarning") {
		t.Error("not coloured although asked")
	}
}
