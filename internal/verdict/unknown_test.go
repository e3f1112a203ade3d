package verdict_test

import (
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/verdict"
)

// TestWhatIsNotUnderstoodIsNeverIgnored: each object makes Unknown what it may
// decide, and nothing else; the reason says what is not understood.
func TestWhatIsNotUnderstoodIsNeverIgnored(t *testing.T) {
	t.Parallel()
	const (
		here, elsewhere = "gateway > guest TCP/1", "guest > pacs TCP/1"
	)
	cilium := func(spec string) string {
		return "kind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {endpointSelector: {}, " + spec + "}\n"
	}
	cases := map[string]struct {
		object string
		reason string
		// everywhere is true where the object may be about any pod.
		everywhere bool
	}{
		"a field of a rule":              {cilium(`egress: [{toEndpoints: [{}], toMoon: [a]}]`), "toMoon", false},
		"a field in another case":        {cilium(`egress: [{toendpoints: [{}]}]`), "toendpoints", false},
		"a field of a selector":          {cilium(`egress: [{toEndpoints: [{matchNothing: true}]}]`), "matchNothing", false},
		"a selector in another case":     {cilium(`egress: [{toEndpoints: [{matchlabels: {a: b}}]}]`), "matchlabels", false},
		"an empty unknown field":         {cilium(`egress: [{}], tiers: []`), "tiers", false},
		"a field of an ICMP type":        {cilium(`egress: [{icmps: [{fields: [{type: 8, code: 0}]}]}]`), "code", false},
		"an ICMP type that is none":      {cilium(`egress: [{icmps: [{fields: [{family: IPv4}]}]}]`), "has no type", false},
		"a null selector":                {cilium(`egress: [{toEndpoints: [null]}]`), "null", false},
		"a null rule":                    {cilium(`egress: [null]`), "null", false},
		"a field beside the spec":        {"kind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{}]}\npriority: 7\n", "priority", false},
		"no rules":                       {cilium(`description: nothing`), "no rules", false},
		"two kinds of peers":             {cilium(`egress: [{toEndpoints: [{}], toCIDR: [10.0.0.0/8]}]`), "several kinds", false},
		"an entity by another name":      {cilium(`egress: [{toEntities: [everyone]}]`), "everyone", false},
		"a required peer":                {cilium(`egress: [{toRequires: [a]}]`), "requirements", false},
		"a prefix that is none":          {cilium(`egress: [{toCIDR: [10.0.0.0/40]}]`), "no prefix", false},
		"an exception that is outside":   {cilium(`egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]}]`), "does not contain", false},
		"nodes by their labels":          {cilium(`egress: [{toNodes: [{}]}]`), "nodes by labels", false},
		"two values for one label":       {cilium(`egress: [{toEndpoints: [{matchLabels: {app: a, "any:app": b}}]}]`), "two values of app", false},
		"41 ports":                       {cilium(`egress: [{toPorts: [{ports: [` + strings.Repeat(`{port: "1"},`, 41) + `]}]}]`), "more than 40", false},
		"a protocol without ports":       {cilium(`egress: [{toPorts: [{ports: [{port: "0", protocol: GRE}]}]}]`), "GRE", false},
		"a policy that is another's":     {"kind: CiliumClusterwideNetworkPolicy\nmetadata: {name: odd}\nspec: {endpointSelector: {}, egress: [{toMoon: [a]}]}\n", "toMoon", true},
		"another version of Cilium's":    {"apiVersion: cilium.io/v3\nkind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {}\n", "cilium.io/v3", true},
		"a kind that nobody knows":       {"apiVersion: example.org/v1\nkind: Wall\nmetadata: {name: odd}\n", "Wall", true},
		"a ClusterNetworkPolicy":         {"apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: odd}\nspec: {tier: Admin}\n", "ClusterNetworkPolicy", true},
		"an AdminNetworkPolicy":          {"apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: odd}\nspec: {}\n", "AdminNetworkPolicy", true},
		"a field of a NetworkPolicy":     {"kind: NetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {podSelector: {}, egress: [{toEveryone: true}]}\n", "toEveryone", false},
		"a peer of a NetworkPolicy":      {"kind: NetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {podSelector: {}, egress: [{to: [{}]}]}\n", "a peer needs", false},
		"a type of a NetworkPolicy":      {"kind: NetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {podSelector: {}, policyTypes: [Forward]}\n", "Forward", false},
		"a NetworkPolicy of version two": {"apiVersion: networking.k8s.io/v2\nkind: NetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {podSelector: {}}\n", "networking.k8s.io/v2", true},
		"no object at all":               {"kind: Wall\n", "Wall", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := onCilium(t, tc.object)
			v := ask(t, j, here)
			if v.Decision != verdict.Unknown || !strings.Contains(texts(v), tc.reason) {
				t.Errorf("%s: %s, want Unknown for %q", v.Decision, texts(v), tc.reason)
			}
			want := verdict.Allow
			if tc.everywhere {
				want = verdict.Unknown
			}
			check(t, j, map[string]verdict.Decision{elsewhere: want})
		})
	}
}

// TestADenyHoldsBesideWhatIsNotUnderstood, unless that may stand above it.
func TestADenyHoldsBesideWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		object string
		want   verdict.Decision
	}{
		"a NetworkPolicy, which can only allow": {
			"kind: NetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {podSelector: {}, toEveryone: true}\n", verdict.Deny,
		},
		"known fields that Cilium refuses": {
			"kind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{toEntities: [everyone]}]}\n", verdict.Deny,
		},
		"an unknown field of Cilium's, which may be a tier": {
			"kind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{}], tier: Admin}\n", verdict.Unknown,
		},
		"a ClusterNetworkPolicy, whose Accept beats it": {
			"apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: odd}\nspec: {tier: Admin}\n", verdict.Unknown,
		},
		"a rule that asks for authentication": {
			"kind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{toEntities: [all], authentication: {mode: required}}]}\n", verdict.Deny,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, onCilium(t, denyPACS+"---\n"+tc.object), map[string]verdict.Decision{
				"gateway > pacs TCP/1":    tc.want,
				"gateway > archive TCP/1": verdict.Unknown,
			})
		})
	}
}

func TestWhatTheObjectsLeaveOpenIsUnknown(t *testing.T) {
	t.Parallel()
	rule := func(rule string) string {
		return "kind: CiliumNetworkPolicy\nmetadata: {name: odd, namespace: infusion}\nspec: {endpointSelector: {}, egress: [" + rule + "]}\n"
	}
	cases := map[string]struct {
		policies string
		want     map[string]verdict.Decision
	}{
		"who has a name": {rule(`{toFQDNs: [{matchName: a.example}], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}`), map[string]verdict.Decision{
			"gateway > stranger TCP/443": verdict.Unknown, "gateway > stranger TCP/80": verdict.Deny,
			"gateway > internet TCP/443": verdict.Deny, "gateway > pacs TCP/443": verdict.Deny,
		}},
		"what is in a request": {rule(`{toEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]}`), map[string]verdict.Decision{
			"gateway > internet TCP/80": verdict.Unknown, "gateway > internet TCP/81": verdict.Deny,
		}},
		"which name is asked for": {rule(`{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system}}], toPorts: [{ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchName: a.example}]}}]}`), map[string]verdict.Decision{
			"gateway > dns UDP/53": verdict.Unknown, "gateway > dns TCP/53": verdict.Deny,
		}},
		"no look at all at names": {rule(`{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system}}], toPorts: [{ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchPattern: "*"}]}}]}`), map[string]verdict.Decision{
			"gateway > dns UDP/53": verdict.Allow,
		}},
		"a plain rule beside one for names": {rule(`{toPorts: [{ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchName: a.example}]}}]}, {toEntities: [cluster]}`), map[string]verdict.Decision{
			"gateway > dns UDP/53": verdict.Allow, "gateway > internet UDP/53": verdict.Unknown,
		}},
		"what is behind a Service": {rule(`{toServices: [{k8sService: {serviceName: a}}]}`), map[string]verdict.Decision{
			"gateway > pacs TCP/1": verdict.Unknown, "gateway > internet TCP/1": verdict.Unknown,
		}},
		"whose account a pod has": {rule(`{toEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: a}}]}`), map[string]verdict.Decision{
			"gateway > pump TCP/1": verdict.Unknown, "gateway > pacs TCP/1": verdict.Deny,
		}},
		"what is in a group that is not understood": {rule(`{toCIDRSet: [{cidrGroupRef: odd}]}`) + "---\nkind: CiliumCIDRGroup\nmetadata: {name: odd}\nspec: {externalCIDRs: [], names: [a]}\n", map[string]verdict.Decision{
			"gateway > internet TCP/1": verdict.Unknown, "gateway > pacs TCP/1": verdict.Deny,
		}},
		"the family of an ICMP type": {rule(`{toEntities: [all], icmps: [{fields: [{type: 8}]}]}`), map[string]verdict.Decision{
			"gateway > pacs ICMP/8": verdict.Unknown, "gateway > internet ICMP/8": verdict.Allow, "gateway > v6 ICMP/8": verdict.Deny,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, onCilium(t, tc.policies), tc.want)
		})
	}
}

func TestAnAddressWithoutAnAddressIsUnknown(t *testing.T) {
	t.Parallel()
	hospitalOfNobody := verdict.Endpoint{Kind: verdict.Address}
	v := onCilium(t, baseline).Judge(hospital["gateway"], hospitalOfNobody, testFlow)
	if v.Decision != verdict.Unknown || len(v.Steps) != 1 {
		t.Errorf("%s %s", v.Decision, texts(v))
	}
	v = onCilium(t, baseline).Judge(hospitalOfNobody, hospital["gateway"], testFlow)
	if v.Decision != verdict.Unknown {
		t.Errorf("%s %s", v.Decision, texts(v))
	}
}

func TestOnPlainNetworkPolicyCiliumsKindsAreNotUnderstood(t *testing.T) {
	t.Parallel()
	j := onNetpol(t, conduit)
	check(t, j, map[string]verdict.Decision{"gateway > pacs TCP/104": verdict.Unknown, "guest > pacs TCP/104": verdict.Allow})
}
