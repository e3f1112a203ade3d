#!/usr/bin/env bash
# Real packets through real agents, in network namespaces of this machine: what
# must pass passes, and nothing else does. Needs root and a kernel with BPF; the
# first run builds Cilium's agent, for about ten minutes.
#
# usage: hack/e2e.sh [GO_TEST_ARGUMENT...]
#   SHORT=1        leaves out repetitions: under five minutes when all is built
#   E2E_ARTEFACTS  the folder of truth tables and measurements; default bin/e2e
set -uo pipefail

cd "$(dirname "$0")/.."
hack/e2e-check.sh || exit 1
hack/setup.sh e2e || exit 1
hack/e2e-check.sh || exit 1 # again, with the tools that it looks with

export E2E_ARTEFACTS=${E2E_ARTEFACTS:-$PWD/bin/e2e}
KUBEBUILDER_ASSETS=$(hack/step.sh "control plane" go -C hack/controlplane run . path) || exit 1
MEDFENCE_CILIUM=$(hack/step.sh "Cilium's agent" go -C hack/controlplane run . cilium) || exit 1
hack/step.sh "the operator" go build -o bin/ . || exit 1
export KUBEBUILDER_ASSETS MEDFENCE_CILIUM MEDFENCE_OPERATOR=$PWD/bin/medfence

hack/step.sh "packets" go -C test/e2e test -tags e2e -count 1 -timeout 60m -v "$@" .
