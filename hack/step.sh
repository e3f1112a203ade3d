#!/usr/bin/env bash
# Runs a command as a step that a person can follow: says what begins, every
# half minute that it still runs, and how long it took. Everything goes to
# stderr but the command's own output; the exit code is the command's.
#
# usage: hack/step.sh LABEL COMMAND [ARGUMENT...]
set -uo pipefail

label=${1:?usage: hack/step.sh LABEL COMMAND [ARGUMENT...]}
shift
echo "==> $label" >&2
SECONDS=0
# The sleep holds no output of ours: whoever reads it sees its end at once.
(while sleep 30 >&- 2>&-; do echo "    $label: ${SECONDS} s" >&2; done) &
ticker=$!
trap 'kill "$ticker" 2>&-' EXIT
"$@"
code=$?
if ((code == 0)); then
	echo "<== $label: ${SECONDS} s" >&2
else
	echo "<== $label: failed after ${SECONDS} s" >&2
fi
exit "$code"
