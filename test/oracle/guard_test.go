package oracle

import (
	"maps"
	"slices"
	"testing"
)

// conduits are the allows and groups of a small zone: the gateway is its
// device, reached by the EHR, and reaches the PACS, an archive, a vendor's
// name and the cluster DNS.
const conduits = `
kind: CiliumCIDRGroup
metadata: {name: archives}
spec: {externalCIDRs: [10.20.0.0/24, "fd20::/64"]}
---
kind: CiliumNetworkPolicy
metadata: {name: medfence-gateway, namespace: infusion}
spec:
  endpointSelector: {matchLabels: {app: gateway}}
  enableDefaultDeny: {ingress: false, egress: false}
  ingress:
  - fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": ehr, app: ehr}}]
    toPorts: [{ports: [{port: "2575", protocol: TCP}]}]
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs, app: pacs}}]
    toPorts: [{ports: [{port: "104", protocol: TCP}]}]
  - toCIDRSet: [{cidrGroupRef: archives}]
    toPorts: [{ports: [{port: "11112", protocol: TCP}]}]
  - toFQDNs: [{matchName: updates.vendor.example}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
    toPorts: [{ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchPattern: "*"}]}}]
`

// guard is the form that DESIGN.md gives for this zone, with health among the
// entities.
const guard = `
kind: CiliumClusterwideNetworkPolicy
metadata: {name: medfence-guard-infusion}
specs:
- description: pods that no device selects
  endpointSelector:
    matchExpressions:
    - {key: "k8s:io.kubernetes.pod.namespace", operator: In, values: [infusion]}
    - {key: app, operator: NotIn, values: [gateway]}
  enableDefaultDeny: {ingress: false, egress: false}
  ingressDeny:
  - fromEndpoints: [{matchExpressions: [{key: "k8s:io.cilium.k8s.policy.cluster", operator: Exists}]}]
  - fromEntities: [world, remote-node, health, ingress, init, unmanaged]
  egressDeny:
  - toEndpoints: [{matchExpressions: [{key: "k8s:io.cilium.k8s.policy.cluster", operator: Exists}]}]
  - toEntities: [world, host, remote-node, kube-apiserver, health, ingress, init, unmanaged]
- description: the gateway
  endpointSelector:
    matchExpressions:
    - {key: "k8s:io.kubernetes.pod.namespace", operator: In, values: [infusion]}
    - {key: app, operator: In, values: [gateway]}
  enableDefaultDeny: {ingress: false, egress: false}
  ingressDeny:
  - fromEndpoints:
    - matchExpressions:
      - {key: "k8s:io.cilium.k8s.policy.cluster", operator: Exists}
      - {key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [ehr]}
    - matchExpressions: [{key: "k8s:io.cilium.k8s.policy.cluster", operator: NotIn, values: [default]}]
    - matchLabels: {"k8s:io.kubernetes.pod.namespace": ehr}
      matchExpressions: [{key: app, operator: NotIn, values: [ehr]}]
  - fromEndpoints: [&ehr {matchLabels: {"k8s:io.kubernetes.pod.namespace": ehr, app: ehr}}]
    toPorts:
    - ports:
      - {port: "1", endPort: 2574, protocol: TCP}
      - {port: "2576", endPort: 65535, protocol: TCP}
      - {port: "0", protocol: UDP}
      - {port: "0", protocol: SCTP}
  - fromEndpoints: [*ehr]
    icmps: &icmp [{fields: [{family: IPv4, type: 0}, {family: IPv6, type: 0}]}]
  - fromEntities: [remote-node, health, ingress, init, unmanaged]
  - fromCIDRSet: [{cidrGroupSelector: {matchExpressions: [{key: io.cilium.policy.cidrgroupname/none, operator: DoesNotExist}]}}]
  egressDeny:
  - toEndpoints:
    - matchExpressions:
      - {key: "k8s:io.cilium.k8s.policy.cluster", operator: Exists}
      - {key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [pacs, kube-system]}
    - matchExpressions: [{key: "k8s:io.cilium.k8s.policy.cluster", operator: NotIn, values: [default]}]
    - matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs}
      matchExpressions: [{key: app, operator: NotIn, values: [pacs]}]
    - matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system}
      matchExpressions: [{key: k8s-app, operator: NotIn, values: [kube-dns]}]
  - toEndpoints: [&pacs {matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs, app: pacs}}]
    toPorts:
    - ports:
      - {port: "1", endPort: 103, protocol: TCP}
      - {port: "105", endPort: 65535, protocol: TCP}
      - {port: "0", protocol: UDP}
      - {port: "0", protocol: SCTP}
  - toEndpoints: [&dns {matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
    toPorts:
    - ports:
      - {port: "1", endPort: 52, protocol: UDP}
      - {port: "54", endPort: 65535, protocol: UDP}
      - {port: "0", protocol: TCP}
      - {port: "0", protocol: SCTP}
  - toEndpoints: [*pacs, *dns]
    icmps: *icmp
  - toEntities: [host, remote-node, kube-apiserver, health, ingress, init, unmanaged]
  - toCIDRSet:
    - cidrGroupSelector:
        matchExpressions:
        - {key: io.cilium.policy.cidrgroupname/archives, operator: DoesNotExist}
        - {key: "fqdn:updates.vendor.example", operator: DoesNotExist}
  - toCIDRSet: &archives [{cidrGroupRef: archives}]
    toPorts:
    - ports:
      - {port: "1", endPort: 11111, protocol: TCP}
      - {port: "11113", endPort: 65535, protocol: TCP}
      - {port: "0", protocol: UDP}
      - {port: "0", protocol: SCTP}
  - toCIDRSet: *archives
    icmps: *icmp
  - toCIDRSet: &vendor [{cidrGroupSelector: {matchExpressions: [{key: "fqdn:updates.vendor.example", operator: Exists}]}}]
    toPorts:
    - ports:
      - {port: "1", endPort: 442, protocol: TCP}
      - {port: "444", endPort: 65535, protocol: TCP}
      - {port: "0", protocol: UDP}
      - {port: "0", protocol: SCTP}
  - toCIDRSet: *vendor
    icmps: *icmp
`

// permitted are the flows of the conduits; the host's to its pods come on top.
var permitted = map[string]bool{
	"ehr > gateway tcp/2575":       true,
	"gateway > pacs tcp/104":       true,
	"gateway > archive tcp/11112":  true,
	"gateway > archive6 tcp/11112": true,
	"gateway > vendor tcp/443":     true,
	"gateway > dns udp/53":         true,
}

// services are every permitted port, its neighbours and its twins in other
// protocols.
var services = []string{
	"tcp/1", "tcp/53", "tcp/80", "tcp/103", "tcp/104", "tcp/105", "tcp/443", "tcp/444", "tcp/2575", "tcp/2576",
	"tcp/11111", "tcp/11112", "tcp/65535", "udp/53", "udp/54", "udp/104", "udp/443", "sctp/104", "sctp/2575",
	"icmp/0", "icmp/8", "icmp/13", "icmp/128",
}

// adversaries are policies of another team beyond the allowAlls, which aim at
// what a guard leaves open.
var adversaries = map[string]string{
	"prefixes inside our group": egressPolicy("theirs", "egress", `toCIDR: [10.20.0.5/32, 10.20.0.4/31, "fd20::/96"]`),
	"the peers on every port": egressPolicy("theirs", "egress",
		`toEndpoints: [{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: In, values: [pacs, kube-system]}]}]`),
	"every name": egressPolicy("theirs", "egress", `toFQDNs: [{matchPattern: "**.example"}, {matchPattern: "*"}]`),
	"every group": group("theirs", "10.20.0.5/32", "203.0.113.0/24", "::/0") + "---" + egressPolicy("theirs", "egress",
		`toCIDRSet: [{cidrGroupSelector: {matchExpressions: [{key: io.cilium.policy.cidrgroupname/none, operator: DoesNotExist}]}}]`),
	"every kind of ICMP": egressPolicy("theirs", "egress",
		`icmps: [{fields: [{family: IPv4, type: 0}, {family: IPv6, type: 0}]}]`),
}

func TestTheGuardKeepsAZoneAsItIsUnderAnyAllowAll(t *testing.T) {
	others := maps.Clone(allowAlls)
	maps.Copy(others, adversaries)
	others["no other policy"] = ""
	for name, policy := range others {
		t.Run(name, func(t *testing.T) {
			manifests := []string{baseline, baselineByName, conduits, guard}
			if policy != "" {
				manifests = append(manifests, policy)
			}
			for _, tc := range zoneFlows(t, manifests...) {
				t.Errorf("%s > %s %s: allowed = %t, want %t", tc.from, tc.to, tc.service, tc.allowed, !tc.allowed)
			}
		})
	}
}

func TestTheGuardSparesCiliumsHealthEndpoint(t *testing.T) {
	checkCilium(t, []flowCase{
		{"node", "health", "tcp/4240", true},
		{"health", "node", "tcp/4240", true},
	}, baseline, baselineByName, conduits, guard)
}

func TestAGuardThatDoesNotNameHealthLeavesTheHealthEndpointOpen(t *testing.T) {
	forgetful := replace(guard, "health, ", "")
	wrong := zoneFlows(t, baseline, baselineByName, conduits, forgetful, allowAlls["a NetworkPolicy"])
	if len(wrong) == 0 {
		t.Error("nothing is open")
	}
	for _, tc := range wrong {
		if tc.from != "health" && tc.to != "health" {
			t.Errorf("%s > %s %s is open too", tc.from, tc.to, tc.service)
		}
	}
}

func TestWithoutTheGuardAnAllowAllOpensTheZone(t *testing.T) {
	for name, policy := range allowAlls {
		if wrong := zoneFlows(t, baseline, baselineByName, conduits, policy); len(wrong) < 1000 {
			t.Errorf("%s opens only %d flows", name, len(wrong))
		}
	}
}

func TestAMoatKeepsPodsOfNobodysZoneFromTheDevicesAddresses(t *testing.T) {
	const moat = `
kind: CiliumClusterwideNetworkPolicy
metadata: {name: medfence-moat}
spec:
  endpointSelector: {matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [pacs]}]}
  enableDefaultDeny: {ingress: false, egress: false}
  ingressDeny: [{fromCIDRSet: [{cidrGroupRef: archives}]}]
  egressDeny: [{toCIDRSet: [{cidrGroupRef: archives}]}]
`
	checkCilium(t, []flowCase{
		{"guest", "archive", "tcp/104", false},
		{"guest", "archive6", "icmp/128", false},
		{"archive", "guest", "tcp/104", false},
		{"guest", "internet", "tcp/104", true},
		{"guest", "ehr", "tcp/104", true},
		{"pacs", "archive", "tcp/104", true},
		{"archive", "pacs", "tcp/104", true},
	}, moat, group("archives", "10.20.0.0/24", "fd20::/64"), egressPolicy("theirs", "egress", "toCIDR: [10.20.0.5/32]"))
}

// zoneFlows returns the flows to and from the zone's pods that are judged
// otherwise than the conduits say.
func zoneFlows(t *testing.T, manifests ...string) []flowCase {
	t.Helper()
	j, err := Cilium(hospitalWorld(t, manifests...))
	if err != nil {
		t.Fatal(err)
	}
	endpoints := hospital()
	names := slices.Sorted(maps.Keys(endpoints))
	var wrong []flowCase
	for _, from := range names {
		for _, to := range names {
			if from == to || !inZone(endpoints[from]) && !inZone(endpoints[to]) {
				continue
			}
			for _, tc := range judged(t, j, from, to) {
				if tc.allowed != (permitted[tc.from+" > "+tc.to+" "+tc.service] || from == "host") {
					wrong = append(wrong, tc)
				}
			}
		}
	}
	return wrong
}

// judged returns what the judge says of every service between two endpoints.
func judged(t *testing.T, j judge, from, to string) []flowCase {
	t.Helper()
	endpoints := hospital()
	var out []flowCase
	for _, text := range services {
		allowed, err := j.Allowed(endpoints[from], endpoints[to], service(t, text))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, flowCase{from, to, text, allowed})
	}
	return out
}

func inZone(e Endpoint) bool { return e.Kind == Pod && e.Namespace == "infusion" }
