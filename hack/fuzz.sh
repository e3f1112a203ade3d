#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one on each core: DURATION
# for the packages that read what people write, OTHERS for the rest, which have
# the compiler between them and the people. An input that fails is written below
# the package's testdata/fuzz: commit it with the fix.
#
# usage: hack/fuzz.sh DURATION [OTHERS]
set -euo pipefail

duration=${1:?usage: hack/fuzz.sh DURATION [OTHERS], 30s 10s for instance}
others=${2:-$duration}
cd "$(dirname "$0")/.."

# Prints a line "package target time" for each.
targets() {
	local dir names name time
	git grep --untracked -lE '^func Fuzz' -- '*_test.go' ':!test/oracle' ':!test/e2e' | xargs -r dirname | sort -u | while read -r dir; do
		time=$others
		[[ $dir =~ ^internal/(catalog|compile|manifest|verdict)$ ]] && time=$duration
		names=$(go test -list '^Fuzz' "./$dir" | grep '^Fuzz')
		for name in $names; do
			echo "./$dir $name $time"
		done
	done
}

targets | xargs -r -n 3 -P "$(getconf _NPROCESSORS_ONLN)" bash -c '
	hack/step.sh "fuzzing $2 of $1" go test -run "^$" -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 1x -parallel 1 "$1"' fuzz
