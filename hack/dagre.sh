#!/usr/bin/env bash
# Fetches the bundled dagre anew and fails where it is not what is committed.
#
# usage: hack/dagre.sh
set -euo pipefail

version=3.1.3
into=$(dirname "$0")/../internal/report/layout/dagre
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
(cd "$temp" && npm pack --silent "@dagrejs/dagre@$version" >/dev/null && tar xzf ./*.tgz)
sed '/^\/\/# sourceMappingURL/d' "$temp/package/dist/dagre.min.js" | cmp - "$into/dagre.min.js"
cmp "$temp/package/LICENSE" "$into/LICENSE"
