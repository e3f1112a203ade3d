#!/usr/bin/env bash
# Makes sure that the machine has what the build needs: Go, git and a C compiler
# for the race detector. Does nothing where all of it is there; on Debian and
# Ubuntu it installs what is missing, but for Go.
#
# usage: hack/setup.sh [test|e2e]
#   test  also Chromium, Node and Playwright, with which the map is tested
#   e2e   also what the agents of hack/e2e.sh need: a compiler for BPF, and tools
#         that they set up networks with
set -euo pipefail

cd "$(dirname "$0")/.."
go_wanted=$(awk '$1 == "go" { print $2 }' go.mod)

has_go() {
	command -v go >/dev/null &&
		printf 'go%s\n%s\n' "$go_wanted" "$(go env GOVERSION)" | sort --version-sort --check=silent
}

has_c_compiler() {
	echo '#include <stdlib.h>' | "${CC:-gcc}" -fsyntax-only -x c - 2>/dev/null
}

if ! has_go; then
	echo "setup: install Go $go_wanted or newer (https://go.dev/doc/install) and put it on the PATH" >&2
	exit 1
fi

missing=()
has_c_compiler || missing+=(gcc libc6-dev)
command -v git >/dev/null || missing+=(git)
[[ -e /etc/ssl/certs/ca-certificates.crt || ! -e /etc/debian_version ]] || missing+=(ca-certificates)
if [[ ${1:-} == test ]]; then
	command -v chromium >/dev/null || missing+=(chromium)
	command -v node >/dev/null || missing+=(nodejs)
	command -v npm >/dev/null || missing+=(npm)
fi
if [[ ${1:-} == e2e ]]; then
	for version in 19 20 21 18; do
		command -v "clang-$version" >/dev/null && break
	done || missing+=(clang-19)
	command -v iptables >/dev/null || missing+=(iptables)
	command -v ipset >/dev/null || missing+=(ipset)
	command -v ip >/dev/null || missing+=(iproute2)
	command -v nsenter >/dev/null || missing+=(util-linux)
fi
install_packages() {
	if ! command -v apt-get >/dev/null; then
		echo "setup: install ${missing[*]} with this system's package manager" >&2
		exit 1
	fi
	local as_root=()
	((EUID == 0)) || as_root=(sudo)
	echo "setup: installing with apt-get: ${missing[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	"${as_root[@]}" apt-get update -qq >&2
	"${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
}
((${#missing[@]} == 0)) || install_packages

# Node's modules of a folder, as its lock file names them: npm leaves a copy of
# that file behind when it is done.
install_modules() {
	local lock=$1/package-lock.json installed=$1/node_modules/.installed.json
	cmp --silent "$lock" "$installed" && return
	echo "setup: installing with npm: $(sed -n 's/^ *"\(.*\)": "[0-9.]*",\?$/\1/p' "$1/package.json" | xargs)" >&2
	npm --prefix "$1" ci --no-progress >&2
	cp "$lock" "$installed"
}
[[ ${1:-} != test ]] || install_modules internal/report/zonemap/browser
