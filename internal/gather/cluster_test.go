package gather_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/snapshot"
)

var settings = gather.Settings{
	Target:        snapshot.Cilium,
	Protected:     []string{"medfence-system", "cilium", "medfence-system"},
	DNSService:    types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
	CiliumConfig:  types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
	ClusterDomain: "cluster.local",
	ServiceCIDRs:  true,
}

// look gathers for a zone that does not exist: the cluster alone.
func look(t *testing.T, s gather.Settings, objects ...client.Object) (*snapshot.Snapshot, error) {
	t.Helper()
	memory, err := gathertest.New(&snapshot.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	memory.Objects = objects
	g := &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}, Settings: s}
	out, err := g.Zone(t.Context(), "none", time.Time{})
	if err != nil {
		return nil, err
	}
	return out.Snapshot, nil
}

func system(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "kube-system", Name: name}
}

func ciliumConfig(data map[string]string) client.Object {
	return &corev1.ConfigMap{ObjectMeta: system("cilium-config"), Data: data}
}

func dnsService(target intstr.IntOrString) client.Object {
	s := &corev1.Service{ObjectMeta: system("kube-dns")}
	s.Spec.Selector = map[string]string{"k8s-app": "kube-dns"}
	s.Spec.Ports = []corev1.ServicePort{
		{Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: target},
		{Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: target},
		{Port: 9153, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(9153)},
	}
	return s
}

func TestTheClustersOwnRangesAreCollected(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	node.Spec.PodCIDRs = []string{"10.244.1.0/24", "fd00:10:244:1::/64"}
	node.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: "192.168.1.10"}, {Type: corev1.NodeHostName, Address: "n1"},
	}
	services := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}}
	services.Spec.CIDRs = []string{"10.96.0.0/16"}
	got, err := look(t, settings, node, services, ciliumConfig(map[string]string{"cluster-pool-ipv4-cidr": "10.0.0.0/16 10.1.0.0/16"}))
	if err != nil {
		t.Fatal(err)
	}
	want := "[10.0.0.0/15 10.96.0.0/16 10.244.1.0/24 192.168.1.10/32 fd00:10:244:1::/64]"
	if diff := cmp.Diff(want, fmt.Sprint(got.Cluster.Ranges)); diff != "" || got.Cluster.RangesUnknown {
		t.Errorf("unknown: %v (-want +got)\n%s", got.Cluster.RangesUnknown, diff)
	}
	if diff := cmp.Diff([]string{"cilium", "medfence-system"}, got.Cluster.Protected); diff != "" {
		t.Error(diff)
	}
}

func TestPodRangesMayBeUnknown(t *testing.T) {
	for name, tc := range map[string]struct {
		config map[string]string
		want   bool
	}{
		"nothing tells them":                                  {map[string]string{}, true},
		"Cilium hands them out":                               {map[string]string{"cluster-pool-ipv4-cidr": "10.0.0.0/8"}, false},
		"Kubernetes hands them out, whatever else is written": {map[string]string{"ipam": "kubernetes", "cluster-pool-ipv4-cidr": "10.0.0.0/8"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := look(t, settings, ciliumConfig(tc.config))
			if err != nil {
				t.Fatal(err)
			}
			if got.Cluster.RangesUnknown != tc.want {
				t.Errorf("unknown: %v, want %v", got.Cluster.RangesUnknown, tc.want)
			}
		})
	}
}

func TestCiliumsSettingsSayWhatItEnforces(t *testing.T) {
	envoy := settings
	envoy.Envoy = true
	for name, tc := range map[string]struct {
		settings gather.Settings
		config   map[string]string
		want     snapshot.Target
	}{
		"all of it":         {envoy, nil, snapshot.Target{Kind: snapshot.Cilium, HTTP: true, ICMP: true, DNSProxy: true, Cluster: "default", MapMax: 16384}},
		"nobody said Envoy": {settings, nil, snapshot.Target{Kind: snapshot.Cilium, ICMP: true, DNSProxy: true, Cluster: "default", MapMax: 16384}},
		"no proxy at all": {envoy, map[string]string{"enable-l7-proxy": "false", "enable-icmp-rules": "true"},
			snapshot.Target{Kind: snapshot.Cilium, ICMP: true, Cluster: "default", MapMax: 16384}},
		"no ICMP": {envoy, map[string]string{"enable-icmp-rules": "false"},
			snapshot.Target{Kind: snapshot.Cilium, HTTP: true, DNSProxy: true, Cluster: "default", MapMax: 16384}},
		"a cluster of a mesh": {settings, map[string]string{"cluster-name": "east"},
			snapshot.Target{Kind: snapshot.Cilium, ICMP: true, DNSProxy: true, Cluster: "east", MapMax: 16384}},
		"prefixes that match nodes": {settings, map[string]string{"policy-cidr-match-mode": "nodes"},
			snapshot.Target{Kind: snapshot.Cilium, ICMP: true, DNSProxy: true, Cluster: "default", CIDRMatch: true, MapMax: 16384}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := look(t, tc.settings, ciliumConfig(tc.config))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Target); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutCiliumsSettingsTheStockOnesAreAssumedWithAWarning(t *testing.T) {
	got, err := look(t, settings)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(snapshot.Target{Kind: snapshot.Cilium, ICMP: true, DNSProxy: true, MapMax: 16384}, got.Target); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"CiliumConfigUnread", "DNSUnknown"}, reasons(got)); diff != "" {
		t.Error(diff)
	}
}

func reasons(s *snapshot.Snapshot) []string {
	var out []string
	for _, n := range s.Cluster.Notes {
		out = append(out, n.Reason)
	}
	return out
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	forbidden := settings
	forbidden.CiliumConfigForbidden = true
	for name, tc := range map[string]struct {
		settings gather.Settings
		objects  []client.Object
		want     string
	}{
		"settings that may not be read": {forbidden, nil,
			"the operator may not read the ConfigMap kube-system/cilium-config, so it cannot know what Cilium enforces; grant it get, list and watch there"},
		"a switch that is neither": {settings, []client.Object{ciliumConfig(map[string]string{"enable-l7-proxy": "maybe"})},
			"the ConfigMap kube-system/cilium-config cannot be understood: enable-l7-proxy is neither true nor false; correct it"},
		"a range that is none": {settings, []client.Object{ciliumConfig(map[string]string{"cluster-pool-ipv4-cidr": "10/8"})},
			`the ConfigMap kube-system/cilium-config cannot be understood: cluster-pool-ipv4-cidr holds "10/8", which is not a prefix; correct it`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := look(t, tc.settings, tc.objects...)
			unknown, ok := gather.AsUnknown(err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tc.want, unknown.Message); diff != "" {
				t.Error(diff)
			}
		})
	}
	forbidden.Target = snapshot.Netpol
	if _, err := look(t, forbidden); err != nil {
		t.Errorf("without Cilium its settings do not matter: %v", err)
	}
}

func TestTheClustersDNSIsResolvedToItsPods(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: system("coredns-1")}
	pod.Labels = map[string]string{"k8s-app": "kube-dns"}
	pod.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "dns", ContainerPort: 5353}}}}
	other := pod.DeepCopy()
	other.Name, other.Labels = "other", nil
	other.Spec.Containers[0].Ports[0].ContainerPort = 53
	for name, tc := range map[string]struct {
		target intstr.IntOrString
		want   uint16
	}{
		"by number":             {intstr.FromInt32(1053), 1053},
		"by name":               {intstr.FromString("dns"), 5353},
		"by the Service's port": {intstr.IntOrString{}, 53},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := look(t, settings, dnsService(tc.target), pod, other)
			if err != nil {
				t.Fatal(err)
			}
			want := snapshot.DNS{
				Namespace: "kube-system", Selector: map[string]string{"k8s-app": "kube-dns"}, Domain: "cluster.local",
				Ports: []snapshot.DNSPort{{Protocol: "TCP", Port: tc.want}, {Protocol: "UDP", Port: tc.want}},
			}
			if diff := cmp.Diff(want, got.Cluster.DNS); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An operator that died between writing a baseline and saying so in the status
// must not open the namespace when it leaves the zone meanwhile.
func TestABaselineThatStandsKeepsItsNamespaceInTheZone(t *testing.T) {
	zone := &medfencev1alpha1.DeviceZone{}
	zone.Name, zone.UID = "none", "uid"
	zone.Spec.Role = medfencev1alpha1.RoleDevice
	baseline := &unstructured.Unstructured{}
	baseline.SetAPIVersion("networking.k8s.io/v1")
	baseline.SetKind("NetworkPolicy")
	baseline.SetNamespace("icu")
	baseline.SetName("medfence-baseline-none")
	baseline.SetLabels(map[string]string{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy, medfencev1alpha1.LabelComponent: "baseline"})
	baseline.SetAnnotations(map[string]string{medfencev1alpha1.AnnotationZoneUID: "uid"})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "icu", Name: "p"}}
	got, err := look(t, settings, zone, baseline, pod)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]medfencev1alpha1.NamespaceStatus{{Name: "icu", Baseline: true}}, got.Zones[0].Closed); diff != "" {
		t.Error(diff)
	}
	if len(got.Pods) != 1 {
		t.Errorf("its pods are not read: %v", got.Pods)
	}
}
