#!/usr/bin/env bash
# Says, a line each, what this machine lacks to run real packets, of what nothing
# installs: rights, and a kernel that can. Exits 0 where nothing is lacking.
#
# usage: hack/e2e-check.sh
set -uo pipefail

lacks=0
lack() {
	echo "e2e: this machine cannot: $*" >&2
	lacks=1
}

if [[ $(uname -s) != Linux ]]; then
	lack "it runs $(uname -s), and network namespaces and BPF are Linux's"
	exit 1
fi
((EUID == 0)) || lack "only root makes network namespaces and loads BPF programs: run it as root"
[[ -e /sys/kernel/btf/vmlinux ]] || lack "its kernel has no type information for BPF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)"
((lacks == 0)) || exit 1

# As the harness does it: nothing of this outlives the command.
alone() { unshare --net --mount --propagation private sh -c "$1" 2>/dev/null; }
alone true || lack "it may not make network and mount namespaces (a container without CAP_SYS_ADMIN?)"
((lacks == 0)) || exit 1
alone 'mount -t bpf bpf /mnt' || lack "it may not mount a BPF file system (CONFIG_BPF_SYSCALL, CAP_SYS_ADMIN)"
alone 'mount -t cgroup2 cgroup /mnt' || lack "it may not mount cgroup2"
alone 'echo 1 >/proc/sys/net/ipv4/ip_forward' || lack "it may not write /proc/sys/net (mounted read-only?)"
[[ -e /proc/sys/net/ipv6 ]] || lack "its kernel has no IPv6"
if command -v ip >/dev/null; then # hack/setup.sh e2e installs it
	alone 'ip link add v0 type veth peer name v1' || lack "its kernel has no pairs of virtual interfaces (CONFIG_VETH)"
	alone 'ip link add br0 type bridge' || lack "its kernel has no bridge (CONFIG_BRIDGE)"
fi
exit "$lacks"
