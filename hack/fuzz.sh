#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one on each core. An input
# that fails is written below the package's testdata/fuzz: commit it with the
# fix.
#
# usage: hack/fuzz.sh DURATION
set -euo pipefail

duration=${1:?usage: hack/fuzz.sh DURATION, 30s for instance}
cd "$(dirname "$0")/.."

# Prints a line "package target" for each.
targets() {
	local dir names name
	git grep --untracked -lE '^func Fuzz' -- '*_test.go' ':!test/oracle' | xargs -r dirname | sort -u | while read -r dir; do
		names=$(go test -list '^Fuzz' "./$dir" | grep '^Fuzz')
		for name in $names; do
			echo "./$dir $name"
		done
	done
}

targets | xargs -r -n 2 -P "$(getconf _NPROCESSORS_ONLN)" bash -c '
	hack/step.sh "fuzzing $2 of $1" go test -run "^$" -fuzz "^$2\$" -fuzztime "$0" -fuzzminimizetime 1x -parallel 1 "$1"' "$duration"
