package gather

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// A defeat is a setting of Cilium's that leaves policies without effect
// (pkg/option/config.go of Cilium 1.20).
type defeat struct {
	key string
	// voids reports whether a value does, and an error for one that is no value.
	voids func(string) (bool, error)
	// remedy is the value that does not.
	remedy string
	// what it leaves without effect.
	effect string
	// ciliumOnly is true for settings about Cilium's own policies.
	ciliumOnly bool
}

var defeats = []defeat{
	{"policy-audit-mode", is(true), "false", "denied traffic is only logged", false},
	{"enable-policy", isNever, "default", "no policy is enforced", false},
	{"enable-k8s-networkpolicy", is(false), "true", "NetworkPolicies are ignored", false},
	{"enable-cilium-network-policy", is(false), "true", "CiliumNetworkPolicies are ignored", true},
	{"enable-cilium-clusterwide-network-policy", is(false), "true", "CiliumClusterwideNetworkPolicies are ignored", true},
	{"enable-non-default-deny-policies", is(false), "true", "enableDefaultDeny is ignored, so allows isolate and guards close", true},
}

// is returns a test for a value that is true or false.
func is(void bool) func(string) (bool, error) {
	return func(text string) (bool, error) {
		on, err := strconv.ParseBool(text)
		return err == nil && on == void, err
	}
}

func isNever(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "never":
		return true, nil
	case "default", "always":
		return false, nil
	}
	return false, fmt.Errorf("%q is none of default, always and never", text)
}

// voids looks for settings that defeat the policies of the target, in Cilium's
// ConfigMap and, node by node, in its CiliumNodeConfigs.
func (g *Gatherer) voids(ctx context.Context, config map[string]string, out *snapshot.Snapshot) error {
	at := fmt.Sprintf("the ConfigMap %s", g.Settings.CiliumConfig)
	found, err := g.defeated(config, at, "restart Cilium")
	if err != nil {
		return err
	}
	out.Cluster.Voids = found
	if !g.Settings.NodeConfigs {
		return nil
	}
	var list ciliumv2.CiliumNodeConfigList
	if err := g.Reader.List(ctx, &list, client.InNamespace(g.Settings.CiliumConfig.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing CiliumNodeConfigs: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b ciliumv2.CiliumNodeConfig) int { return cmp.Compare(a.Name, b.Name) })
	for i := range list.Items {
		at := fmt.Sprintf("the CiliumNodeConfig %s/%s", list.Items[i].Namespace, list.Items[i].Name)
		found, err := g.defeated(list.Items[i].Spec.Defaults, at, "restart Cilium on the nodes that it selects")
		if err != nil {
			return err
		}
		out.Cluster.Voids = append(out.Cluster.Voids, found...)
	}
	return nil
}

func (g *Gatherer) defeated(config map[string]string, at, restart string) ([]snapshot.Note, error) {
	var out []snapshot.Note
	for _, d := range defeats {
		text := strings.TrimSpace(config[d.key])
		if text == "" || d.ciliumOnly && g.Settings.Target != snapshot.Cilium {
			continue
		}
		voids, err := d.voids(text)
		if err != nil {
			return nil, &UnknownError{Message: fmt.Sprintf("%s cannot be understood: %s is %q; correct it", at, d.key, text)}
		}
		if voids {
			out = append(out, snapshot.Note{
				Reason:  medfencev1alpha1.ReasonCiliumVoids,
				Message: fmt.Sprintf("%s sets %s to %s: %s; set it to %s and %s", at, d.key, text, d.effect, d.remedy, restart),
			})
		}
	}
	return out, nil
}

// SameNodeConfig reports whether two versions of a CiliumNodeConfig are equal to
// the gatherer.
func SameNodeConfig(a, b *ciliumv2.CiliumNodeConfig) bool {
	return maps.Equal(a.Spec.Defaults, b.Spec.Defaults)
}
