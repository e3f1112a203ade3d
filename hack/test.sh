#!/usr/bin/env bash
# Every test: of the module, against a real API server, and at the same time of
# the nested modules, which wait more than they work; in CI also a short run of
# every fuzz target. Goes on after a failure, so that one run shows them all.
#
# The race detector makes a program several times slower, and finds nothing
# where nothing runs at the same time: packages of api and internal that start
# no goroutine are tested without. Of cli, which starts them in one place, the
# tests that run every command are repeated with it.
#
# usage: hack/test.sh [GO_TEST_ARGUMENT...]
set -uo pipefail

cd "$(dirname "$0")/.."
failed=0
log=$(mktemp)
beside=
# shellcheck disable=SC2329 # the trap calls it
finish() {
	[[ -n $beside ]] && kill -- "-$beside" 2>&-
	rm -f "$log"
}
trap finish EXIT

# The control plane's binaries: built on first use, cached outside the tree. A
# KUBEBUILDER_ASSETS that is set is used as it is.
KUBEBUILDER_ASSETS=$(hack/step.sh "control plane" go -C hack/controlplane run . path) || exit 1
export KUBEBUILDER_ASSETS

# Of the nested modules only the packages with tests: hack/controlplane also
# holds the whole of Kubernetes, which nobody wants to compile again.
nested() {
	local module dir packages failed=0
	for module in hack/*/go.mod test/*/go.mod; do
		dir=${module%/go.mod}
		[[ -f $module ]] || continue
		packages=$(go -C "$dir" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...) || failed=1
		[[ -z $packages ]] && continue
		# shellcheck disable=SC2086 # one argument for each package
		hack/step.sh "go test in $dir" go -C "$dir" test -timeout 30m -parallel 5 "$@" $packages || failed=1
	done
	return "$failed"
}

set -m # a process group of its own, to be ended with all that it started
nested "$@" >"$log" 2>&1 &
beside=$!
set +m
alone=() raced=()
while read -r package dir; do
	case $package in
	*/internal/cli) alone+=("$package") ;;
	*/api/* | */internal/*)
		if find "$dir" -maxdepth 1 -name '*.go' ! -name '*_test.go' -exec grep -qE '^\s*go |\.Go\(|"sync(/atomic)?"' {} +; then
			raced+=("$package")
		else
			alone+=("$package")
		fi
		;;
	*) raced+=("$package") ;;
	esac
done < <(go list -f '{{.ImportPath}} {{.Dir}}' ./...)
((${#raced[@]} > 0 && ${#alone[@]} > 0)) || failed=1
hack/step.sh "go test -race, and the nested modules beside it" go test -race -timeout 30m "$@" "${raced[@]}" || failed=1
if (($# == 0)); then # arguments choose tests themselves
	hack/step.sh "go test -race ./internal/cli, every command" \
		go test -race -timeout 30m -run '^(TestTheExamplesOfHelpRun|TestRender|TestBadInput)' ./internal/cli || failed=1
fi
hack/step.sh "go test, packages without goroutines" go test -timeout 30m "$@" "${alone[@]}" || failed=1
while kill -0 "$beside" 2>&-; do
	echo "    still beside it: $(grep '^==>' "$log" | tail -n 1)" >&2
	for ((i = 0; i < 30; i++)); do kill -0 "$beside" 2>&- && sleep 1; done
done
wait "$beside" || failed=1
beside=
cat "$log"

if [[ -n ${CI:-} ]]; then
	make --no-print-directory fuzz || failed=1
fi
exit "$failed"
