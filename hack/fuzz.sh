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

# Reports whether a target failed by the end of its time and by nothing else:
# up to Go 1.26 the coordinator may take its own deadline for a failure
# (https://go.dev/issue/75804, mended in Go 1.27: then all of this may go). Every
# line that it printed must be known. An input that fails, a panic, a worker that
# hangs, a seed that fails or a finding that is being minimized has others.
# usage: late LOG TARGET
late() {
	grep -qx '    context deadline exceeded' "$1" || return 1
	! grep -qvxE "fuzz: elapsed: .*|warning: .*|--- FAIL: $2 \([0-9.]+s\)|    context deadline exceeded|FAIL|exit status 1|FAIL	[^ ]+	[0-9.]+s" "$1"
}

# Runs a target, and again, for its whole time and at most twice, one that was
# only late.
# usage: fuzz PACKAGE TARGET TIME
fuzz() {
	local log failed=1 again=0
	set -o pipefail
	log=$(mktemp)
	for (( ; ; )); do
		hack/step.sh "fuzzing $2 of $1" go test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 1x -parallel 1 "$1" | tee "$log" && failed=0 && break
		late "$log" "$2" || break
		((again++ < 2)) || break
		echo "hack/fuzz.sh: $2 of $1 found nothing, but Go took the end of its time for a failure (go.dev/issue/75804): again, $again of 2" >&2
	done
	rm -f "$log"
	return "$failed"
}

export -f late fuzz
targets | xargs -r -n 3 -P "$(getconf _NPROCESSORS_ONLN)" bash -c 'fuzz "$@"' fuzz
