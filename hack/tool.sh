#!/usr/bin/env bash
# Prints the path of a tool of hack/tools/versions.txt, building it on first
# use. The binaries live outside the tree, one for each version of the tool and
# of Go, and are shared by all checkouts.
#
# usage: hack/tool.sh NAME
set -euo pipefail

hack=$(dirname "$0")
name=${1:?usage: hack/tool.sh NAME}
read -r package version < <(awk -v name="$name" '$1 == name { print $2, $3 }' "$hack/tools/versions.txt") || {
	echo "hack/tool.sh: $name is not in hack/tools/versions.txt" >&2
	exit 2
}
cache=${MEDFENCE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/medfence}/tools
tool=$cache/$name-$version-$(go env GOVERSION)

if [[ ! -x $tool ]]; then
	mkdir -p "$cache"
	temp=$(mktemp -d "$cache/.$name-XXXXXX")
	trap 'rm -rf "$temp"' EXIT
	GOBIN=$temp GOFLAGS='' GOWORK=off CGO_ENABLED=0 \
		"$hack/step.sh" "building $name $version, once" go install -trimpath "$package@$version" >&2
	mv -f "$temp/$name" "$tool" # at once: another checkout may build it too
fi
echo "$tool"
