package cilium_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/cilium"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/render/plantest"
	"github.com/medfence/medfence/internal/snapshot"
)

// zoneOf returns the objects of a zone with its own guard.
func zoneOf(p *plan.Plan, zone string) []object.Object {
	g := guard.New(p)
	return cilium.Zone(g.Index(), g.Of(zone), zone)
}

// specs returns what is sent as spec, as JSON, by kind, namespace and name,
// after a change of the hospital's plan.
func specs(t *testing.T, zone string, change func(p *plan.Plan)) map[string]string {
	t.Helper()
	p := plantest.Hospital(snapshot.Cilium)
	change(p)
	out := map[string]string{}
	for _, o := range zoneOf(p, zone) {
		fields, err := object.Fields(o.KubeObject)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(fields["spec"])
		if err != nil {
			t.Fatal(err)
		}
		out[o.Kind()+" "+o.GetNamespace()+"/"+o.GetName()] = string(raw)
	}
	return out
}

const gateway = "CiliumNetworkPolicy icu/medfence-pump-gateway-1a2b3c4d5e"

// only keeps one conduit, and no DNS.
func only(name string, change func(c *plan.Conduit)) func(p *plan.Plan) {
	return func(p *plan.Plan) {
		p.DNS = snapshot.DNS{}
		for _, c := range p.Conduits {
			if c.Name == name {
				change(&c)
				p.Conduits = []plan.Conduit{c}
				return
			}
		}
	}
}

func TestEachKindOfPeerHasItsRule(t *testing.T) {
	const head = `"enableDefaultDeny":{"egress":false,"ingress":false},"endpointSelector":{"matchLabels":{"k8s:app":"pump-gateway"}}`
	keep := func(*plan.Conduit) {}
	cases := map[string]struct {
		change func(p *plan.Plan)
		want   string
	}{
		"pods and groups": {
			change: only("pumps-archive", keep),
			want: `{"egress":[` +
				`{"toEndpoints":[{"matchLabels":{"k8s:io.kubernetes.pod.namespace":"pacs"}}],"toPorts":[{"ports":[{"port":"2576","protocol":"TCP"}]}]},` +
				`{"toCIDRSet":[{"cidrGroupRef":"medfence-pacs-4c5d6e7f80"}],"toPorts":[{"ports":[{"port":"2576","protocol":"TCP"}]}]}],` +
				head + `}`,
		},
		"names": {
			change: only("pumps-updates", keep),
			want: `{"egress":[{"toFQDNs":[{"matchPattern":"*.cdn.vendor.example"},{"matchName":"updates.vendor.example"}],` +
				`"toPorts":[{"ports":[{"port":"443","protocol":"TCP"}]}]}],` + head + `}`,
		},
		"the API server": {
			change: only("pumps-platform", keep),
			want: `{"egress":[{"toEntities":["kube-apiserver"],"toPorts":[{"ports":[{"port":"6443","protocol":"TCP"}]}]}],` +
				head + `}`,
		},
		"nodes, by ICMP types of two families": {
			change: only("watch-pumps", keep),
			want: `{` + head + `,"ingress":[{"fromEntities":["host","remote-node"],` +
				`"icmps":[{"fields":[{"family":"IPv4","type":8},{"family":"IPv6","type":128}]}]}]}`,
		},
		"HTTP": {
			change: only("pumps-fhir", keep),
			want: `{"egress":[{"toEndpoints":[{"matchLabels":{"k8s:io.kubernetes.pod.namespace":"pacs"}}],` +
				`"toPorts":[{"ports":[{"port":"443","protocol":"TCP"}],"rules":{"http":[{"method":"GET","path":"/fhir/Observation(/.*)?"}]}}]}],` +
				head + `}`,
		},
		"namespaces that share a selector": {
			change: only("pumps-peer", func(c *plan.Conduit) { c.From = c.From[:1]; c.From[0].Workloads = c.From[0].Workloads[1:] }),
			want: `{` + head + `,"ingress":[{"fromEndpoints":[{"matchLabels":{"k8s:app":"pump-gateway","k8s:io.kubernetes.pod.namespace":"ward-b"}}],` +
				`"toPorts":[{"ports":[{"endPort":7950,"port":"7946","protocol":"UDP"}]}]}]}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := specs(t, "infusion", tc.change)[gateway]
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestASideWithoutMembersRendersNoRule(t *testing.T) {
	gone := func(end *plan.End) { *end = plan.End{Zone: end.Zone} }
	for _, change := range []func(p *plan.Plan){
		only("pumps-archive", func(c *plan.Conduit) { gone(&c.To[0]) }),
		only("pumps-updates", func(c *plan.Conduit) { gone(&c.To[0]) }),
		only("pumps-updates", func(c *plan.Conduit) { c.To[0].FQDNs = []string{"*"} }),
		only("watch-pumps", func(c *plan.Conduit) { gone(&c.From[0]) }),
		only("watch-pumps", func(c *plan.Conduit) { c.Services[0].ICMPTypes = nil }),
		only("watch-pumps", func(c *plan.Conduit) { c.Services[0].ICMPTypes = []uint8{0} }),
		only("pumps-archive", func(c *plan.Conduit) { c.Services[0].Ports = nil }),
		only("pumps-fhir", func(c *plan.Conduit) { c.Services[0].HTTP = []flow.HTTPRule{{Path: "(["}} }),
	} {
		if got := specs(t, "infusion", change); got[gateway] != "" {
			t.Errorf("got %s", got[gateway])
		}
	}
}

func TestTheAllowsAreTheSameInObserveAndEnforce(t *testing.T) {
	enforce := specs(t, "infusion", func(*plan.Plan) {})
	observe := specs(t, "infusion", func(p *plan.Plan) { p.Zones[1].Enforce = false })
	delete(enforce, "CiliumClusterwideNetworkPolicy /medfence-baseline-infusion")
	delete(enforce, "CiliumClusterwideNetworkPolicy /medfence-guard-infusion")
	if diff := cmp.Diff(enforce, observe); diff != "" {
		t.Errorf("(-enforce +observe):\n%s", diff)
	}
}

func TestAnAllowNeverSwitchesDefaultDenyOn(t *testing.T) {
	p := plantest.Hospital(snapshot.Cilium)
	ix := object.NewIndex(p)
	for _, name := range ix.ZoneNames() {
		for _, o := range cilium.Zone(ix, guard.Of(ix, name), name) {
			cnp, ok := o.KubeObject.(*ciliumv2.CiliumNetworkPolicy)
			if !ok {
				continue
			}
			deny := cnp.Spec.EnableDefaultDeny
			if deny.Ingress == nil || *deny.Ingress || deny.Egress == nil || *deny.Egress {
				t.Errorf("%s/%s isolates its pods", cnp.Namespace, cnp.Name)
			}
		}
	}
}

func TestTheBaselineClosesNamespacesByNameBeforeTheyExist(t *testing.T) {
	const key = "CiliumClusterwideNetworkPolicy /medfence-baseline-infusion"
	got := specs(t, "infusion", func(p *plan.Plan) {
		p.Zones[1].Namespaces = []plan.Namespace{
			{Name: "unborn"}, {Name: "going", Exists: true, Terminating: true}, {Name: "held", Exists: true, Held: true},
		}
	})
	want := `{"egress":[{}],"enableDefaultDeny":{"egress":true,"ingress":true},"endpointSelector":{"matchExpressions":[` +
		`{"key":"k8s:io.kubernetes.pod.namespace","operator":"In","values":["going","held","unborn"]}]},"ingress":[{}]}`
	if diff := cmp.Diff(want, got[key]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, change := range map[string]func(z *plan.Zone){
		"without namespaces it would be invalid": func(z *plan.Zone) { z.Namespaces = nil },
		"in Observe nothing is closed":           func(z *plan.Zone) { z.Enforce = false },
		"a released zone is open":                func(z *plan.Zone) { z.Released = true },
		"a peer is never closed":                 func(z *plan.Zone) { z.Role = medfencev1alpha1.RoleClinical },
	} {
		t.Run(name, func(t *testing.T) {
			if got := specs(t, "infusion", func(p *plan.Plan) { change(&p.Zones[1]) })[key]; got != "" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestAnEmptyBaselineIsReadAsDenyByDefault(t *testing.T) {
	p := plantest.Hospital(snapshot.Cilium)
	for _, o := range zoneOf(p, "infusion") {
		if o.Stage != object.StageBaseline {
			continue
		}
		raw, err := json.Marshal(o.KubeObject)
		if err != nil {
			t.Fatal(err)
		}
		back := &ciliumv2.CiliumClusterwideNetworkPolicy{}
		if err := json.Unmarshal(raw, back); err != nil {
			t.Fatal(err)
		}
		back.Spec.EnableDefaultDeny = api.DefaultDenyConfig{} // as if it were not said
		if err := back.Spec.Sanitize(); err != nil {
			t.Fatal(err)
		}
		if len(back.Spec.Ingress) != 1 || len(back.Spec.Egress) != 1 {
			t.Errorf("the empty rules were lost: %s", raw)
		}
	}
}

func TestAGroupHoldsMergedPrefixesAndOnlyIfAConduitNamesIt(t *testing.T) {
	got := specs(t, "pacs", func(p *plan.Plan) {
		p.Workloads = nil
		p.Groups = append(p.Groups, plan.Group{Zone: "pacs", Name: "medfence-pacs-empty", Ends: []string{"to x"}})
	})
	want := map[string]string{"CiliumCIDRGroup /medfence-pacs-4c5d6e7f80": `{"externalCIDRs":["10.50.0.10/31"]}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one := specs(t, "pacs", func(p *plan.Plan) { p.Groups[1].Prefixes = p.Groups[1].Prefixes[:1] })
	if got, want := one["CiliumCIDRGroup /medfence-pacs-4c5d6e7f80"], `{"externalCIDRs":["10.50.0.10/32"]}`; got != want {
		t.Errorf("a lone address is not a prefix: %s", got)
	}
}

func TestAtMost40PortsAreInOneRule(t *testing.T) {
	for count, want := range map[int][]int{40: {40}, 41: {40, 1}, 85: {40, 40, 5}} {
		p := plantest.Hospital(snapshot.Cilium)
		only("pumps-platform", func(c *plan.Conduit) {
			c.Services[0].Ports = nil
			for i := range count {
				port := uint16(1000 + 2*i)
				c.Services[0].Ports = append(c.Services[0].Ports, flow.PortRange{Port: port, End: port})
			}
		})(p)
		var got []int
		for _, o := range zoneOf(p, "infusion") {
			if cnp, ok := o.KubeObject.(*ciliumv2.CiliumNetworkPolicy); ok {
				for _, r := range cnp.Spec.Egress {
					if len(r.ToEntities) != 1 {
						t.Errorf("a part of the rule lost its peer")
					}
					got = append(got, len(r.ToPorts[0].Ports))
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d ports (-want +got):\n%s", count, diff)
		}
	}
}

func TestAtMost40ICMPTypesAreInOneRule(t *testing.T) {
	got := specs(t, "infusion", only("watch-pumps", func(c *plan.Conduit) {
		c.Services[0].ICMPTypes = nil
		for i := range 64 {
			c.Services[0].ICMPTypes = append(c.Services[0].ICMPTypes, uint8(i))
		}
	}))[gateway]
	var spec api.Rule
	if err := json.Unmarshal([]byte(got), &spec); err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, r := range spec.Ingress {
		counts = append(counts, len(r.ICMPs[0].Fields))
	}
	if diff := cmp.Diff([]int{40, 27}, counts); diff != "" { // types 1 to 63, 4 of them in both families
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDNSIsPlainOrWatchedButNeverBoth(t *testing.T) {
	const (
		to    = `{"toEndpoints":[{"matchLabels":{"k8s:io.kubernetes.pod.namespace":"kube-system","k8s:k8s-app":"kube-dns"}}],"toPorts":[{"ports":[{"port":"53","protocol":"TCP"},{"port":"53","protocol":"UDP"}]`
		local = `{"toEntities":["host"],"toPorts":[{"ports":[{"port":"53","protocol":"TCP"},{"port":"53","protocol":"UDP"}]`
		names = `,"rules":{"dns":[{"matchPattern":"**.cluster.local"},{"matchPattern":"*.cdn.vendor.example"},{"matchName":"updates.vendor.example"}]}`
		every = `,"rules":{"dns":[{"matchPattern":"*"}]}`
	)
	cases := map[string]struct {
		mode  medfencev1alpha1.DNSMode
		names bool
		local bool
		want  string
	}{
		"Cluster":                       {mode: medfencev1alpha1.DNSCluster, want: to + `}]}`},
		"Cluster, with a name":          {mode: medfencev1alpha1.DNSCluster, names: true, want: to + every + `}]}`},
		"Names":                         {mode: medfencev1alpha1.DNSNames, names: true, want: to + names + `}]}`},
		"Names, without any":            {mode: medfencev1alpha1.DNSNames, want: to + `,"rules":{"dns":[{"matchPattern":"**.cluster.local"}]}}]}`},
		"Names, with a cache on a node": {mode: medfencev1alpha1.DNSNames, names: true, local: true, want: to + names + `}]},` + local + names + `}]}`},
		"None":                          {mode: medfencev1alpha1.DNSNone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := plantest.Hospital(snapshot.Cilium)
			if tc.local {
				p.DNS.NodeLocal = []netip.Addr{netip.MustParseAddr("169.254.20.10")}
			}
			for i := range p.Workloads {
				p.Workloads[i].DNS = tc.mode
			}
			dns := p.DNS
			only("pumps-updates", func(c *plan.Conduit) {
				if !tc.names {
					c.State = plan.Expired
				}
			})(p)
			p.DNS = dns
			var got string
			for _, o := range zoneOf(p, "infusion") {
				if cnp, ok := o.KubeObject.(*ciliumv2.CiliumNetworkPolicy); ok && cnp.Namespace == "icu" {
					got = dnsPart(t, cnp)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// dnsPart returns the egress rules of a policy without those to names.
func dnsPart(t *testing.T, cnp *ciliumv2.CiliumNetworkPolicy) string {
	t.Helper()
	var out string
	for _, r := range cnp.Spec.Egress {
		if len(r.ToFQDNs) > 0 {
			continue
		}
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if out != "" {
			out += ","
		}
		out += string(raw)
	}
	return out
}

func TestTheReadersOfAGroupAreThePoliciesThatNameIt(t *testing.T) {
	p := plantest.Hospital(snapshot.Cilium)
	cases := map[string][]types.NamespacedName{
		"medfence-pacs-4c5d6e7f80": {
			{Name: "medfence-guard-imaging"}, // of the time when it was enforced, if ever
			{Name: "medfence-guard-infusion"},
			{Namespace: "icu", Name: "medfence-pump-gateway-1a2b3c4d5e"},
			{Namespace: "radiology", Name: "medfence-modality-gateway-5c0a1be2f3"},
			{Namespace: "ward-b", Name: "medfence-pump-gateway-6f70819203"},
		},
		"medfence-imaging-0d1e2f3a4b": {
			{Name: "medfence-moat-imaging"},
			{Namespace: "pacs", Name: "medfence-pods-99aabbccdd"},
		},
		"medfence-pacs-rest": nil,
		"unknown":            nil,
	}
	for group, want := range cases {
		if diff := cmp.Diff(want, cilium.Readers(guard.New(p), group)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", group, diff)
		}
	}
}

func TestTheReadersOfRandomPlansAreThePoliciesThatNameTheGroup(t *testing.T) {
	for n := range uint64(60) {
		p := plantest.Random(plantest.NewDice(bytesOf(n)), snapshot.Cilium)
		ix := object.NewIndex(p)
		want := map[string]map[types.NamespacedName]bool{}
		reads := func(group, namespace, name string) {
			if want[group] == nil {
				want[group] = map[types.NamespacedName]bool{}
			}
			want[group][types.NamespacedName{Namespace: namespace, Name: name}] = true
		}
		for _, z := range p.Zones {
			left := z.Role == medfencev1alpha1.RoleDevice && !z.Enforce
			for _, o := range cilium.Zone(ix, guard.Of(ix, z.Name), z.Name) {
				if o.Stage == object.StageGroup {
					if left {
						reads(o.GetName(), "", "medfence-moat-"+z.Name)
					}
					continue
				}
				for _, group := range groupsIn(t, o) {
					reads(group, o.GetNamespace(), o.GetName())
					if left {
						reads(group, "", "medfence-guard-"+z.Name)
					}
				}
			}
		}
		for _, g := range p.Groups {
			got := map[types.NamespacedName]bool{}
			for _, reader := range cilium.Readers(guard.New(p), g.Name) {
				got[reader] = true
			}
			if diff := cmp.Diff(want[g.Name], got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("bytes %d, %s (-want +got):\n%s", n, g.Name, diff)
			}
		}
	}
}

// groupNames finds the groups that a policy names, by reference or by label.
var groupNames = regexp.MustCompile(`(?:"cidrGroupRef":"|io.cilium.policy.cidrgroupname/)([^"]+)"`)

func groupsIn(t *testing.T, o object.Object) []string {
	t.Helper()
	raw, err := json.Marshal(o.KubeObject)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range groupNames.FindAllSubmatch(raw, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

func TestAnAllowThatIsNotRenderedReadsNothing(t *testing.T) {
	p := plantest.Hospital(snapshot.Cilium)
	p.Zones[0].Released = true              // imaging
	p.Zones[1].Namespaces[0].Exists = false // icu
	want := []types.NamespacedName{
		{Name: "medfence-guard-infusion"}, // it stands in no namespace
		{Namespace: "ward-b", Name: "medfence-pump-gateway-6f70819203"},
	}
	if diff := cmp.Diff(want, cilium.Readers(guard.New(p), "medfence-pacs-4c5d6e7f80")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASelectorThatNamesANamespaceIsBoundToOursAsWell(t *testing.T) {
	got := specs(t, "infusion", func(p *plan.Plan) {
		only("pumps-archive", func(c *plan.Conduit) { c.To[0].Groups = nil })(p)
		for i := range p.Workloads {
			if p.Workloads[i].WorkloadKey == plantest.PACS {
				p.Workloads[i].Selector = metav1.LabelSelector{MatchLabels: map[string]string{"io.kubernetes.pod.namespace": "elsewhere"}}
			}
		}
	})[gateway]
	var spec api.Rule
	if err := json.Unmarshal([]byte(got), &spec); err != nil {
		t.Fatal(err)
	}
	want := `{"matchLabels":{"k8s:io.kubernetes.pod.namespace":"elsewhere"},"matchExpressions":[` +
		`{"key":"k8s:io.kubernetes.pod.namespace","operator":"In","values":["pacs"]}]}`
	if diff := cmp.Diff(want, spec.Egress[0].ToEndpoints[0].String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
