package verdict_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/verdict"
)

// hospital are the endpoints of the tables.
var hospital = map[string]verdict.Endpoint{
	"gateway":   pod("infusion/gateway", "app=gateway"),
	"pump":      pod("infusion/pump", "app=pump"),
	"pacs":      pod("pacs/pacs", "app=pacs"),
	"guest":     pod("guests/laptop", "app=laptop"),
	"dns":       pod("kube-system/dns", "k8s-app=kube-dns"),
	"odd":       pod("infusion/odd", "host="),
	"host":      {Kind: verdict.Host},
	"node":      {Kind: verdict.RemoteNode},
	"apiserver": {Kind: verdict.RemoteNode, APIServer: true},
	"archive":   address("10.20.0.5"),
	"printer":   address("10.20.1.7"),
	"internet":  address("203.0.113.9"),
	"stranger":  {Kind: verdict.Address, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.10")}},
	"v6":        address("2001:db8::9"),
	"health":    {Kind: verdict.Health},
	"init":      {Kind: verdict.Init},
}

func pod(name string, labels ...string) verdict.Endpoint {
	e := verdict.Endpoint{Labels: map[string]string{}}
	e.Namespace, e.Name, _ = strings.Cut(name, "/")
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		e.Labels[k] = v
	}
	return e
}

// address is one of which it is known that it has no names.
func address(ip string) verdict.Endpoint {
	return verdict.Endpoint{Kind: verdict.Address, IPs: []netip.Addr{netip.MustParseAddr(ip)}, Names: []string{}}
}

// parse reads YAML documents and gives them the version of their kind.
func parse(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for doc := range strings.SplitSeq(text, "\n---") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if len(u.Object) == 0 {
			continue
		}
		if u.GetAPIVersion() == "" {
			version := "cilium.io/v2"
			if u.GetKind() == "NetworkPolicy" {
				version = "networking.k8s.io/v1"
			}
			u.SetAPIVersion(version)
		}
		out = append(out, u)
	}
	return out
}

// ask judges "gateway > pacs TCP/104" or "gateway > archive ICMP/8".
func ask(t testing.TB, j *verdict.Judge, question string) verdict.Verdict {
	t.Helper()
	var from, to, service string
	if _, err := fmt.Sscanf(question, "%s > %s %s", &from, &to, &service); err != nil {
		t.Fatalf("%q: %v", question, err)
	}
	source, ok := hospital[from]
	destination, ok2 := hospital[to]
	if !ok || !ok2 {
		t.Fatalf("%q: no such endpoint", question)
	}
	var number uint16
	protocol, text, _ := strings.Cut(service, "/")
	if _, err := fmt.Sscan(text, &number); err != nil {
		t.Fatalf("%q: %v", question, err)
	}
	f := flow.Flow{Protocol: flow.Protocol(protocol), Port: number}
	if f.Protocol == flow.ICMP {
		f.Port, f.ICMPType = 0, uint8(number)
	}
	return j.Judge(source, destination, f)
}

// check asks every question and compares the decisions.
func check(t *testing.T, j *verdict.Judge, want map[string]verdict.Decision) {
	t.Helper()
	for question, decision := range want {
		v := ask(t, j, question)
		if v.Decision != decision {
			t.Errorf("%s: %s, want %s; %s", question, v.Decision, decision, texts(v))
		}
		if len(v.Steps) == 0 {
			t.Errorf("%s: nothing says why", question)
		}
	}
}

func texts(v verdict.Verdict) string {
	var out []string
	for _, s := range v.Steps {
		out = append(out, fmt.Sprintf("%s %s %s [%s]", s.Direction, s.Policy, s.Path, s.Text))
	}
	return strings.Join(out, "; ")
}

func onCilium(t testing.TB, text string) *verdict.Judge {
	t.Helper()
	return verdict.New(verdict.Semantics{Engine: verdict.Cilium}, parse(t, text)...)
}

func onNetpol(t testing.TB, text string) *verdict.Judge {
	t.Helper()
	return verdict.New(verdict.Semantics{Engine: verdict.NetworkPolicy}, parse(t, text)...)
}

const (
	baseline = `
kind: NetworkPolicy
metadata: {name: baseline, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`
	allowAll = `
kind: NetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
`
	conduit = `
kind: CiliumNetworkPolicy
metadata: {name: conduit, namespace: infusion}
spec:
  endpointSelector: {matchLabels: {app: gateway}}
  enableDefaultDeny: {ingress: false, egress: false}
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs}}]
    toPorts:
    - ports: [{port: "53", protocol: UDP}]
    - ports: [{port: "104", protocol: TCP}]
`
	denyPACS = `
kind: CiliumClusterwideNetworkPolicy
metadata: {name: deny-pacs}
spec:
  endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": infusion}}
  enableDefaultDeny: {ingress: false, egress: false}
  egressDeny: [{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs}}]}]
`
)

func TestTheStepsNameEveryPolicyAndRuleThatDecided(t *testing.T) {
	t.Parallel()
	type step struct {
		Direction verdict.Direction
		Policy    string
		Path      string
		Effect    verdict.Effect
	}
	cases := map[string]struct {
		policies, question string
		want               verdict.Decision
		steps              []step
	}{
		"a rule on one side, nothing on the other": {
			baseline + "---" + conduit, "gateway > pacs TCP/104", verdict.Allow, []step{
				{verdict.Egress, "CiliumNetworkPolicy/infusion/conduit", "spec.egress[0].toPorts[1]", verdict.Allows},
				{verdict.Ingress, "/", "", verdict.Open},
			},
		},
		"a default": {
			baseline + "---" + conduit, "gateway > pacs TCP/105", verdict.Deny, []step{
				{verdict.Egress, "NetworkPolicy/infusion/baseline", "spec", verdict.Isolates},
				{verdict.Ingress, "/", "", verdict.Open},
			},
		},
		"a deny rule, and not what it beats": {
			baseline + "---" + conduit + "---" + denyPACS, "gateway > pacs TCP/104", verdict.Deny, []step{
				{verdict.Egress, "CiliumClusterwideNetworkPolicy/deny-pacs", "spec.egressDeny[0]", verdict.Denies},
				{verdict.Ingress, "/", "", verdict.Open},
			},
		},
		"both of two allows, in order": {
			baseline + "---" + conduit + "---" + allowAll, "gateway > pacs TCP/104", verdict.Allow, []step{
				{verdict.Egress, "CiliumNetworkPolicy/infusion/conduit", "spec.egress[0].toPorts[1]", verdict.Allows},
				{verdict.Egress, "NetworkPolicy/infusion/allow-all", "spec.egress[0]", verdict.Allows},
				{verdict.Ingress, "/", "", verdict.Open},
			},
		},
		"the two sides of a flow within a namespace": {
			baseline + "---" + allowAll, "gateway > pump TCP/1", verdict.Allow, []step{
				{verdict.Egress, "NetworkPolicy/infusion/allow-all", "spec.egress[0]", verdict.Allows},
				{verdict.Ingress, "NetworkPolicy/infusion/allow-all", "spec.ingress[0]", verdict.Allows},
			},
		},
		"the host, which reaches its pods": {
			baseline, "host > gateway TCP/80", verdict.Allow, []step{{verdict.Ingress, "/", "", verdict.Open}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := ask(t, onCilium(t, tc.policies), tc.question)
			var got []step
			for _, s := range v.Steps {
				got = append(got, step{s.Direction, s.Policy.String(), s.Path, s.Effect})
			}
			if diff := cmp.Diff(tc.steps, got); diff != "" || v.Decision != tc.want {
				t.Errorf("%s, want %s; steps (-want +got):\n%s", v.Decision, tc.want, diff)
			}
		})
	}
}

func TestAStepIsASentence(t *testing.T) {
	t.Parallel()
	j := onCilium(t, baseline+"---"+conduit+"---"+denyPACS)
	for question, want := range map[string]string{
		"gateway > pacs TCP/104":    "CiliumClusterwideNetworkPolicy/deny-pacs denies pod infusion/gateway the way to endpoints with io.kubernetes.pod.namespace=pacs,io.cilium.k8s.policy.cluster=default on TCP port 104.",
		"gateway > archive TCP/104": "NetworkPolicy/infusion/baseline makes pod infusion/gateway deny the egress that no rule allows.",
		"guest > pacs TCP/104":      "No policy makes pod guests/laptop deny egress by default.",
		"host > gateway TCP/80":     "The node of a pod always reaches it, unless a rule denies it.",
	} {
		if v := ask(t, j, question); v.Steps[0].Text != want {
			t.Errorf("%s:\n%s\nwant\n%s", question, v.Steps[0].Text, want)
		}
	}
}

func TestTheTwoSemanticsDifferWhereTheyShould(t *testing.T) {
	t.Parallel()
	const blocks = `
kind: NetworkPolicy
metadata: {name: blocks, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.20.1.0/24]}}]}]}
`
	const odd = `
kind: NetworkPolicy
metadata: {name: odd, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress], egress: [{to: [{podSelector: {}}]}]}
`
	cases := map[string]struct {
		policies         string
		cilium, anywhere map[string]verdict.Decision
	}{
		"a prefix and a pod, whose address is not known": {
			blocks,
			map[string]verdict.Decision{"gateway > pacs TCP/1": verdict.Deny, "gateway > node TCP/1": verdict.Deny, "gateway > archive TCP/1": verdict.Allow, "gateway > printer TCP/1": verdict.Deny},
			map[string]verdict.Decision{"gateway > pacs TCP/1": verdict.Unknown, "gateway > node TCP/1": verdict.Unknown, "gateway > archive TCP/1": verdict.Allow, "gateway > printer TCP/1": verdict.Deny},
		},
		"a pod and its own host": {
			baseline,
			map[string]verdict.Decision{"gateway > host TCP/1": verdict.Deny, "host > gateway TCP/1": verdict.Allow},
			map[string]verdict.Decision{"gateway > host TCP/1": verdict.Unknown, "host > gateway TCP/1": verdict.Allow},
		},
		"ICMP": {
			baseline,
			map[string]verdict.Decision{"gateway > pacs ICMP/8": verdict.Deny, "guest > pacs ICMP/8": verdict.Allow},
			map[string]verdict.Decision{"gateway > pacs ICMP/8": verdict.Unknown, "guest > pacs ICMP/8": verdict.Allow},
		},
		"rules of a direction that is no type": {
			odd,
			map[string]verdict.Decision{"gateway > pacs TCP/1": verdict.Deny, "pacs > gateway TCP/1": verdict.Deny},
			map[string]verdict.Decision{"gateway > pacs TCP/1": verdict.Allow, "pacs > gateway TCP/1": verdict.Deny},
		},
		"a pod with a label host": {
			baseline,
			map[string]verdict.Decision{"odd > pacs TCP/1": verdict.Allow},
			map[string]verdict.Decision{"odd > pacs TCP/1": verdict.Deny},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, onCilium(t, tc.policies), tc.cilium)
			check(t, onNetpol(t, tc.policies), tc.anywhere)
		})
	}
}
