package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every command of the guide prints what the guide shows.
func TestTheGuideShowsWhatIsPrinted(t *testing.T) {
	t.Chdir(root)
	page, err := os.ReadFile("docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "```console\n$ ", "```\n"
	var got strings.Builder
	rest := string(page)
	count := 0
	for {
		before, after, ok := strings.Cut(rest, begin)
		got.WriteString(before)
		if !ok {
			break
		}
		command, shown, _ := strings.Cut(after, "\n")
		_, rest, _ = strings.Cut(shown, end)
		if nothing, ok := strings.CutPrefix(shown, end); ok {
			rest = nothing
		}
		args := strings.Fields(command)
		c := run(t, "", args[2:]...)
		if c.code == cli2 {
			t.Errorf("%s: %s", command, c.errOut)
		}
		got.WriteString(begin + command + "\n" + c.out + end)
		count++
	}
	if count < 3 {
		t.Errorf("the guide has %d commands", count)
	}
	if *update {
		if err := os.WriteFile("docs/cli.md", []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(got.String(), string(page)); diff != "" {
		t.Errorf("run make golden (-printed +shown):\n%s", diff)
	}
}
