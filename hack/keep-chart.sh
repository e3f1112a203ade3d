#!/usr/bin/env bash
# Keeps the chart of a release for the tests of upgrades: packs charts/medfence
# into test/helm/testdata/charts. Run it once at each release, before the tag,
# and commit the file. The tests install every chart that is there and upgrade
# it to the one of the tree.
#
# usage: hack/keep-chart.sh
set -euo pipefail

cd "$(dirname "$0")/.."
kept=test/helm/testdata/charts
version=$(awk '$1 == "version:" { print $2 }' charts/medfence/Chart.yaml)
if [[ -e $kept/medfence-$version.tgz && -z ${REPLACE:-} ]]; then
	echo "hack/keep-chart.sh: $kept/medfence-$version.tgz is there already: raise version in charts/medfence/Chart.yaml," \
		"or set REPLACE=1 if it was never released" >&2
	exit 1
fi
helm=$(hack/tool.sh helm)
"$helm" package charts/medfence --destination "$kept"
