package oracle

import (
	"encoding/json"
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestAnEmptyPeerListMeansEveryoneOnTheWire(t *testing.T) {
	port := api.PortRules{{Ports: []api.PortProtocol{{Port: "80", Protocol: api.ProtoTCP}}}}
	ingress := func(rule api.IngressRule) client.Object {
		cnp := decodeTyped(t, egressPolicy("trap", "ingress", "{}")).(*ciliumv2.CiliumNetworkPolicy)
		cnp.Spec.Ingress = []api.IngressRule{rule}
		return cnp
	}
	noEndpoints := api.IngressCommonRule{FromEndpoints: []api.EndpointSelector{}}
	noPrefixes := api.IngressCommonRule{FromCIDR: api.CIDRSlice{}}
	noGroups := api.IngressCommonRule{FromCIDRSet: api.CIDRRuleSlice{}}
	noEntities := api.IngressCommonRule{FromEntities: api.EntitySlice{}}
	netpol := func(rule networkingv1.NetworkPolicyIngressRule) client.Object {
		np := decodeTyped(t, baseline).(*networkingv1.NetworkPolicy)
		np.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{rule}
		return np
	}
	http := []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt32(80))}}
	noPeers := []networkingv1.NetworkPolicyPeer{}
	cases := map[string]struct {
		policy          client.Object
		port80, another bool
	}{
		"an empty fromEndpoints with ports":      {ingress(api.IngressRule{IngressCommonRule: noEndpoints, ToPorts: port}), true, false},
		"an empty fromCIDR with ports":           {ingress(api.IngressRule{IngressCommonRule: noPrefixes, ToPorts: port}), true, false},
		"an empty fromCIDRSet with ports":        {ingress(api.IngressRule{IngressCommonRule: noGroups, ToPorts: port}), false, false},
		"an empty fromEntities with ports":       {ingress(api.IngressRule{IngressCommonRule: noEntities, ToPorts: port}), true, false},
		"ports alone":                            {ingress(api.IngressRule{ToPorts: port}), true, false},
		"an empty fromEndpoints without ports":   {ingress(api.IngressRule{IngressCommonRule: noEndpoints}), false, false},
		"an empty rule":                          {ingress(api.IngressRule{}), false, false},
		"an empty from of a NetworkPolicy":       {netpol(networkingv1.NetworkPolicyIngressRule{From: noPeers}), true, true},
		"an empty from of a NetworkPolicy, port": {netpol(networkingv1.NetworkPolicyIngressRule{From: noPeers, Ports: http}), true, false},
		"an empty rule of a NetworkPolicy":       {netpol(networkingv1.NetworkPolicyIngressRule{}), true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := hospitalWorld(t)
			w.Policies = []client.Object{tc.policy}
			j, err := Cilium(w)
			if err != nil {
				t.Fatal(err)
			}
			checkFlows(t, j, []flowCase{
				{"guest", "gateway", "tcp/80", tc.port80},
				{"internet", "gateway", "tcp/80", tc.port80},
				{"guest", "gateway", "tcp/81", tc.another},
			})
		})
	}
}

func TestAnEmptyPeerListWrittenByHandMeansNobodySaveForNames(t *testing.T) {
	const port = `toPorts: [{ports: [{port: "80", protocol: TCP}]}]`
	cases := map[string]struct {
		peers   string
		allowed bool
	}{
		"pods":     {"toEndpoints: []", false},
		"prefixes": {"toCIDR: []", false},
		"groups":   {"toCIDRSet: []", false},
		"entities": {"toEntities: []", false},
		"names":    {"toFQDNs: []", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, []flowCase{
				{"gateway", "guest", "tcp/80", tc.allowed},
				{"gateway", "guest", "tcp/81", false},
			}, egressPolicy("hand", "egress", "{"+tc.peers+", "+port+"}"))
		})
	}
}

func TestWhatTheAgentRefuses(t *testing.T) {
	ports := func(n int) string {
		return `toPorts: [{ports: [` + strings.Repeat(`{port: "80", protocol: TCP}, `, n) + `]}]`
	}
	cases := map[string]struct {
		rule string
		want string
	}{
		"41 ports":                    {ports(41), "too many ports, the max is 40"},
		"icmps beside ports":          {`icmps: [{fields: [{type: 8}]}], ` + ports(1), "may only be present without ToPorts"},
		"pods beside prefixes":        {`toEndpoints: [{}], toCIDR: [10.0.0.0/8]`, "combining"},
		"entities beside prefixes":    {`toEntities: [world], toCIDR: [10.0.0.0/8]`, "combining"},
		"names beside pods":           {`toFQDNs: [{matchName: a.example}], toEndpoints: [{}]`, "combining"},
		"NotIn nothing":               {`toEndpoints: [{matchExpressions: [{key: app, operator: NotIn, values: []}]}]`, "must be specified when `operator` is 'In' or 'NotIn'"},
		"nodes by label":              {`toNodes: [{}]`, "enable-node-selector-labels"},
		"a prefix wider than its own": {`toCIDRSet: [{cidr: 10.20.0.0/16, except: [10.0.0.0/8]}]`, "does not contain"},
		"a group and a prefix":        {`toCIDRSet: [{cidr: 10.20.0.0/16, cidrGroupRef: archives}]`, "more than one of"},
		"an entity by another name":   {`toEntities: [everyone]`, "unsupported entity"},
		"a service":                   {`toServices: [{k8sService: {serviceName: pacs}}]`, "not judged"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Cilium(hospitalWorld(t, egressPolicy("refused", "egress", "{"+tc.rule+"}")))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := Cilium(hospitalWorld(t, egressPolicy("accepted", "egress", "{"+ports(40)+"}"))); err != nil {
		t.Errorf("40 ports: %v", err)
	}
}

func TestSanitizeMutatesWhatItChecks(t *testing.T) {
	cnp := decodeTyped(t, egressPolicy("allow", "egress", `toEndpoints: [{matchLabels: {app: pacs}}]`)).(*ciliumv2.CiliumNetworkPolicy)
	before, err := json.Marshal(cnp)
	if err != nil {
		t.Fatal(err)
	}
	if err := cnp.Spec.Sanitize(); err != nil {
		t.Fatal(err)
	}
	after, err := json.Marshal(cnp)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) == string(after) {
		t.Errorf("Sanitize left %s as it was", before)
	}
}

func TestEqualityOfCiliumPoliciesIgnoresLabels(t *testing.T) {
	one := decodeTyped(t, egressPolicy("allow", "egress", `toEntities: [all]`)).(*ciliumv2.CiliumNetworkPolicy)
	other := one.DeepCopy()
	other.Labels = map[string]string{"medfence.io/zone": "infusion"}
	if !one.DeepEqual(other) {
		t.Error("DeepEqual sees labels")
	}
}

func TestAnICMPFieldWithoutATypePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	var field api.ICMPField
	_ = json.Unmarshal([]byte(`{"family": "IPv4"}`), &field)
}

func TestICMPIsJudgedByTypeAndFamily(t *testing.T) {
	cases := map[string]struct {
		rule  string
		flows []flowCase
	}{
		"one type": {`icmps: [{fields: [{family: IPv4, type: 8}]}]`, []flowCase{
			{"gateway", "internet", "icmp/8", true},
			{"gateway", "internet", "icmp/13", false},
			{"gateway", "internet", "icmp/0", false},
			{"gateway", "internet6", "icmp/8", false},
			{"gateway", "internet", "tcp/8", false},
		}},
		"one type of IPv6": {`icmps: [{fields: [{family: IPv6, type: 128}]}]`, []flowCase{
			{"gateway", "internet6", "icmp/128", true},
			{"gateway", "internet", "icmp/128", false},
		}},
		"type 0 is every type": {`icmps: [{fields: [{family: IPv4, type: 0}]}]`, []flowCase{
			{"gateway", "internet", "icmp/0", true},
			{"gateway", "internet", "icmp/8", true},
			{"gateway", "internet", "icmp/13", true},
			{"gateway", "internet6", "icmp/128", false},
		}},
		"every port of any protocol": {`toPorts: [{ports: [{port: "0", protocol: ANY}]}]`, []flowCase{
			{"gateway", "internet", "tcp/80", true},
			{"gateway", "internet", "sctp/80", true},
			{"gateway", "internet", "icmp/8", false},
		}},
		"one port of any protocol": {`toPorts: [{ports: [{port: "80", protocol: ANY}]}]`, []flowCase{
			{"gateway", "internet", "tcp/80", true},
			{"gateway", "internet", "udp/80", true},
			{"gateway", "internet", "sctp/80", true},
			{"gateway", "internet", "icmp/80", false},
		}},
		"every port of TCP": {`toPorts: [{ports: [{port: "0", protocol: TCP}]}]`, []flowCase{
			{"gateway", "internet", "tcp/80", true},
			{"gateway", "internet", "udp/80", false},
			{"gateway", "internet", "icmp/8", false},
		}},
		"no ports": {`toEntities: [world]`, []flowCase{
			{"gateway", "internet", "icmp/8", true},
			{"gateway", "internet", "sctp/80", true},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, tc.flows, egressPolicy("icmp", "egress", tc.rule))
		})
	}
}

func TestRulesOfLayer7AreJudgedByTheirPorts(t *testing.T) {
	cases := map[string]struct {
		rule  string
		flows []flowCase
	}{
		"http": {`{toEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET, path: "/studies"}]}}]}`,
			[]flowCase{{"gateway", "internet", "tcp/80", true}, {"gateway", "internet", "tcp/81", false}}},
		"dns": {`{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system}}], ` +
			`toPorts: [{ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchName: updates.vendor.example}]}}]}`,
			[]flowCase{{"gateway", "dns", "udp/53", true}, {"gateway", "dns", "tcp/53", false}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkCilium(t, tc.flows, egressPolicy("l7", "egress", tc.rule)) })
	}
}

func TestANameIsTheAddressesThatItHasResolvedTo(t *testing.T) {
	for rule, allowed := range map[string]bool{
		`toFQDNs: [{matchName: updates.vendor.example}]`:                          true,
		`toFQDNs: [{matchName: UPDATES.vendor.example.}]`:                         true,
		`toFQDNs: [{matchName: vendor.example}]`:                                  false,
		`toFQDNs: [{matchPattern: "*.vendor.example"}]`:                           true,
		`toFQDNs: [{matchPattern: "*.example"}]`:                                  false,
		`toFQDNs: [{matchPattern: "**.example"}]`:                                 true,
		`toFQDNs: [{matchPattern: "updates*"}]`:                                   false,
		`toFQDNs: [{matchPattern: "*"}]`:                                          true,
		`toFQDNs: [{matchName: a.example}, {matchPattern: "up*.vendor.example"}]`: true,
	} {
		t.Run(rule, func(t *testing.T) {
			checkCilium(t, []flowCase{
				{"gateway", "vendor", "tcp/443", allowed},
				{"gateway", "internet", "tcp/443", false},
			}, egressPolicy("name", "egress", rule))
		})
	}
}
