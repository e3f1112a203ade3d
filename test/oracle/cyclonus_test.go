package oracle

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestCyclonusJudgesNetworkPolicies(t *testing.T) {
	gateway := func(spec string) string {
		return "kind: NetworkPolicy\nmetadata: {name: gateway, namespace: infusion}\nspec: {podSelector: {matchLabels: {app: gateway}}, " + spec + "}"
	}
	cases := map[string]struct {
		manifests []string
		flows     []flowCase
	}{
		"without a policy everything passes": {nil, []flowCase{
			{"guest", "gateway", "tcp/80", true},
			{"gateway", "internet", "udp/53", true},
		}},
		"a baseline closes both ways, save from the node": {[]string{baseline}, []flowCase{
			{"guest", "gateway", "tcp/80", false},
			{"gateway", "pump", "tcp/80", false},
			{"gateway", "internet", "tcp/80", false},
			{"internet", "gateway", "tcp/80", false},
			{"node", "gateway", "tcp/80", false},
			{"host", "gateway", "tcp/80", true},
			{"guest", "ehr", "tcp/80", true},
		}},
		"allows add up": {[]string{baseline, allowAlls["a NetworkPolicy"]}, []flowCase{
			{"guest", "gateway", "tcp/80", true},
			{"gateway", "internet", "tcp/80", true},
		}},
		"a peer by the name of its namespace": {[]string{gateway(`policyTypes: [Ingress], ingress: [{` +
			`from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pacs}}, podSelector: {matchLabels: {app: pacs}}}], ` +
			`ports: [{port: 104}]}]`)}, []flowCase{
			{"pacs", "gateway", "tcp/104", true},
			{"pacs", "gateway", "udp/104", false},
			{"pacs", "gateway", "tcp/105", false},
			{"pacsdb", "gateway", "tcp/104", false},
			{"pacs", "pump", "tcp/105", true},
		}},
		"an ipBlock matches pods and nodes too": {[]string{gateway(`policyTypes: [Egress], egress: [{` +
			`to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.20.0.0/24]}}]}]`)}, []flowCase{
			{"gateway", "printer", "tcp/80", true},
			{"gateway", "archive", "tcp/80", false},
			{"gateway", "guest", "tcp/80", true},
			{"gateway", "node", "tcp/80", true},
			{"gateway", "archive6", "tcp/80", false},
		}},
		"a range of ports": {[]string{gateway(`policyTypes: [Egress], egress: [{ports: [{protocol: UDP, port: 5000, endPort: 5010}]}]`)}, []flowCase{
			{"gateway", "guest", "udp/5000", true},
			{"gateway", "guest", "udp/5010", true},
			{"gateway", "guest", "udp/5011", false},
			{"gateway", "guest", "tcp/5005", false},
		}},
		"an empty from is everyone": {[]string{gateway(`policyTypes: [Ingress], ingress: [{from: []}]`)}, []flowCase{
			{"guest", "gateway", "tcp/80", true},
			{"internet", "gateway", "tcp/80", true},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkCyclonus(t, tc.flows, tc.manifests...) })
	}
}

func TestTypesThatAreNotWrittenAreIngressAndEgressWhereItHasRules(t *testing.T) {
	const untyped = `
kind: NetworkPolicy
metadata: {name: untyped, namespace: infusion}
spec: {podSelector: {}, egress: [{to: [{podSelector: {}}]}]}
`
	flows := []flowCase{
		{"guest", "gateway", "tcp/80", false},
		{"gateway", "guest", "tcp/80", false},
	}
	checkCyclonus(t, flows, untyped)
	checkCilium(t, flows, untyped)
}

func TestAJudgeRefusesAWorldThatItWouldMisjudge(t *testing.T) {
	const notIn = `
kind: NetworkPolicy
metadata: {name: others, namespace: infusion}
spec: {podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [pump]}]}, policyTypes: [Ingress]}
`
	cyclonus := func(w World) error { _, err := Cyclonus(w); return err }
	cilium := func(w World) error { _, err := Cilium(w); return err }
	named := func(e Endpoint) World {
		return World{Endpoints: []Endpoint{podEndpoint("infusion/pump app=pump", 1), e}}
	}
	cases := map[string]struct {
		judge func(World) error
		world World
		want  string
	}{
		"NotIn":                         {cyclonus, hospitalWorld(t, notIn), "misjudges NotIn"},
		"a Cilium policy":               {cyclonus, hospitalWorld(t, guard), "cannot judge CiliumClusterwideNetworkPolicy/medfence-guard-infusion"},
		"a pod without a namespace":     {cilium, named(Endpoint{Name: "nowhere"}), "needs a namespace and a name"},
		"two pods of one name":          {cilium, named(podEndpoint("infusion/pump app=other", 2)), "two pods are called infusion/pump"},
		"two policies of one name":      {cilium, hospitalWorld(t, baseline, baseline), "two objects of this name"},
		"an object that is no policy":   {cilium, World{Policies: []client.Object{&corev1.Service{}}}, "not judged"},
		"a rule about a Service's pods": {cilium, hospitalWorld(t, egressPolicy("svc", "egress", "toServices: [{}]")), "toServices"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := tc.judge(tc.world); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestAFlowThatCannotBeJudgedIsAnError(t *testing.T) {
	endpoints := hospital()
	endpoints["stranger"] = podEndpoint("infusion/stranger", 99)
	endpoints["nameless"] = Endpoint{Kind: Address}
	both := judges(t, hospitalWorld(t, baseline))
	cases := map[string]struct{ judge, from, to, service, want string }{
		"a pod that is not of the world": {"cilium", "stranger", "gateway", "tcp/80", "the world has no pod"},
		"an address without an address":  {"cilium", "gateway", "nameless", "tcp/80", "needs an address"},
		"the wrong family":               {"cilium", "archive", "archive6", "tcp/80", "needs an address"},
		"no port":                        {"cilium", "gateway", "pump", "tcp/0", "no port"},
		"no such protocol":               {"cilium", "gateway", "pump", "gre/1", "unknown protocol"},
		"a pod and its own node":         {"cyclonus", "gateway", "host", "tcp/80", "plugins differ"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := both[tc.judge].Allowed(endpoints[tc.from], endpoints[tc.to], service(t, tc.service))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
