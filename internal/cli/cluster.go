package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/snapshot"
)

// A live cluster, read once: nothing is watched and nothing written.
type live struct {
	reader client.Client
	mapper meta.RESTMapper
}

// connect finds the cluster of the usual kubectl flags.
func (c *common) connect() (*live, error) {
	config, err := c.kube.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w; name manifests with -f to do without one", err)
	}
	config.QPS, config.Burst = 50, 100
	config.UserAgent = rest.DefaultKubernetesUserAgent()
	mapper, err := c.kube.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("asking the cluster for its kinds: %w", err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, networkingv1.AddToScheme, medfencev1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("preparing the kinds: %w", err)
		}
	}
	reader, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return &live{reader: reader, mapper: mapper}, nil
}

// serves reports whether the cluster serves a kind.
func (l *live) serves(kind schema.GroupVersionKind) (bool, error) {
	_, err := l.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// snapshot reads all that the compiler looks at.
func (l *live) snapshot(ctx context.Context, c *common) (*snapshot.Snapshot, error) {
	ours, err := l.serves(medfencev1alpha1.GroupVersion.WithKind("DeviceZone"))
	if err != nil {
		return nil, fmt.Errorf("asking the cluster for its kinds: %w; check --kubeconfig and --context, or name manifests with -f", err)
	}
	if !ours {
		return nil, errors.New("this cluster does not serve medfence.io/v1alpha1; install Medfence's CRDs (kubectl apply -k config/crd), or name manifests with -f")
	}
	settings := c.gatherSettings()
	settings.ServiceCIDRs, err = l.serves(networkingv1.SchemeGroupVersion.WithKind("ServiceCIDR"))
	if err != nil {
		return nil, fmt.Errorf("asking the cluster for its kinds: %w", err)
	}
	if settings.Target, err = l.target(c.target); err != nil {
		return nil, err
	}
	settings.CiliumConfigForbidden, err = l.forbidden(ctx, settings)
	if err != nil {
		return nil, err
	}
	g := gather.Gatherer{Reader: l.reader, Kinds: trusting{}, Settings: settings}
	s, err := g.All(ctx, c.streams.now())
	if err != nil {
		return nil, fmt.Errorf("reading the cluster: %w", err)
	}
	return s, nil
}

// policyKinds are the kinds of policies that are judged. Of the network policy
// API the judge knows none, and says so where one may decide.
var policyKinds = []schema.GroupVersionKind{
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "cilium.io", Version: "v2", Kind: "CiliumNetworkPolicy"},
	{Group: "cilium.io", Version: "v2", Kind: "CiliumClusterwideNetworkPolicy"},
	{Group: "cilium.io", Version: "v2", Kind: "CiliumCIDRGroup"},
	{Group: "policy.networking.k8s.io", Version: "v1alpha1", Kind: "AdminNetworkPolicy"},
	{Group: "policy.networking.k8s.io", Version: "v1alpha1", Kind: "BaselineAdminNetworkPolicy"},
	{Group: "policy.networking.k8s.io", Version: "v1alpha2", Kind: "ClusterNetworkPolicy"},
}

// policies reads all policies, whoever wrote them, as they stand.
func (l *live) policies(ctx context.Context) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, kind := range policyKinds {
		served, err := l.serves(kind)
		if err != nil {
			return nil, fmt.Errorf("asking the cluster for its kinds: %w", err)
		}
		if !served {
			continue
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := l.reader.List(ctx, list); err != nil {
			return nil, fmt.Errorf("listing %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
}

// target is cilium where all its kinds are served.
func (l *live) target(flag string) (snapshot.TargetKind, error) {
	if flag != targetAuto {
		return snapshot.TargetKind(flag), nil
	}
	for _, kind := range []string{"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "CiliumCIDRGroup"} {
		served, err := l.serves(schema.GroupVersionKind{Group: "cilium.io", Version: "v2", Kind: kind})
		if err != nil {
			return "", fmt.Errorf("asking the cluster for its kinds: %w", err)
		}
		if !served {
			return snapshot.Netpol, nil
		}
	}
	return snapshot.Cilium, nil
}

// forbidden reports whether Cilium's settings may not be read.
func (l *live) forbidden(ctx context.Context, settings gather.Settings) (bool, error) {
	err := l.reader.Get(ctx, settings.CiliumConfig, &corev1.ConfigMap{})
	switch {
	case apierrors.IsForbidden(err):
		return true, nil
	case err != nil && !apierrors.IsNotFound(err):
		return false, fmt.Errorf("reading %s: %w", settings.CiliumConfig, err)
	}
	return false, nil
}

// trusting believes the lists: they were read at once, and nothing is written
// for them.
type trusting struct{}

// Check finds nothing to doubt.
func (trusting) Check(context.Context, string, []string) error { return nil }

// gatherSettings are the flags, as the operator takes them.
func (c *common) gatherSettings() gather.Settings {
	return gather.Settings{
		Catalogue:     c.catalogue,
		Protected:     c.protectedNamespaces(),
		ClusterCIDRs:  c.clusterCIDRs,
		DNSService:    c.dnsService,
		ClusterDomain: c.clusterDomain,
		CiliumConfig:  c.ciliumConfig,
		Envoy:         c.envoy,
	}
}

// protectedNamespaces are those that no zone may hold, as the operator's own
// defaults have it.
func (c *common) protectedNamespaces() []string {
	return slices.Concat(c.protected, []string{c.dnsService.Namespace, c.ciliumConfig.Namespace, "medfence-system"},
		[]string{"cilium", "cilium-secrets", "cilium-spire", "cilium-test"})
}
