#!/usr/bin/env bash
# Measures the operator against lower bounds, by turns and on a control plane of
# its own, and writes the results into bin/bench. For figures that mean
# something, nothing else should run on the machine.
#
# usage: N=DEVICES [PEER=FOLDER] hack/bench.sh [BENCH_ARGUMENT...]
#   PEER  manifests that somebody would apply by hand for the same hospital, to be
#         measured beside; PEER=render has `kubectl-medfence render` make them
set -euo pipefail

cd "$(dirname "$0")/.."
KUBEBUILDER_ASSETS=$(hack/step.sh "control plane" go -C hack/controlplane run . path)
export KUBEBUILDER_ASSETS
hack/step.sh "the operator, with profiles" go build -tags bench -o bin/bench/medfence .
hack/step.sh "the benchmarks" go build -o bin/bench/bench ./test/bench
if [[ ${PEER:-} == render ]]; then
	PEER=bin/bench/peer
	rm -rf bin/bench/hospital "$PEER"
	mkdir -p "$PEER"
	bin/bench/bench -n "${N:-1000}" -manifests bin/bench/hospital
	hack/step.sh "the peer's manifests" go run ./cmd/kubectl-medfence render -q --target netpol -f bin/bench/hospital >"$PEER/policies.yaml"
fi
hack/step.sh "bench" bin/bench/bench -n "${N:-1000}" -peer "${PEER:-}" -operator bin/bench/medfence "$@"
