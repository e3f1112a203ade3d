package opening_test

import (
	"strings"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

func TestAClosureNamesThePolicyThatStopsAConduit(t *testing.T) {
	t.Parallel()
	far := func(spec string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: theirs, namespace: pacs}\nspec: {" + spec + "}\n"
	}
	cases := map[string]struct {
		theirs string
		want   []string
	}{
		"nothing":                             {"", nil},
		"an allow":                            {netpol(`podSelector: {}, egress: [{}], ingress: [{}], policyTypes: [Ingress, Egress]`), nil},
		"a far deny":                          {cnp(`endpointSelector: {}, egressDeny: [{toEntities: [cluster]}]`), []string{"CiliumNetworkPolicy/infusion/theirs spec.egressDeny[0] egress gateway-pacs TCP 104"}},
		"a deny of all":                       {cnp(`endpointSelector: {}, egressDeny: [{toEntities: [all], toPorts: [{ports: [{port: "1", endPort: 20000, protocol: TCP}]}]}]`), []string{"CiliumNetworkPolicy/infusion/theirs spec.egressDeny[0] egress gateway-archive,gateway-pacs TCP 104,11112"}},
		"a deny of another port":              {cnp(`endpointSelector: {}, egressDeny: [{toEntities: [all], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]`), nil},
		"a deny of other pods":                {cnp(`endpointSelector: {matchLabels: {app: pump}}, egressDeny: [{toEntities: [all]}]`), nil},
		"a far side that closes":              {far(`podSelector: {}, policyTypes: [Ingress]`), []string{"NetworkPolicy/pacs/theirs spec ingress gateway-pacs TCP 104"}},
		"a far side that lets others in":      {far(`podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]`), []string{"NetworkPolicy/pacs/theirs spec ingress gateway-pacs TCP 104"}},
		"a far side that lets us in":          {far(`podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 104}]}]`), nil},
		"a far side of other pods":            {far(`podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]`), nil},
		"a far side that only closes egress":  {far(`podSelector: {}, policyTypes: [Egress]`), nil},
		"a policy that is not understood":     {far(`podSelector: {}, moon: 1`), []string{"NetworkPolicy/pacs/theirs  ingress gateway-pacs TCP 104 unsure"}},
		"a policy of a namespace in no zone":  {strings.Replace(far(`podSelector: {}`), "namespace: pacs", "namespace: guests", 1), nil},
		"a deny of addresses, in other words": {cnp(`endpointSelector: {}, enableDefaultDeny: {egress: false}, egressDeny: [{toCIDRSet: [{cidrGroupRef: archives}]}]`), []string{"CiliumNetworkPolicy/infusion/theirs spec.egressDeny[0] egress gateway-archive TCP 11112"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range find(t, baseline+"---"+allows, tc.theirs).Closures {
				text := strings.Join([]string{c.Policy.String(), c.Path, string(c.Direction), strings.Join(c.Conduits, ","), c.Traffic.String()}, " ")
				if c.Unsure != "" {
					text += " unsure"
				}
				got = append(got, text)
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestTheWaysRoundEveryPolicy(t *testing.T) {
	t.Parallel()
	in := opening.Input{
		Semantics: verdict.Semantics{Engine: verdict.Cilium}, Plan: hospital(), Zone: "infusion",
		Services: []snapshot.Service{
			{Namespace: "infusion", Name: "hidden", HidesSource: true}, {Namespace: "infusion", Name: "plain"},
			{Namespace: "pacs", Name: "elsewhere", HidesSource: true},
		},
		Pods: []snapshot.Pod{
			{Namespace: "infusion", Name: "plain", Labels: map[string]string{"app": "gateway"}},
			{Namespace: "infusion", Name: "many", HostNetwork: true, Networks: "sriov", Labels: map[string]string{"host": "", "world": ""}},
			{Namespace: "guests", Name: "elsewhere", HostNetwork: true},
		},
	}
	want := map[string]string{
		"Pod/many/" + medfencev1alpha1.ReasonHostNetworkPod:          "hostNetwork",
		"Pod/many/" + medfencev1alpha1.ReasonSecondaryInterface:      "k8s.v1.cni.cncf.io/networks",
		"Pod/many/" + medfencev1alpha1.ReasonPodReservedLabel:        "host, world",
		"Service/hidden/" + medfencev1alpha1.ReasonSourceAddressLost: "externalTrafficPolicy",
	}
	check := func(in opening.Input, want map[string]string) {
		t.Helper()
		got := opening.Find(in).Ways
		if len(got) != len(want) {
			t.Errorf("%d ways, want %d: %+v", len(got), len(want), got)
		}
		for _, w := range got {
			if text, ok := want[w.Kind+"/"+w.Name+"/"+w.Reason]; !ok || !strings.Contains(w.Text, text) {
				t.Errorf("%+v, want %q", w, text)
			}
		}
	}
	check(in, want)
	delete(want, "Pod/many/"+medfencev1alpha1.ReasonPodReservedLabel)
	in.Semantics.Engine = verdict.NetworkPolicy
	check(in, want)
}
