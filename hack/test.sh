#!/usr/bin/env bash
# Every test: of the module, with the race detector and against a real API
# server, then of the nested modules; in CI also a short run of every fuzz
# target. Goes on after a failure, so that one run shows them all.
#
# usage: hack/test.sh [GO_TEST_ARGUMENT...]
set -uo pipefail

cd "$(dirname "$0")/.."
failed=0

# The control plane's binaries: built on first use, cached outside the tree. A
# KUBEBUILDER_ASSETS that is set is used as it is.
KUBEBUILDER_ASSETS=$(hack/step.sh "control plane" go -C hack/controlplane run . path) || exit 1
export KUBEBUILDER_ASSETS

hack/step.sh "go test -race ./..." go test -race -timeout 30m "$@" ./... || failed=1

# Of the nested modules only the packages with tests: hack/controlplane also
# holds the whole of Kubernetes, which nobody wants to compile again.
for module in hack/*/go.mod test/*/go.mod; do
	dir=${module%/go.mod}
	[[ -f $module ]] || continue
	packages=$(go -C "$dir" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...) || failed=1
	[[ -z $packages ]] && continue
	# shellcheck disable=SC2086 # one argument for each package
	hack/step.sh "go test in $dir" go -C "$dir" test -timeout 30m -parallel 5 "$@" $packages || failed=1
done

if [[ -n ${CI:-} ]]; then
	make --no-print-directory fuzz || failed=1
fi
exit "$failed"
