#!/usr/bin/env bash
# Fails if a Go file is over 400 lines: tests and generated files aside, such a
# file has more than one job.
#
# usage: hack/verify-length.sh
set -euo pipefail

max=400
cd "$(dirname "$0")/.."
git ls-files --cached --others --exclude-standard -- '*.go' ':!*_test.go' | while read -r file; do
	if [[ ! -f $file ]] || grep -q '^// Code generated .* DO NOT EDIT\.$' "$file"; then
		continue
	fi
	lines=$(wc -l <"$file")
	((lines <= max)) || echo "$file: $lines lines, at most $max: split it by what its parts are for"
done | (! grep .)
