package oracle

import (
	"strings"
	"testing"
)

func TestTheLocalHostReachesItsPodsUnlessADenyNamesIt(t *testing.T) {
	ingressDeny := func(peers string) string {
		return strings.Replace(denyGuests, `fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": guests}}]`, peers, 1)
	}
	cases := map[string]struct {
		policies []string
		allowed  bool
	}{
		"a NetworkPolicy baseline":            {[]string{baseline}, true},
		"a baseline by name":                  {[]string{baselineByName}, true},
		"a denial of other nodes":             {[]string{baseline, ingressDeny("fromEntities: [remote-node, ingress, init, unmanaged]")}, true},
		"a denial of every pod":               {[]string{baseline, ingressDeny("fromEndpoints: [{}]")}, true},
		"a denial of every prefix":            {[]string{baseline, ingressDeny(`fromCIDR: [0.0.0.0/0, "::/0"]`)}, true},
		"a denial of the host":                {[]string{baseline, ingressDeny("fromEntities: [host]")}, false},
		"a denial of the cluster":             {[]string{baseline, ingressDeny("fromEntities: [cluster]")}, false},
		"a denial of everyone":                {[]string{baseline, ingressDeny("fromEntities: [all]")}, false},
		"a denial of everyone, by ports":      {[]string{ingressDeny(`toPorts: [{ports: [{port: "0", protocol: ANY}]}]`)}, false},
		"a denial of the host, by an allow":   {[]string{ingressDeny("fromEntities: [host]"), allowAlls["a NetworkPolicy"]}, false},
		"a denial of the host without others": {[]string{ingressDeny("fromEntities: [host]")}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, []flowCase{{"host", "gateway", "tcp/8080", tc.allowed}}, tc.policies...)
		})
	}
}

func TestAPodReachesItsHostOnlyWherePolicyLetsIt(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "host", "udp/53", false},
		{"pacs", "host", "udp/53", true},
	}, baseline)
	checkCilium(t, []flowCase{
		{"gateway", "host", "udp/53", true},
		{"gateway", "node", "udp/53", false},
	}, baseline, egressPolicy("host", "egress", `{toEntities: [host], toPorts: [{ports: [{port: "53", protocol: ANY}]}]}`))
}

func TestTheAPIServerIsANodeOrAnAddress(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "apiserver", "tcp/6443", true},
		{"gateway", "cloudapi", "tcp/6443", true},
		{"gateway", "node", "tcp/6443", false},
		{"gateway", "internet", "tcp/6443", false},
	}, egressPolicy("api", "egress", "toEntities: [kube-apiserver]"))
	checkCilium(t, []flowCase{
		{"gateway", "apiserver", "tcp/6443", true},
		{"gateway", "cloudapi", "tcp/6443", false},
		{"gateway", "node", "tcp/6443", true},
	}, egressPolicy("nodes", "egress", "toEntities: [remote-node]"))
	plainNodes := egressPolicy("plain", "egressDeny", `toEndpoints: [{matchExpressions: [`+
		`{key: "reserved:remote-node", operator: Exists}, {key: "reserved:kube-apiserver", operator: DoesNotExist}]}]`)
	checkCilium(t, []flowCase{
		{"gateway", "apiserver", "tcp/6443", true},
		{"gateway", "node", "tcp/6443", false},
	}, allowAlls["a CiliumNetworkPolicy of entities"], plainNodes)
}

func TestAnAPIServerOnTheOwnHostIsTheHost(t *testing.T) {
	w := hospitalWorld(t, egressPolicy("api", "egress", "toEntities: [kube-apiserver]"),
		egressPolicy("host", "egressDeny", "toEntities: [host]"))
	single := Endpoint{Kind: Host, IPs: ips("192.168.1.9"), APIServer: true}
	w.Endpoints = append(w.Endpoints, single)
	for name, want := range map[string]bool{"without the denial": true, "with it": false} {
		world := World{Policies: w.Policies[:1], Endpoints: w.Endpoints}
		if !want {
			world.Policies = w.Policies
		}
		j, err := Cilium(world)
		if err != nil {
			t.Fatal(err)
		}
		got, err := j.Allowed(hospital()["gateway"], single, service(t, "tcp/6443"))
		if err != nil || got != want {
			t.Errorf("%s: allowed = %t, %v, want %t", name, got, err, want)
		}
	}
}

func TestAnEmptyClusterwideSelectorSelectsTheHealthEndpoint(t *testing.T) {
	policy := func(selector string) string {
		return replace(`
kind: CiliumClusterwideNetworkPolicy
metadata: {name: everything}
spec:
  endpointSelector: SELECTOR
  ingress: [{}]
`, "SELECTOR", selector)
	}
	checkCilium(t, []flowCase{
		{"node", "health", "tcp/4240", false},
		{"guest", "gateway", "tcp/80", false},
	}, policy("{}"))
	checkCilium(t, []flowCase{
		{"node", "health", "tcp/4240", true},
		{"guest", "gateway", "tcp/80", false},
	}, policy(`{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}]}`))
}
