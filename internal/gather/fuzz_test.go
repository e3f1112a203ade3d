package gather_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/snapshot"
)

// FuzzCiliumConfig: whatever stands in Cilium's ConfigMap is read, or said to be
// unreadable; the same every time, and never as an error that nobody can mend.
func FuzzCiliumConfig(f *testing.F) {
	for _, pair := range [][2]string{
		{"policy-audit-mode", "true"}, {"enable-policy", "NEVER"}, {"enable-policy", ""}, {"bpf-policy-map-max", "99999999999999999999"},
		{"bpf-policy-map-max", "0x10"}, {"cluster-pool-ipv4-cidr", "10.0.0.0/8, 10.1.0.1/33"}, {"labels", "k8s:!app"}, {"policy-cidr-match-mode", "nodes,pods"},
		{"enable-icmp-rules", "yes"}, {"cluster-name", "\x00"}, {"ipam", "kubernetes"}, {"allow-localhost", "policy"},
	} {
		f.Add(pair[0], pair[1], "enable-l7-proxy", "false")
	}
	f.Fuzz(func(t *testing.T, key, value, other, text string) {
		served := settings
		served.Identities = true
		config := ciliumConfig(map[string]string{key: value, other: text})
		first, err := look(t, served, config)
		if _, unknown := gather.AsUnknown(err); err != nil && !unknown {
			t.Fatalf("%q: %q is an error: %v", key, value, err)
		}
		again, err2 := look(t, served, config)
		if (err == nil) != (err2 == nil) || err == nil && jsonOf(t, first) != jsonOf(t, again) {
			t.Errorf("%q: %q is read differently the second time", key, value)
		}
		if err == nil && first.Target.MapMax <= 0 {
			t.Errorf("%q: %q leaves room for %d entries", key, value, first.Target.MapMax)
		}
	})
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// FuzzCluster: nodes, Services, pods and ServiceCIDRs as any JSON has them are
// read without a panic, and no range that is read is invalid.
func FuzzCluster(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"podCIDR":"10.0.0.1/8","podCIDRs":["x","::/0"],"cidrs":["10.96.0.0/16","10.0.0.0/33"]},"status":{"addresses":[{"address":"fe80::1%eth0"},{"address":"::ffff:10.0.0.1"}]}}`,
		`{"spec":{"type":"LoadBalancer","selector":{"a":"b"},"ports":[{"port":70000,"targetPort":"x"},{"port":-1},{"targetPort":0}]}}`,
		`{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"[{"}},"spec":{"containers":[{"ports":[{"name":"a","containerPort":-5}]}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		node, service, pod, cidr := &corev1.Node{}, &corev1.Service{}, &corev1.Pod{}, &networkingv1.ServiceCIDR{}
		for _, o := range []client.Object{node, service, pod, cidr} {
			_ = json.Unmarshal(raw, o)
		}
		snapshot.FromPod(pod)
		snapshot.FromService(service)
		addresses, pods := snapshot.FromNode(node)
		for _, p := range append(addresses, pods...) {
			if !p.IsValid() || p != p.Masked() || p.Addr().Zone() != "" {
				t.Errorf("a node has %s", p)
			}
		}
		service.ObjectMeta = system("kube-dns")
		got, err := look(t, settings, node, service, cidr)
		if err != nil {
			return
		}
		for _, r := range got.Cluster.Ranges {
			if !r.IsValid() || r != r.Masked() {
				t.Errorf("the cluster has the range %s", r)
			}
		}
	})
}
