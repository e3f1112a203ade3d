package gather

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// ciliumConfig returns Cilium's settings, or nil where there are none.
func (g *Gatherer) ciliumConfig(ctx context.Context) (map[string]string, error) {
	if g.Settings.CiliumConfigForbidden {
		if g.Settings.Target == snapshot.Cilium {
			return nil, &UnknownError{Message: fmt.Sprintf(
				"the operator may not read the ConfigMap %s, so it cannot know what Cilium enforces; grant it get, list and watch there",
				g.Settings.CiliumConfig)}
		}
		return nil, nil
	}
	config := &corev1.ConfigMap{}
	err := g.Reader.Get(ctx, g.Settings.CiliumConfig, config, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("getting %s: %w", g.Settings.CiliumConfig, err)
	case config.Data == nil:
		return map[string]string{}, nil
	}
	return config.Data, nil
}

// unreadable says that a setting of Cilium's cannot be understood.
func (g *Gatherer) unreadable(err error) error {
	return &UnknownError{Message: fmt.Sprintf("the ConfigMap %s cannot be understood: %v; correct it", g.Settings.CiliumConfig, err)}
}

// target says what the cluster can enforce. Without Cilium's settings its stock
// ones are assumed, with a warning.
func (g *Gatherer) target(config map[string]string, out *snapshot.Snapshot) error {
	out.Target.Kind = g.Settings.Target
	if out.Target.Kind != snapshot.Cilium {
		return nil
	}
	if config == nil {
		out.Cluster.Notes = append(out.Cluster.Notes, snapshot.Note{
			Reason: medfencev1alpha1.ReasonCiliumConfigUnread,
			Message: fmt.Sprintf("the ConfigMap %s does not exist, so Cilium's stock settings are assumed; check that they hold",
				g.Settings.CiliumConfig),
		})
	}
	proxy, err := switchedOn(config, "enable-l7-proxy")
	if err != nil {
		return g.unreadable(err)
	}
	icmp, err := switchedOn(config, "enable-icmp-rules")
	if err != nil {
		return g.unreadable(err)
	}
	out.Target.HTTP = proxy && g.Settings.Envoy
	out.Target.DNSProxy, out.Target.ICMP = proxy, icmp
	out.Target.Cluster = clusterName(config)
	out.Target.CIDRMatch = strings.TrimSpace(config["policy-cidr-match-mode"]) != ""
	return nil
}

// defaultCluster is the name of a cluster that Cilium was not told another of.
const defaultCluster = "default"

// clusterName returns the own cluster's name, or "" where nobody can know it: a
// denial of all clusters but one of a wrong name would deny the own one.
func clusterName(config map[string]string) string {
	switch {
	case config == nil:
		return ""
	case config["cluster-name"] == "":
		return defaultCluster
	}
	return config["cluster-name"]
}

// switchedOn reads a setting that is on unless it says otherwise.
func switchedOn(config map[string]string, key string) (bool, error) {
	text, ok := config[key]
	if !ok || text == "" {
		return true, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s is neither true nor false", key)
	}
	return on, nil
}

// configPrefixes returns the pod ranges that Cilium hands out by itself. They
// are separated by spaces or commas.
func configPrefixes(config map[string]string) ([]netip.Prefix, error) {
	if ipam := config["ipam"]; ipam != "" && ipam != "cluster-pool" {
		return nil, nil
	}
	var out []netip.Prefix
	for _, key := range []string{"cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr"} {
		for _, text := range strings.FieldsFunc(config[key], func(r rune) bool { return r == ' ' || r == ',' }) {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("%s holds %q, which is not a prefix", key, text)
			}
			out = append(out, p.Masked())
		}
	}
	return out, nil
}
