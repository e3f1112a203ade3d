package judged

import "slices"

func (k kit) networkPolicy(name string) object {
	out := header("networking.k8s.io/v1", "NetworkPolicy", pick(k.Rand, namespaces), name)
	spec := object{"podSelector": k.selector(podKeys, values)}
	var types []any
	if !one(k.Rand, 3) {
		types = append(types, "Ingress")
	}
	if !one(k.Rand, 3) {
		types = append(types, "Egress")
	}
	if types != nil {
		spec["policyTypes"] = types
	}
	if one(k.Rand, 2) {
		spec["ingress"] = some(k.Rand, 2, func() any { return k.netpolRule("from") })
	}
	if one(k.Rand, 2) {
		spec["egress"] = some(k.Rand, 2, func() any { return k.netpolRule("to") })
	}
	out["spec"] = spec
	return out
}

func (k kit) netpolRule(field string) object {
	out := object{}
	if !one(k.Rand, 4) {
		out[field] = some(k.Rand, 3, func() any { return k.netpolPeer() })
	} else if one(k.Rand, 2) {
		out[field] = []any{}
	}
	if one(k.Rand, 2) {
		out["ports"] = some(k.Rand, 3, func() any { return k.netpolPort() })
	}
	return out
}

func (k kit) netpolPeer() object {
	if one(k.Rand, 4) {
		prefix := pick(k.Rand, prefixes)
		block := object{"cidr": prefix}
		if list := excepts[prefix]; list != nil && one(k.Rand, 2) {
			block["except"] = []any{pick(k.Rand, list)}
		}
		return object{"ipBlock": block}
	}
	out := object{}
	if one(k.Rand, 2) {
		out["namespaceSelector"] = k.selector(spaceKeys, spaceVals)
	}
	if len(out) == 0 || one(k.Rand, 2) {
		out["podSelector"] = k.selector(podKeys, values)
	}
	return out
}

func (k kit) netpolPort() object {
	out := object{}
	if !one(k.Rand, 3) {
		out["protocol"] = pick(k.Rand, []string{"TCP", "UDP", "SCTP"})
	}
	switch k.IntN(4) {
	case 0:
		out["port"] = pick(k.Rand, portNames)
	case 1:
		out["port"] = pick(k.Rand, numbers)
	case 2:
		n := pick(k.Rand, numbers)
		out["port"], out["endPort"] = n, n+k.IntN(2000)
	}
	return out
}

func (k kit) cilium(kind, name, namespace string) object {
	out := header("cilium.io/v2", kind, namespace, name)
	if one(k.Rand, 4) {
		out["specs"] = some(k.Rand, 3, func() any { return k.spec(namespace) })
		return out
	}
	out["spec"] = k.spec(namespace)
	return out
}

var (
	subjectKeys = slices.Concat(podKeys, []string{"k8s:app", "any:tier", "k8s:io.kubernetes.pod.namespace"})
	peerKeys    = slices.Concat(subjectKeys, []string{
		"io.kubernetes.pod.namespace", "k8s:io.cilium.k8s.namespace.labels.ward", "k8s:io.cilium.k8s.policy.cluster",
		"k8s:io.cilium.k8s.policy.serviceaccount",
	})
	reservedKeys = []string{
		"reserved:host", "reserved:world-ipv4", "reserved:remote-node", "reserved:kube-apiserver", "reserved:health", "reserved:init",
	}
	peerValues = slices.Concat(values, namespaces, []string{"default", "east", "icu"})
)

func (k kit) spec(namespace string) object {
	out := object{}
	keys := subjectKeys
	if namespace == "" && one(k.Rand, 8) {
		keys = append(slices.Clone(keys), reservedKeys...)
	}
	out["endpointSelector"] = k.selector(keys, peerValues)
	if one(k.Rand, 3) {
		out["endpointSelector"] = object{}
	}
	for _, field := range []string{"ingress", "egress"} {
		if one(k.Rand, 2) {
			out[field] = some(k.Rand, 2, func() any { return k.rule(field, false) })
		}
		if one(k.Rand, 4) {
			out[field+"Deny"] = some(k.Rand, 2, func() any { return k.rule(field, true) })
		}
	}
	if len(out) == 1 {
		out["ingress"] = []any{object{}}
	}
	if one(k.Rand, 3) {
		told := object{}
		for _, field := range []string{"ingress", "egress"} {
			if one(k.Rand, 2) {
				told[field] = one(k.Rand, 3)
			}
		}
		out["enableDefaultDeny"] = told
	}
	return out
}

func (k kit) rule(field string, deny bool) object {
	side := "from"
	if field == "egress" {
		side = "to"
	}
	out := object{}
	list := func(name string, draw func() any) {
		out[name] = some(k.Rand, 2, draw)
		if one(k.Rand, 12) {
			out[name] = []any{}
		}
	}
	switch k.IntN(7) {
	case 0, 1:
		list(side+"Endpoints", func() any { return k.endpointPeer() })
	case 2:
		list(side+"Entities", func() any { return pick(k.Rand, entities) })
	case 3:
		list(side+"CIDR", func() any { return pick(k.Rand, append([]string{"10.20.0.6", "fd20::5"}, prefixes...)) })
	case 4, 5:
		list(side+"CIDRSet", func() any { return k.cidrRule() })
	case 6:
		if k.names && !deny && field == "egress" {
			list("toFQDNs", func() any { return k.dnsName() })
		}
	}
	switch k.IntN(4) {
	case 0, 1:
		out["toPorts"] = some(k.Rand, 2, func() any { return k.portRule(field, deny) })
	case 2:
		if one(k.Rand, 2) {
			out["icmps"] = some(k.Rand, 2, func() any { return k.icmps() })
		}
	}
	return out
}

func (k kit) endpointPeer() object {
	switch k.IntN(8) {
	case 0:
		return object{}
	case 1: // negatives alone
		return object{"matchExpressions": []any{
			object{"key": "k8s:io.kubernetes.pod.namespace", "operator": "NotIn", "values": []any{pick(k.Rand, namespaces)}},
			object{"key": "k8s:io.cilium.k8s.policy.cluster", "operator": "NotIn", "values": []any{pick(k.Rand, []string{"default", "east"})}},
		}}
	case 2: // any namespace
		return object{"matchExpressions": []any{
			object{"key": "k8s:io.kubernetes.pod.namespace", "operator": pick(k.Rand, []string{"Exists", "DoesNotExist"})},
			k.expression(peerKeys, peerValues),
		}}
	case 3:
		if one(k.Rand, 2) {
			return k.selector(append(slices.Clone(peerKeys), reservedKeys...), append(slices.Clone(peerValues), ""))
		}
	}
	return k.selector(peerKeys, peerValues)
}

func (k kit) cidrRule() object {
	switch k.IntN(4) {
	case 0:
		out := object{"cidrGroupRef": pick(k.Rand, append([]string{"nowhere"}, groupNames...))}
		if one(k.Rand, 3) {
			out["except"] = []any{"10.20.0.0/24"}
		}
		return out
	case 1:
		keys := []string{"zone", "io.cilium.policy.cidrgroupname/archives", "io.cilium.policy.cidrgroupname/none", "io.cilium.k8s.secret"}
		if k.names {
			keys = append(keys, "fqdn:updates.vendor.example")
		}
		return object{"cidrGroupSelector": k.selector(keys, append([]string{""}, values...))}
	}
	prefix := pick(k.Rand, prefixes)
	out := object{"cidr": prefix}
	if list := excepts[prefix]; list != nil && one(k.Rand, 2) {
		out["except"] = some(k.Rand, 2, func() any { return pick(k.Rand, list) })
	}
	return out
}

func (k kit) dnsName() object {
	if one(k.Rand, 2) {
		return object{"matchPattern": pick(k.Rand, dnsPattern)}
	}
	return object{"matchName": pick(k.Rand, dnsNames)}
}

func (k kit) portRule(field string, deny bool) object {
	out := object{}
	if one(k.Rand, 20) {
		return out // no ports at all: nothing
	}
	out["ports"] = some(k.Rand, 3, func() any { return k.port() })
	if !k.content || deny || !one(k.Rand, 3) {
		return out
	}
	if field == "egress" && one(k.Rand, 2) {
		out["ports"] = []any{object{"port": "53", "protocol": pick(k.Rand, []string{"UDP", "ANY"})}}
		out["rules"] = object{"dns": []any{k.dnsName()}}
		return out
	}
	out["ports"] = []any{object{"port": "80", "protocol": "TCP"}}
	out["rules"] = object{"http": []any{object{"method": "GET"}}}
	return out
}

func (k kit) port() object {
	out := object{}
	if !one(k.Rand, 4) {
		out["protocol"] = pick(k.Rand, []string{"TCP", "UDP", "SCTP", "ANY"})
	}
	n := pick(k.Rand, numbers)
	switch k.IntN(5) {
	case 0:
		out["port"] = "0"
	case 1:
		out["port"] = pick(k.Rand, []string{"web", "dicom", "WEB"})
	case 2:
		out["port"], out["endPort"] = text(n), n+k.IntN(3000)
	default:
		out["port"] = text(n)
	}
	return out
}

func (k kit) icmps() object {
	return object{"fields": some(k.Rand, 2, func() any {
		out := object{"type": pick(k.Rand, []any{0, 3, 8, 13, "EchoRequest"})}
		if one(k.Rand, 2) {
			out["family"], out["type"] = "IPv6", pick(k.Rand, []any{0, 128, "EchoReply"})
		}
		return out
	})}
}
