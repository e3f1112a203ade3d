package oracle

import "testing"

// peerPolicy lets the pods of one peer selector reach the gateway.
func peerPolicy(peer string) string {
	return `
kind: CiliumNetworkPolicy
metadata: {name: peer, namespace: infusion}
spec:
  endpointSelector: {matchLabels: {app: gateway}}
  ingress: [{fromEndpoints: [` + peer + `]}]
`
}

func TestTheReachOfAPeerSelector(t *testing.T) {
	type reach struct{ pump, pacs, east, internet bool }
	cases := map[string]struct {
		peer string
		want reach
	}{
		"an empty one is bound to its namespace": {`{}`, reach{pump: true}},
		"labels are bound to it too":             {`{matchLabels: {app: pacs}}`, reach{}},
		"a namespace frees it": {
			`{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs}}`, reach{pacs: true},
		},
		"any namespace, of the own cluster": {
			`{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}]}`, reach{pump: true, pacs: true},
		},
		"a label of the namespace frees it": {
			`{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": pacs}}`, reach{pacs: true},
		},
		"NotIn means the pods of the own cluster, not the world": {
			`{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [infusion]}]}`, reach{pacs: true},
		},
		"a cluster frees it of the cluster": {
			`{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}, ` +
				`{key: "k8s:io.cilium.k8s.policy.cluster", operator: Exists}]}`, reach{pump: true, pacs: true, east: true},
		},
		"other clusters": {
			`{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}, ` +
				`{key: "k8s:io.cilium.k8s.policy.cluster", operator: NotIn, values: [default]}]}`, reach{east: true},
		},
		"the world, by its reserved label": {`{matchLabels: {"reserved:world-ipv4": ""}}`, reach{internet: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, []flowCase{
				{"pump", "gateway", "tcp/80", tc.want.pump},
				{"pacs", "gateway", "tcp/80", tc.want.pacs},
				{"pacs-east", "gateway", "tcp/80", tc.want.east},
				{"internet", "gateway", "tcp/80", tc.want.internet},
				{"node", "gateway", "tcp/80", false},
			}, peerPolicy(tc.peer))
		})
	}
}

// The identities that stand for whole classes of peers (pkg/policy/aggregate.go)
// carry no label that could exclude them.
func TestASelectorOfNegativesAloneSelectsEveryone(t *testing.T) {
	const negatives = `{matchExpressions: [` +
		`{key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [infusion]}, ` +
		`{key: "k8s:io.cilium.k8s.policy.cluster", operator: NotIn, values: [default]}]}`
	checkCilium(t, []flowCase{
		{"pump", "gateway", "tcp/80", true}, // by the letter, of namespace infusion and cluster default
		{"pacs", "gateway", "tcp/80", true}, // by the letter, of cluster default
		{"pacs-east", "gateway", "tcp/80", true},
		{"internet", "gateway", "tcp/80", true},
		{"archive6", "gateway", "tcp/80", true},
		{"node", "gateway", "tcp/80", true},
	}, peerPolicy(negatives), "kind: CiliumCIDRGroup\nmetadata: {name: some}\nspec: {externalCIDRs: [fd20::/64]}")
}

func TestAPodLabelNamedLikeAReservedOneConfusesCilium(t *testing.T) {
	notInAGroup := egressPolicy("deny", "egressDeny", `toCIDRSet: [{cidrGroupSelector: {matchExpressions: [`+
		`{key: io.cilium.policy.cidrgroupname/none, operator: DoesNotExist}]}}]`)
	entity := func(name string) string {
		return egressPolicy("deny", "egressDeny", `toEntities: [`+name+`]`)
	}
	t.Run("as a peer", func(t *testing.T) {
		cases := map[string]struct {
			key, deny string
			allowed   bool
		}{
			"an entity host is not such a pod":         {"host", entity("host"), true},
			"an entity world is not such a pod":        {"world", entity("world"), true},
			"a prefix rule takes no ordinary pod":      {"app", notInAGroup, true},
			"a prefix rule takes a pod labelled world": {"world", notInAGroup, false},
		}
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				checkOdd(t, tc.key, "gateway", "odd", tc.allowed, allowAlls["a CiliumNetworkPolicy of entities"], tc.deny)
			})
		}
	})
	t.Run("as a subject", func(t *testing.T) {
		for key, allowed := range map[string]bool{"app": false, "world": false, "init": false, "host": true} {
			t.Run(key, func(t *testing.T) {
				checkOdd(t, key, "guest", "odd", allowed, baseline)
				checkOdd(t, key, "odd", "internet", allowed, baseline)
			})
		}
	})
}

// checkOdd judges a flow to or from a pod of the infusion namespace that has a
// label of the key.
func checkOdd(t *testing.T, key, from, to string, allowed bool, manifests ...string) {
	t.Helper()
	w := hospitalWorld(t, manifests...)
	endpoints := hospital()
	endpoints["odd"] = podEndpoint("infusion/odd "+key+"=", 50)
	w.Endpoints = append(w.Endpoints, endpoints["odd"])
	j, err := Cilium(w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Allowed(endpoints[from], endpoints[to], service(t, "tcp/80"))
	if err != nil || got != allowed {
		t.Errorf("%s > %s: allowed = %t, %v, want %t", from, to, got, err, allowed)
	}
}

func TestTheEgressRulesOfAnIngressNetworkPolicyCountForCiliumAlone(t *testing.T) {
	const policy = `
kind: NetworkPolicy
metadata: {name: odd, namespace: infusion}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress: [{to: [{podSelector: {}}]}]
`
	flows := func(allowed bool) []flowCase {
		return []flowCase{
			{"gateway", "guest", "tcp/80", allowed},
			{"guest", "gateway", "tcp/80", false},
		}
	}
	checkCilium(t, flows(false), policy)
	checkCyclonus(t, flows(true), policy)
}

func TestNamedPortsAreThoseOfTheDestination(t *testing.T) {
	named := podEndpoint("pacs/named app=named", 60)
	named.NamedPorts = []NamedPort{{Name: "dicom", Protocol: "TCP", Port: 104}}
	other := podEndpoint("pacs/other app=named", 61)
	other.NamedPorts = []NamedPort{{Name: "dicom", Protocol: "TCP", Port: 11112}}
	w := hospitalWorld(t, `
kind: NetworkPolicy
metadata: {name: to-dicom, namespace: infusion}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{namespaceSelector: {}}], ports: [{port: dicom}]}]
---
kind: NetworkPolicy
metadata: {name: from-anywhere, namespace: pacs}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{ports: [{port: dicom}]}]
`)
	w.Endpoints = append(w.Endpoints, named, other)
	for name, j := range judges(t, w) {
		for _, tc := range []struct {
			to      Endpoint
			port    string
			allowed bool
		}{{named, "tcp/104", true}, {named, "tcp/11112", false}, {other, "tcp/11112", true}, {other, "tcp/104", false}} {
			got, err := j.Allowed(hospital()["gateway"], tc.to, service(t, tc.port))
			if err != nil || got != tc.allowed {
				t.Errorf("%s: gateway > %s %s: allowed = %t, %v, want %t", name, tc.to, tc.port, got, err, tc.allowed)
			}
		}
	}
}
