package gather_test

import (
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/snapshot"
)

func TestASettingOfCiliumsThatDefeatsAZoneIsNamedWithItsRemedy(t *testing.T) {
	for setting, want := range map[string]string{
		"policy-audit-mode=true":                         "sets policy-audit-mode to true: denied traffic is only logged; set it to false and restart Cilium",
		"policy-audit-mode=1":                            "sets policy-audit-mode to 1",
		"policy-audit-mode=false":                        "",
		"enable-policy=never":                            "set it to default and restart",
		"enable-policy=always":                           "",
		"enable-policy=":                                 "",
		"enable-k8s-networkpolicy=false":                 "NetworkPolicies are ignored; set it to true",
		"enable-k8s-networkpolicy=true":                  "",
		"enable-cilium-network-policy=false":             "CiliumNetworkPolicies are ignored",
		"enable-cilium-clusterwide-network-policy=false": "CiliumClusterwideNetworkPolicies are ignored",
		"enable-non-default-deny-policies=false":         "enableDefaultDeny is ignored",
		"policy-cidr-match-mode=nodes":                   "",
	} {
		t.Run(setting, func(t *testing.T) {
			key, value, _ := strings.Cut(setting, "=")
			got, err := look(t, settings, ciliumConfig(map[string]string{key: value}))
			if err != nil {
				t.Fatal(err)
			}
			checkVoids(t, got.Cluster.Voids, want)
		})
	}
}

func checkVoids(t *testing.T, got []snapshot.Note, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("got %v, want none", got)
	case want != "" && (len(got) != 1 || got[0].Reason != "CiliumVoids" || !strings.Contains(got[0].Message, want)):
		t.Errorf("got %v, want one with %q", got, want)
	}
}

func TestASettingThatIsNoValueIsUnknown(t *testing.T) {
	for _, key := range []string{"policy-audit-mode", "enable-policy", "enable-non-default-deny-policies"} {
		_, err := look(t, settings, ciliumConfig(map[string]string{key: "perhaps"}))
		unknown, ok := gather.AsUnknown(err)
		if !ok || !strings.Contains(unknown.Message, key) {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

func TestOneNodeCanDefeatAZone(t *testing.T) {
	node := func(namespace string) *ciliumv2.CiliumNodeConfig {
		return &ciliumv2.CiliumNodeConfig{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "debug"},
			Spec:       ciliumv2.CiliumNodeConfigSpec{Defaults: map[string]string{"policy-audit-mode": "true"}},
		}
	}
	served := settings
	served.NodeConfigs = true
	got, err := look(t, served, node("kube-system"), node("elsewhere"))
	if err != nil {
		t.Fatal(err)
	}
	checkVoids(t, got.Cluster.Voids, "the CiliumNodeConfig kube-system/debug sets policy-audit-mode to true: denied traffic is only logged; set it to false and restart Cilium on the nodes that it selects")
	got, err = look(t, settings, node("kube-system"))
	if err != nil {
		t.Fatal(err)
	}
	checkVoids(t, got.Cluster.Voids, "")
}

func TestPlainNetworkPoliciesAreDefeatedByFewerSettings(t *testing.T) {
	plain := settings
	plain.Target = snapshot.Netpol
	for setting, want := range map[string]string{
		"enable-cilium-network-policy": "",
		"enable-k8s-networkpolicy":     "NetworkPolicies are ignored",
	} {
		got, err := look(t, plain, ciliumConfig(map[string]string{setting: "false"}))
		if err != nil {
			t.Fatal(err)
		}
		checkVoids(t, got.Cluster.Voids, want)
	}
}
