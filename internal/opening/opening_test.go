package opening_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// hospital has the enforced zone infusion, with the gateway, which reaches the
// PACS on TCP 104 and the archive's addresses on TCP 11112.
func hospital() *plan.Plan {
	key := func(zone, namespace, app string) plan.WorkloadKey {
		return plan.WorkloadKey{Zone: zone, Namespace: namespace, Selector: "app=" + app}
	}
	workload := func(k plan.WorkloadKey, app string, device bool) plan.Workload {
		return plan.Workload{
			WorkloadKey: k, Name: app, Device: device, DNS: medfencev1alpha1.DNSNone,
			Selector: metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		}
	}
	gateway, pacs := key("infusion", "infusion", "gateway"), key("pacs", "pacs", "pacs")
	conduit := func(name string, to plan.End, s flow.Service) plan.Conduit {
		return plan.Conduit{
			Name: name, Standing: plan.Current, State: plan.Active, Services: []flow.Service{s},
			From: []plan.End{{Zone: "infusion", Workloads: []plan.WorkloadKey{gateway}}}, To: []plan.End{to},
			Spec: medfencev1alpha1.ConduitSpec{
				From: medfencev1alpha1.ConduitEnd{Zones: []string{"infusion"}}, To: medfencev1alpha1.ConduitEnd{Zones: []string{to.Zone}},
			},
		}
	}
	return &plan.Plan{
		Target: snapshot.Cilium,
		Zones: []plan.Zone{
			{Name: "infusion", Enforce: true, Namespaces: []plan.Namespace{{Name: "infusion", Exists: true}}},
			{Name: "pacs", Namespaces: []plan.Namespace{{Name: "pacs", Exists: true}}},
		},
		Workloads: []plan.Workload{workload(gateway, "gateway", true), workload(pacs, "pacs", false)},
		Groups:    []plan.Group{{Zone: "archive", Name: "archives", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/24")}}},
		Conduits: []plan.Conduit{
			conduit("gateway-pacs", plan.End{Zone: "pacs", Workloads: []plan.WorkloadKey{pacs}}, tcp(104)),
			conduit("gateway-archive", plan.End{Zone: "archive", Groups: []string{"archives"}}, tcp(11112)),
		},
	}
}

func tcp(port uint16) flow.Service {
	return flow.Service{Protocol: flow.TCP, Ports: flow.PortSet{{Port: port, End: port}}}
}

// ours are the baseline, the allows, and a guard of the form that is rendered.
const (
	baseline = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: medfence-baseline, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`
	allows = `
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: archives}
spec: {externalCIDRs: [10.20.0.0/24]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: medfence-gateway, namespace: infusion}
spec:
  endpointSelector: {matchLabels: {"k8s:app": gateway}}
  enableDefaultDeny: {ingress: false, egress: false}
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": pacs, "k8s:app": pacs}}]
    toPorts: [{ports: [{port: "104", protocol: TCP}]}]
  - toCIDRSet: [{cidrGroupRef: archives}]
    toPorts: [{ports: [{port: "11112", protocol: TCP}]}]
`
	guard = `
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: medfence-guard-infusion}
spec:
  endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": infusion}}
  enableDefaultDeny: {ingress: false, egress: false}
  ingressDeny:
  - fromEndpoints: [{matchExpressions: [{key: "k8s:io.cilium.k8s.policy.cluster", operator: Exists}]}]
  - fromEntities: [world, remote-node, health, ingress, init, unmanaged]
  egressDeny:
  - toEntities: [world, host, remote-node, health, ingress, init, unmanaged]
`
)

func parse(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for doc := range strings.SplitSeq(text, "\n---") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
	return out
}

func netpol(spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: theirs, namespace: infusion}\nspec: {" + spec + "}\n"
}

func cnp(spec string) string {
	return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: theirs, namespace: infusion}\nspec: {" + spec + "}\n"
}

func find(t testing.TB, own, theirs string) opening.Result {
	t.Helper()
	return opening.Find(opening.Input{
		Semantics: verdict.Semantics{Engine: verdict.Cilium}, Plan: hospital(), Zone: "infusion",
		Own: parse(t, own), Foreign: parse(t, theirs),
		Namespaces: []snapshot.Namespace{{Name: "infusion"}, {Name: "pacs"}},
	})
}

func lines(list []opening.Opening) []string {
	var out []string
	for _, o := range list {
		text := string(o.Direction) + " " + o.Path + ": " + o.Pods + " | " + o.Peers + " | " + o.Traffic.String()
		if o.Blocked {
			text += " | blocked"
		}
		if o.Unsure != "" {
			text += " | unsure"
		}
		out = append(out, text)
	}
	return out
}

func TestAnOpeningNamesRulePeersAndPorts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		theirs string
		want   []string
	}{
		"nothing": {"", nil},
		"a policy that opens one port to one namespace": {
			netpol(`podSelector: {matchLabels: {app: gateway}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: guests}}}], ports: [{port: 80}]}]`),
			[]string{"ingress spec.ingress[0]: pods of infusion with app=gateway | pods of namespace guests | TCP 80"},
		},
		"a policy that opens what a conduit permits": {
			netpol(`podSelector: {matchLabels: {app: gateway}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pacs}}, podSelector: {matchLabels: {app: pacs}}}], ports: [{port: 104}]}]`),
			nil,
		},
		"a policy that opens more than a conduit permits": {
			netpol(`podSelector: {matchLabels: {app: gateway}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pacs}}, podSelector: {matchLabels: {app: pacs}}}], ports: [{port: 100, endPort: 110}]}]`),
			[]string{"egress spec.egress[0]: pods of infusion with app=gateway | pods of namespace pacs | TCP 100-103,105-110"},
		},
		"a prefix around one of ours": {
			cnp(`endpointSelector: {matchLabels: {app: gateway}}, egress: [{toCIDR: [10.20.0.0/23], toPorts: [{ports: [{port: "11112", protocol: TCP}]}]}]`),
			[]string{"egress spec.egress[0]: pods of infusion with app=gateway | addresses of 10.20.0.0/23, an API server outside the cluster | TCP 11112"},
		},
		"a policy that only denies":        {cnp(`endpointSelector: {}, ingressDeny: [{fromEntities: [all]}]`), nil},
		"a policy that only isolates":      {netpol(`podSelector: {}, policyTypes: [Ingress]`), nil},
		"a policy of another namespace":    {strings.Replace(netpol(`podSelector: {}, ingress: [{}]`), "namespace: infusion", "namespace: guests", 1), nil},
		"a rule that selects nobody":       {cnp(`endpointSelector: {}, ingress: [{fromEndpoints: []}]`), nil},
		"one direction of a flow within":   {cnp(`endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]`), nil},
		"the host, which comes in anyway":  {cnp(`endpointSelector: {}, ingress: [{fromEntities: [host]}]`), nil},
		"the host, which is not to be met": {cnp(`endpointSelector: {}, egress: [{toEntities: [host], toPorts: [{ports: [{port: "22", protocol: TCP}]}]}]`), []string{"egress spec.egress[0]: pods of infusion, pods of infusion with app=gateway | the pod's own host, the API server | TCP 22"}},
		"a name":                           {cnp(`endpointSelector: {}, egress: [{toFQDNs: [{matchName: evil.example}], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}]`), []string{"egress spec.egress[0]: pods of infusion, pods of infusion with app=gateway | addresses of evil.example | TCP 443"}},
		"a port by its name":               {netpol(`podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.9.9.9/32}}], ports: [{port: web}]}]`), []string{"ingress spec.ingress[0]: pods of infusion, pods of infusion with app=gateway | addresses of 10.9.9.9/32, an API server outside the cluster | every TCP | unsure"}},
		"what nobody understands":          {netpol(`podSelector: {}, moon: true`), []string{"egress : ", "ingress : "}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := lines(find(t, baseline+"---"+allows, tc.theirs).Openings)
			if len(got) != len(tc.want) {
				t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("got\n%s\nwant\n%s", got[i], tc.want[i])
				}
			}
		})
	}
}

func TestAnAllowAllOpensEverythingThatNoConduitPermits(t *testing.T) {
	t.Parallel()
	got := find(t, baseline+"---"+allows, netpol(`podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]`)).Openings
	if len(got) != 2 {
		t.Fatalf("%d openings: %s", len(got), lines(got))
	}
	for _, o := range got {
		if o.Blocked || o.Unsure != "" || o.Traffic.String() != "everything" || !strings.HasPrefix(o.Peers, "pods of any other namespace") {
			t.Errorf("%s", lines([]opening.Opening{o}))
		}
	}
}

// TestAGuardBlocksAnOpening: what it stops is listed as blocked, what it leaves
// is open.
func TestAGuardBlocksAnOpening(t *testing.T) {
	t.Parallel()
	theirs := netpol(`podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]`)
	got := find(t, baseline+"---"+allows+"---"+guard, theirs).Openings
	want := []string{
		"egress spec.egress[0]: pods of infusion, pods of infusion with app=gateway | pods of any other namespace",
		"egress spec.egress[0]: ",
		"ingress spec.ingress[0]: pods of infusion, pods of infusion with app=gateway | pods of any other namespace",
	}
	blocked := []bool{false, true, true}
	text := lines(got)
	if len(got) != len(want) {
		t.Fatalf("got\n%s", strings.Join(text, "\n"))
	}
	for i, o := range got {
		if !strings.HasPrefix(text[i], want[i]) || o.Blocked != blocked[i] {
			t.Errorf("got\n%s\nwant\n%s, blocked = %t", text[i], want[i], blocked[i])
		}
		if o.Blocked && !slices.Equal(o.BlockedBy, []verdict.Policy{{Kind: "CiliumClusterwideNetworkPolicy", Name: "medfence-guard-infusion"}}) {
			t.Errorf("blocked by %v", o.BlockedBy)
		}
	}
}

func TestAClusterNetworkPolicyIsNeverBlocked(t *testing.T) {
	t.Parallel()
	got := find(t, baseline+"---"+allows+"---"+guard, "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: admin}\nspec: {tier: Admin}\n").Openings
	if len(got) != 2 {
		t.Fatalf("%s", lines(got))
	}
	for _, o := range got {
		if o.Blocked || o.Unsure == "" || o.Policy.Kind != "ClusterNetworkPolicy" {
			t.Errorf("%+v", o)
		}
	}
}

// TestARuleThatNeedsTooManyClassesIsReportedWhole, rather than not at all.
func TestARuleThatNeedsTooManyClassesIsReportedWhole(t *testing.T) {
	t.Parallel()
	var terms []string
	for k := range strings.SplitSeq("abcdefghijklmnop", "") {
		terms = append(terms, `{key: key-`+k+`, operator: NotIn, values: [x]}`)
	}
	got := find(t, baseline+"---"+allows, cnp(`endpointSelector: {}, egress: [{toEndpoints: [{matchExpressions: [`+strings.Join(terms, ", ")+`]}]}]`)).Openings
	if len(got) != 1 || got[0].Blocked || got[0].Unsure == "" || got[0].Traffic.String() != "everything" {
		t.Errorf("%s", lines(got))
	}
}

func TestAZoneThatIsNotEnforcedHasNoOpenings(t *testing.T) {
	t.Parallel()
	in := opening.Input{Plan: hospital(), Zone: "pacs", Foreign: parse(t, netpol(`podSelector: {}, ingress: [{}]`))}
	if got := opening.Find(in); len(got.Openings)+len(got.Closures)+len(got.Ways) != 0 {
		t.Errorf("%+v", got)
	}
	in.Zone = "nowhere"
	if got := opening.Find(in); len(got.Openings) != 0 {
		t.Errorf("%+v", got)
	}
}
