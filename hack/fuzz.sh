#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after the other (go test
# takes one at a time). An input that fails is written below the package's
# testdata/fuzz: commit it with the fix.
#
# usage: hack/fuzz.sh DURATION
set -euo pipefail

duration=${1:?usage: hack/fuzz.sh DURATION, 30s for instance}
cd "$(dirname "$0")/.."
failed=0
for dir in $(git grep --untracked -lE '^func Fuzz' -- '*_test.go' | xargs -r dirname | sort -u); do
	targets=$(go test -list '^Fuzz' "./$dir" | grep '^Fuzz') || {
		failed=1
		continue
	}
	for target in $targets; do
		hack/step.sh "fuzzing $target of $dir for $duration" \
			go test -run '^$' -fuzzminimizetime 1x -fuzz "^$target\$" -fuzztime "$duration" "./$dir" || failed=1
	done
done
exit "$failed"
