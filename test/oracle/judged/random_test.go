package judged

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/test/oracle"
)

// Everything random is drawn from few words, so that it meets.
var (
	namespaces = []string{"infusion", "pacs", "ehr", "kube-system"}
	podKeys    = []string{"app", "tier", "app.kubernetes.io/name", "pod-template-hash"}
	oddKeys    = []string{"world", "world-ipv4", "init", "remote-node", "health", "io.cilium.k8s.policy.cluster"}
	values     = []string{"a", "b", "c"}
	spaceKeys  = []string{"ward", "kubernetes.io/metadata.name"}
	spaceVals  = []string{"icu", "er", "pacs", "infusion"}
	portNames  = []string{"web", "dicom"}
	numbers    = []int{53, 80, 104, 443, 2575, 11112}
	prefixes   = []string{
		"10.20.0.0/16", "10.20.0.0/24", "10.20.1.0/24", "10.20.0.5/32", "203.0.113.0/24", "0.0.0.0/0",
		"fd20::/64", "fd20::5/128", "2001:db8::/32", "::/0", "192.168.1.0/24", "10.0.0.0/16", "198.51.100.0/24", "10.20.0.77/16",
	}
	excepts = map[string][]string{
		"10.20.0.0/16": {"10.20.0.0/24", "10.20.0.5/32", "10.20.1.0/24"},
		"0.0.0.0/0":    {"10.20.0.0/16", "203.0.113.0/24"},
		"fd20::/64":    {"fd20::5/128"},
		"::/0":         {"2001:db8::/32"},
	}
	groupNames = []string{"archives", "printers", "theirs"}
	entities   = []string{
		"all", "world", "cluster", "cluster-mesh", "host", "remote-node", "init", "ingress", "unmanaged", "health", "none",
		"kube-apiserver", "world-ipv4", "world-ipv6",
	}
	dnsNames   = []string{"updates.vendor.example", "time.example"}
	dnsPattern = []string{"*.vendor.example", "*", "**.example"}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// one reports true once in n.
func one(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func some[T any](r *rand.Rand, most int, draw func() T) []any {
	out := []any{}
	for range 1 + r.IntN(most) {
		out = append(out, draw())
	}
	return out
}

// randomEndpoints are twelve pods, some with odd labels or of another cluster,
// and one of every other kind.
func randomEndpoints(r *rand.Rand, odd bool) []oracle.Endpoint {
	var out []oracle.Endpoint
	spaces := map[string]map[string]string{}
	for _, ns := range namespaces {
		spaces[ns] = map[string]string{}
		if one(r, 2) {
			spaces[ns]["ward"] = pick(r, spaceVals)
		}
	}
	for i := range 12 {
		ns := pick(r, namespaces)
		e := oracle.Endpoint{
			Namespace: ns, Name: fmt.Sprintf("pod-%d", i), Labels: map[string]string{}, NamespaceLabels: spaces[ns],
			IPs: addresses(fmt.Sprintf("10.0.0.%d", i+1), fmt.Sprintf("fd00::%x", i+1)),
		}
		for _, k := range podKeys {
			if one(r, 2) {
				e.Labels[k] = pick(r, values)
			}
		}
		if odd && one(r, 3) {
			e.Labels[pick(r, oddKeys)] = ""
		}
		if odd && one(r, 8) {
			e.Labels["host"] = ""
		}
		for _, n := range portNames {
			if one(r, 2) {
				e.NamedPorts = append(e.NamedPorts, oracle.NamedPort{
					Name: n, Protocol: pick(r, []flow.Protocol{flow.TCP, flow.UDP}), Port: uint16(pick(r, numbers)),
				})
			}
		}
		if one(r, 10) {
			e.Cluster = "east"
		}
		out = append(out, e)
	}
	return append(out,
		oracle.Endpoint{Kind: oracle.Host, IPs: addresses("192.168.1.1", "fd19::1")},
		oracle.Endpoint{Kind: oracle.RemoteNode, IPs: addresses("192.168.1.2", "fd19::2")},
		oracle.Endpoint{Kind: oracle.RemoteNode, IPs: addresses("192.168.1.3", "fd19::3"), APIServer: true},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("198.51.100.1"), APIServer: true},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("10.20.0.5")},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("10.20.0.6")},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("10.20.1.7")},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("203.0.113.9")},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("fd20::5")},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("2001:db8::9")},
		oracle.Endpoint{Kind: oracle.Address, IPs: addresses("198.51.100.7"), Names: []string{"updates.vendor.example"}},
		oracle.Endpoint{Kind: oracle.Health}, oracle.Endpoint{Kind: oracle.Ingress},
		oracle.Endpoint{Kind: oracle.Init}, oracle.Endpoint{Kind: oracle.Unmanaged},
	)
}

func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

func randomFlow(r *rand.Rand) flow.Flow {
	if one(r, 6) {
		return flow.Flow{Protocol: flow.ICMP, ICMPType: pick(r, []uint8{0, 3, 8, 13, 128, 129})}
	}
	return flow.Flow{
		Protocol: pick(r, []flow.Protocol{flow.TCP, flow.TCP, flow.UDP, flow.SCTP}),
		Port:     uint16(pick(r, numbers) + r.IntN(2)),
	}
}

// A kit draws policies. Without names it draws no toFQDNs, without content no
// rules of layer 7.
type kit struct {
	*rand.Rand
	names, content bool
}

// object is an object of Kubernetes.
type object = map[string]any

func (k kit) objects() []object {
	var out []object
	for i := range 1 + k.IntN(7) {
		name := fmt.Sprintf("policy-%d", i)
		switch k.IntN(5) {
		case 0, 1:
			out = append(out, k.networkPolicy(name))
		case 2, 3:
			out = append(out, k.cilium("CiliumNetworkPolicy", name, pick(k.Rand, namespaces)))
		default:
			out = append(out, k.cilium("CiliumClusterwideNetworkPolicy", name, ""))
		}
	}
	for _, n := range groupNames {
		if !one(k.Rand, 3) {
			out = append(out, k.group(n))
		}
	}
	return out
}

func header(version, kind, namespace, name string) object {
	meta := object{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return object{"apiVersion": version, "kind": kind, "metadata": meta}
}

func (k kit) group(name string) object {
	out := header("cilium.io/v2", "CiliumCIDRGroup", "", name)
	labels := object{}
	if one(k.Rand, 2) {
		labels["zone"] = pick(k.Rand, values)
	}
	if one(k.Rand, 5) {
		labels["io.cilium.policy.cidrgroupname/"+pick(k.Rand, groupNames)] = ""
	}
	if one(k.Rand, 5) {
		labels["io.cilium.k8s.secret"] = "a"
	}
	out["metadata"].(object)["labels"] = labels
	out["spec"] = object{"externalCIDRs": some(k.Rand, 3, func() any {
		if one(k.Rand, 8) {
			return "10.20.1.7"
		}
		return pick(k.Rand, prefixes)
	})}
	return out
}

// selector draws a label selector over keys.
func (k kit) selector(keys, values []string) object {
	out := object{}
	if one(k.Rand, 2) {
		labels := object{}
		for range k.IntN(2) + 1 {
			labels[pick(k.Rand, keys)] = pick(k.Rand, values)
		}
		out["matchLabels"] = labels
	}
	if one(k.Rand, 2) {
		out["matchExpressions"] = some(k.Rand, 2, func() any { return k.expression(keys, values) })
	}
	return out
}

func (k kit) expression(keys, values []string) object {
	e := object{"key": pick(k.Rand, keys)}
	switch k.IntN(4) {
	case 0:
		e["operator"], e["values"] = "In", some(k.Rand, 2, func() any { return pick(k.Rand, values) })
	case 1:
		e["operator"], e["values"] = "NotIn", some(k.Rand, 2, func() any { return pick(k.Rand, values) })
	case 2:
		e["operator"] = "Exists"
	default:
		e["operator"] = "DoesNotExist"
	}
	return e
}
