package oracle

import "testing"

// The policies that the facts are tried with. baseline is what Medfence writes
// for a namespace of a zone on any network plugin.
const (
	baseline = `
kind: NetworkPolicy
metadata: {name: medfence-baseline, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`
	denyGuests = `
kind: CiliumClusterwideNetworkPolicy
metadata: {name: deny-guests}
spec:
  endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": infusion}}
  enableDefaultDeny: {ingress: false, egress: false}
  ingressDeny:
  - fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": guests}}]
`
)

// allowAlls is what another team may add, by its kind.
var allowAlls = map[string]string{
	"a NetworkPolicy": `
kind: NetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
`,
	"a CiliumNetworkPolicy of entities": `
kind: CiliumNetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec:
  endpointSelector: {}
  ingress: [{fromEntities: [all]}]
  egress: [{toEntities: [all]}]
`,
	"a CiliumNetworkPolicy of entities one by one": `
kind: CiliumNetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec:
  endpointSelector: {}
  ingress: [{fromEntities: [world, cluster, host, remote-node, kube-apiserver]}]
  egress: [{toEntities: [world, cluster, host, remote-node, kube-apiserver]}]
`,
	"a CiliumClusterwideNetworkPolicy of pods and prefixes": `
kind: CiliumClusterwideNetworkPolicy
metadata: {name: allow-all}
spec:
  endpointSelector: {}
  ingress: [{fromEndpoints: [{}]}, {fromCIDR: [0.0.0.0/0, "::/0"]}]
  egress: [{toEndpoints: [{}]}, {toCIDR: [0.0.0.0/0, "::/0"]}]
`,
	"a CiliumNetworkPolicy of ports alone": `
kind: CiliumNetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec:
  endpointSelector: {}
  ingress: [{toPorts: [{ports: [{port: "0", protocol: ANY}]}]}]
  egress: [{toPorts: [{ports: [{port: "0", protocol: ANY}]}]}]
`,
}

func TestAnotherTeamsAllowAllOpensABaseline(t *testing.T) {
	closed := []flowCase{
		{"guest", "gateway", "tcp/80", false},
		{"internet", "gateway", "tcp/80", false},
		{"gateway", "guest", "tcp/80", false},
		{"gateway", "internet", "tcp/80", false},
		{"gateway", "pump", "tcp/80", false},
	}
	checkCilium(t, closed, baseline)
	for name, policy := range allowAlls {
		t.Run(name, func(t *testing.T) {
			var open []flowCase
			for _, tc := range closed {
				tc.allowed = true
				open = append(open, tc)
			}
			checkCilium(t, open, baseline, policy)
		})
	}
}

func TestADenyRuleSurvivesEveryAllowAll(t *testing.T) {
	for name, policy := range allowAlls {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, []flowCase{
				{"guest", "gateway", "tcp/80", false},
				{"guest", "pump", "udp/53", false},
				{"guest", "pump", "icmp/8", false},
				{"pacs", "gateway", "tcp/80", true},
			}, baseline, denyGuests, policy)
		})
	}
}

func TestADenyBeatsAnAllowHoweverExactTheAllow(t *testing.T) {
	cases := map[string]struct {
		allow, deny string
		flows       []flowCase
	}{
		"a longer prefix": {
			allow: `toCIDR: [10.20.0.5/32]`,
			deny:  `toCIDR: [10.20.0.0/16]`,
			flows: []flowCase{{"gateway", "archive", "tcp/80", false}, {"gateway", "printer", "tcp/80", false}},
		},
		"a shorter prefix": {
			allow: `toCIDR: [10.20.0.0/16]`,
			deny:  `toCIDR: [10.20.0.5/32]`,
			flows: []flowCase{{"gateway", "archive", "tcp/80", false}, {"gateway", "printer", "tcp/80", true}},
		},
		"a pod's own labels": {
			allow: `toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs, app: pacs}}]`,
			deny:  `toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs}}]`,
			flows: []flowCase{{"gateway", "pacs", "tcp/80", false}},
		},
		"one port": {
			allow: `{toCIDR: [10.20.0.5/32], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}`,
			deny:  `toEntities: [all]`,
			flows: []flowCase{{"gateway", "archive", "tcp/80", false}},
		},
		"one port within a denied range": {
			allow: `{toCIDR: [10.20.0.5/32], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}`,
			deny:  `{toCIDR: [10.20.0.0/16], toPorts: [{ports: [{port: "1", endPort: 1023, protocol: TCP}]}]}`,
			flows: []flowCase{{"gateway", "archive", "tcp/80", false}},
		},
		"every port, where one is denied": {
			allow: `toEntities: [all]`,
			deny:  `{toCIDR: [10.20.0.0/16], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}`,
			flows: []flowCase{{"gateway", "archive", "tcp/80", false}, {"gateway", "archive", "tcp/81", true}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, tc.flows, egressPolicy("allow", "egress", tc.allow), egressPolicy("deny", "egressDeny", tc.deny))
		})
	}
}

// egressPolicy is a policy of the gateway with one rule, in flow or block
// style.
func egressPolicy(name, field, rule string) string {
	if rule[0] != '{' {
		rule = "{" + rule + "}"
	}
	return `
kind: CiliumNetworkPolicy
metadata: {name: ` + name + `, namespace: infusion}
spec:
  endpointSelector: {matchLabels: {app: gateway}}
  ` + field + `: [` + rule + `]
`
}

func TestAnAdminClusterNetworkPolicyOverridesADeny(t *testing.T) {
	admin := `
kind: ClusterNetworkPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress: [{name: all, action: Accept, from: [{namespaces: {}}]}]
`
	checkCilium(t, []flowCase{
		{"guest", "gateway", "tcp/80", true},
		{"internet", "gateway", "tcp/80", false},
	}, baseline, denyGuests, admin)
}

func TestAnAllowNetworkPolicyIsolatesThePodFromAllElse(t *testing.T) {
	checkCilium(t, []flowCase{
		{"pacs", "gateway", "tcp/104", true},
		{"pacs", "gateway", "tcp/105", false},
		{"ehr", "gateway", "tcp/104", false},
		{"pacs", "pump", "tcp/105", true},
		{"gateway", "ehr", "tcp/80", true},
	}, `
kind: NetworkPolicy
metadata: {name: allow-pacs, namespace: infusion}
spec:
  podSelector: {matchLabels: {app: gateway}}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pacs}}}], ports: [{port: 104}]}]
`)
}

func TestADenyRuleSwitchesDefaultDenyOnUnlessToldNot(t *testing.T) {
	deny := `
kind: CiliumNetworkPolicy
metadata: {name: deny, namespace: infusion}
spec:
  endpointSelector: {}
  DEFAULT
  ingressDeny: [{fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": guests}}]}]
`
	cases := map[string]struct {
		defaultDeny string
		others      bool
	}{
		"unsaid":             {"description: unsaid", false},
		"true for both":      {"enableDefaultDeny: {ingress: true, egress: true}", false},
		"false":              {"enableDefaultDeny: {ingress: false, egress: false}", true},
		"false for egress":   {"enableDefaultDeny: {egress: false}", false},
		"false, egress left": {"enableDefaultDeny: {ingress: false}", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, []flowCase{
				{"guest", "gateway", "tcp/80", false},
				{"pacs", "gateway", "tcp/80", tc.others},
				{"gateway", "pacs", "tcp/80", true}, // a direction without a rule stays open, even by an explicit true
			}, replace(deny, "DEFAULT", tc.defaultDeny))
		})
	}
}

func TestAnAllowWithoutDefaultDenyOpensABaselineAndClosesNothing(t *testing.T) {
	allow := `
kind: CiliumNetworkPolicy
metadata: {name: allow, namespace: infusion}
spec:
  endpointSelector: {matchLabels: {app: gateway}}
  enableDefaultDeny: {ingress: false, egress: false}
  ingress:
  - fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs}}]
    toPorts: [{ports: [{port: "104", protocol: TCP}]}]
`
	checkCilium(t, []flowCase{
		{"pacs", "gateway", "tcp/104", true},
		{"pacs", "gateway", "tcp/105", true},
		{"internet", "gateway", "tcp/80", true},
		{"gateway", "internet", "tcp/80", true},
	}, allow)
	checkCilium(t, []flowCase{
		{"pacs", "gateway", "tcp/104", true},
		{"pacs", "gateway", "tcp/105", false},
		{"pacs", "pump", "tcp/104", false},
		{"internet", "gateway", "tcp/80", false},
		{"gateway", "internet", "tcp/80", false},
	}, allow, baseline)
}

func TestABaselineByNamespaceNameClosesANamespaceThatHasNoOtherPolicy(t *testing.T) {
	checkCilium(t, []flowCase{
		{"guest", "gateway", "tcp/80", false},
		{"guest", "pump", "tcp/80", false},
		{"guest", "bare", "tcp/80", false},
		{"gateway", "pump", "tcp/80", false},
		{"gateway", "internet", "tcp/80", false},
		{"gateway", "dns", "udp/53", false},
		{"internet6", "gateway", "tcp/80", false},
		{"node", "gateway", "tcp/80", false},
		{"host", "gateway", "tcp/80", true},
		{"guest", "ehr", "tcp/80", true},
	}, baselineByName)
}
