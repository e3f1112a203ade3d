package hack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What `go test -fuzz` prints of a target, as it was seen.
const (
	nothingFound = `fuzz: elapsed: 0s, gathering baseline coverage: 0/2 completed
fuzz: elapsed: 0s, gathering baseline coverage: 2/2 completed, now fuzzing with 1 workers
fuzz: elapsed: 30s, execs: 50000 (1666/sec), new interesting: 3 (total: 5)
PASS
ok  	example.org/x/internal/words	30.050s
`
	late = `warning: starting with empty corpus
fuzz: elapsed: 0s, gathering baseline coverage: 0/2 completed
fuzz: elapsed: 30s, execs: 50000 (1666/sec), new interesting: 3 (total: 5)
--- FAIL: FuzzWith (30.48s)
    context deadline exceeded
FAIL
exit status 1
FAIL	example.org/x/internal/words	30.492s
`
	found = `fuzz: elapsed: 0s, gathering baseline coverage: 0/2 completed
fuzz: minimizing 32-byte failing input file
fuzz: elapsed: 0s, minimizing
--- FAIL: FuzzWith (0.04s)
    --- FAIL: FuzzWith (0.00s)
        words_test.go:9: it asks for ever:
    context deadline exceeded
    
    Failing input written to testdata/fuzz/FuzzWith/771e938e4458e983
    To re-run:
    go test -run=FuzzWith/771e938e4458e983
FAIL
exit status 1
FAIL	example.org/x/internal/words	0.045s
`
	foundLate = `fuzz: elapsed: 29s, execs: 50000 (1666/sec), new interesting: 3 (total: 5)
fuzz: minimizing 32-byte failing input file
--- FAIL: FuzzWith (30.04s)
    context deadline exceeded
FAIL
exit status 1
FAIL	example.org/x/internal/words	30.045s
`
	badSeed = `fuzz: elapsed: 0s, gathering baseline coverage: 0/2 completed
failure while testing seed corpus entry: FuzzWith/seed#0
--- FAIL: FuzzWith (0.04s)
    --- FAIL: FuzzWith (0.00s)
        words_test.go:9: context deadline exceeded
FAIL
exit status 1
FAIL	example.org/x/internal/words	0.045s
`
	panicked = `--- FAIL: FuzzWith (30.04s)
    context deadline exceeded
panic: context deadline exceeded

goroutine 5 [running]:
FAIL	example.org/x/internal/words	30.045s
`
	hung = `--- FAIL: FuzzWith (11.04s)
    fuzzing process hung or terminated unexpectedly: exit status 2
    context deadline exceeded
FAIL
exit status 1
FAIL	example.org/x/internal/words	11.045s
`
	anotherFailed = `--- FAIL: FuzzWith (30.48s)
    context deadline exceeded
--- FAIL: FuzzOther (0.00s)
    context deadline exceeded
FAIL
exit status 1
FAIL	example.org/x/internal/words	30.492s
`
	notBuilt = "FAIL	example.org/x/internal/words [build failed]\n"
)

// fakeGo stands for go: it has one target, and says of it what the next file
// says.
const fakeGo = `#!/usr/bin/env bash
if [[ $2 == -list ]]; then
	echo FuzzWith
	exit
fi
echo "$*" >>"$STAGE/asked"
said=$STAGE/$(wc -l <"$STAGE/asked")
cat "$said"
[[ $(tail -n 1 "$said") == ok* ]]
`

// TestFuzzingIsRepeatedOnlyWhereGoWasLate: each case is what go says in turn.
func TestFuzzingIsRepeatedOnlyWhereGoWasLate(t *testing.T) {
	const again = "found nothing, but Go took the end of its time for a failure (go.dev/issue/75804): again, "
	cases := map[string]struct {
		says   []string
		passes bool
		repeat int
	}{
		"it finds nothing":                        {[]string{nothingFound}, true, 0},
		"it is late, then finds nothing":          {[]string{late, nothingFound}, true, 1},
		"it is late twice, then finds nothing":    {[]string{late, late, nothingFound}, true, 2},
		"it is always late":                       {[]string{late, late, late, nothingFound}, false, 2},
		"it is late, then finds something":        {[]string{late, found, nothingFound}, false, 1},
		"it finds something with the same words":  {[]string{found, nothingFound}, false, 0},
		"it ends while it minimizes what it has":  {[]string{foundLate, nothingFound}, false, 0},
		"a seed fails with the same words":        {[]string{badSeed, nothingFound}, false, 0},
		"it panics with the same words":           {[]string{panicked, nothingFound}, false, 0},
		"a worker hangs":                          {[]string{hung, nothingFound}, false, 0},
		"another one fails too":                   {[]string{anotherFailed, nothingFound}, false, 0},
		"it does not compile":                     {[]string{notBuilt, nothingFound}, false, 0},
		"it says nothing":                         {[]string{"", nothingFound}, false, 0},
		"another target was late, by its heading": {[]string{strings.ReplaceAll(late, "FuzzWith", "FuzzWithout"), nothingFound}, false, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, asked, err := fuzz(t, tc.says)
			if passed := err == nil; passed != tc.passes {
				t.Errorf("passed: %t (%v), want %t", passed, err, tc.passes)
			}
			want := slices.Repeat([]string{"test -run ^$ -fuzz ^FuzzWith$ -fuzztime 30s -fuzzminimizetime 1x -parallel 1 ./internal/words"}, tc.repeat+1)
			if !slices.Equal(asked, want) {
				t.Errorf("go was asked\n%q, want\n%q", asked, want)
			}
			for n := range 3 {
				if said := strings.Contains(out, again+strconv.Itoa(n+1)+" of 2"); said != (n < tc.repeat) {
					t.Errorf("says %q: %t", again+strconv.Itoa(n+1), said)
				}
			}
			for _, said := range tc.says[:len(asked)] {
				if !strings.Contains(out, said) {
					t.Errorf("what go said is lost:\n%s", said)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// fuzz runs hack/fuzz.sh in a repository with one target, and returns what it
// printed, and for what it asked go.
func fuzz(t *testing.T, says []string) (out string, asked []string, err error) {
	t.Helper()
	repository, stage := t.TempDir(), t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{"fuzz.sh", "step.sh"} {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		write(filepath.Join(repository, "hack", script), string(text))
	}
	write(filepath.Join(repository, "internal/words/words_test.go"), "package words\n\nfunc FuzzWith(f *testing.F) {}\n")
	write(filepath.Join(stage, "go"), fakeGo)
	for i, text := range says {
		write(filepath.Join(stage, strconv.Itoa(i+1)), text)
	}
	ctx := context.WithoutCancel(t.Context())
	if said, err := exec.CommandContext(ctx, "git", "-C", repository, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, said)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(repository, "hack/fuzz.sh"), "30s", "30s")
	cmd.Env = append(os.Environ(), "PATH="+stage+string(os.PathListSeparator)+os.Getenv("PATH"), "STAGE="+stage)
	text, err := cmd.CombinedOutput()
	raw, readErr := os.ReadFile(filepath.Join(stage, "asked"))
	if readErr != nil {
		t.Fatalf("%v\n%s", readErr, text)
	}
	return string(text), strings.Split(strings.TrimSpace(string(raw)), "\n"), err
}
