package oracle

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
)

// A flowCase is a flow between two endpoints of the hospital, and what the
// judge should say of it.
type flowCase struct {
	from, to string
	service  string // "tcp/104", "udp/53", "icmp/8"
	allowed  bool
}

// hospital has the infusion zone with a gateway and a pump that no device
// selects, its peers, and everybody else.
func hospital() map[string]Endpoint {
	pods := map[string]string{
		"gateway": "infusion/gateway app=gateway",
		"pump":    "infusion/pump app=pump",
		"bare":    "infusion/bare",
		"pacs":    "pacs/pacs app=pacs",
		"pacsdb":  "pacs/db app=db",
		"ehr":     "ehr/ehr app=ehr",
		"guest":   "guests/laptop app=laptop",
		"dns":     "kube-system/dns k8s-app=kube-dns",
	}
	world := map[string]Endpoint{
		"host":      {Kind: Host, IPs: ips("192.168.1.1")},
		"node":      {Kind: RemoteNode, IPs: ips("192.168.1.2")},
		"apiserver": {Kind: RemoteNode, IPs: ips("192.168.1.3"), APIServer: true},
		"cloudapi":  {Kind: Address, IPs: ips("198.51.100.1"), APIServer: true},
		"archive":   {Kind: Address, IPs: ips("10.20.0.5")},
		"archive6":  {Kind: Address, IPs: ips("fd20::5")},
		"printer":   {Kind: Address, IPs: ips("10.20.1.7")},
		"internet":  {Kind: Address, IPs: ips("203.0.113.9")},
		"internet6": {Kind: Address, IPs: ips("2001:db8::9")},
		"vendor":    {Kind: Address, IPs: ips("198.51.100.7"), Names: []string{"updates.vendor.example"}},
		"health":    {Kind: Health},
		"ingress":   {Kind: Ingress},
		"init":      {Kind: Init},
		"unmanaged": {Kind: Unmanaged},
	}
	i := 0
	for name, text := range pods {
		i++
		world[name] = podEndpoint(text, i)
	}
	east := podEndpoint("pacs/pacs app=pacs", 100)
	east.Cluster = "east"
	world["pacs-east"] = east
	return world
}

// podEndpoint reads "namespace/name key=value ...".
func podEndpoint(text string, number int) Endpoint {
	fields := strings.Fields(text)
	ns, name, _ := strings.Cut(fields[0], "/")
	e := Endpoint{Namespace: ns, Name: name, Labels: map[string]string{}}
	e.IPs = ips(fmt.Sprintf("10.0.%d.%d", number/256, number%256), fmt.Sprintf("fd00::%x", number))
	for _, f := range fields[1:] {
		k, v, _ := strings.Cut(f, "=")
		e.Labels[k] = v
	}
	return e
}

func ips(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

// hospitalWorld is the hospital under the policies of the manifests.
func hospitalWorld(t *testing.T, manifests ...string) World {
	t.Helper()
	w := World{}
	for _, m := range manifests {
		w.Policies = append(w.Policies, decode(t, m)...)
	}
	for _, e := range hospital() {
		w.Endpoints = append(w.Endpoints, e)
	}
	return w
}

// decode reads policy objects from YAML documents. They stay as written: the
// types only check the spelling.
func decode(t testing.TB, manifest string) []client.Object {
	t.Helper()
	var out []client.Object
	for doc := range strings.SplitSeq(manifest, "\n---") {
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &obj.Object); err != nil {
			t.Fatal(err)
		}
		decodeTyped(t, doc)
		out = append(out, obj)
	}
	return out
}

// decodeTyped reads one policy object as a Go client does.
func decodeTyped(t testing.TB, doc string) client.Object {
	t.Helper()
	kinds := map[string]client.Object{
		"NetworkPolicy":                  &networkingv1.NetworkPolicy{},
		"CiliumNetworkPolicy":            &ciliumv2.CiliumNetworkPolicy{},
		"CiliumClusterwideNetworkPolicy": &ciliumv2.CiliumClusterwideNetworkPolicy{},
		"ClusterNetworkPolicy":           &policyv1alpha2.ClusterNetworkPolicy{},
		"CiliumCIDRGroup":                &ciliumv2.CiliumCIDRGroup{},
	}
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(doc), &meta); err != nil {
		t.Fatal(err)
	}
	obj, known := kinds[meta.Kind]
	if !known {
		t.Fatalf("unknown kind %q in:\n%s", meta.Kind, doc)
	}
	if err := yaml.UnmarshalStrict([]byte(doc), obj); err != nil {
		t.Fatalf("%v in:\n%s", err, doc)
	}
	return obj
}

// service reads "tcp/104" or "icmp/8".
func service(t *testing.T, text string) flow.Flow {
	t.Helper()
	protocol, number, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	f := flow.Flow{Protocol: flow.Protocol(strings.ToUpper(protocol))}
	if f.Protocol == flow.ICMP {
		f.ICMPType = uint8(n)
		return f
	}
	f.Port = uint16(n)
	return f
}

// A judge is either of the two.
type judge interface {
	Allowed(from, to Endpoint, f flow.Flow) (bool, error)
}

// checkFlows asks the judge about every case.
func checkFlows(t *testing.T, j judge, cases []flowCase) {
	t.Helper()
	endpoints := hospital()
	for _, tc := range cases {
		from, okFrom := endpoints[tc.from]
		to, okTo := endpoints[tc.to]
		if !okFrom || !okTo {
			t.Fatalf("unknown endpoint in %+v", tc)
		}
		got, err := j.Allowed(from, to, service(t, tc.service))
		if err != nil {
			t.Errorf("%s > %s %s: %v", tc.from, tc.to, tc.service, err)
			continue
		}
		if got != tc.allowed {
			t.Errorf("%s > %s %s: allowed = %t, want %t", tc.from, tc.to, tc.service, got, tc.allowed)
		}
	}
}

// checkCilium judges the hospital under the manifests by Cilium.
func checkCilium(t *testing.T, cases []flowCase, manifests ...string) {
	t.Helper()
	j, err := Cilium(hospitalWorld(t, manifests...))
	if err != nil {
		t.Fatal(err)
	}
	checkFlows(t, j, cases)
}

// replace fills a placeholder of a manifest.
func replace(manifest, placeholder, text string) string {
	return strings.ReplaceAll(manifest, placeholder, text)
}

// baselineByName is the baseline that holds before its namespace exists.
const baselineByName = `
kind: CiliumClusterwideNetworkPolicy
metadata: {name: medfence-baseline}
spec:
  endpointSelector: {matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: In, values: [infusion]}]}
  ingress: [{}]
  egress: [{}]
`

// checkCyclonus judges the hospital under the manifests by cyclonus.
func checkCyclonus(t *testing.T, cases []flowCase, manifests ...string) {
	t.Helper()
	j, err := Cyclonus(hospitalWorld(t, manifests...))
	if err != nil {
		t.Fatal(err)
	}
	checkFlows(t, j, cases)
}

// judges returns both judges of a world.
func judges(t *testing.T, w World) map[string]judge {
	t.Helper()
	cilium, err := Cilium(w)
	if err != nil {
		t.Fatal(err)
	}
	cyclonus, err := Cyclonus(w)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]judge{"cilium": cilium, "cyclonus": cyclonus}
}
