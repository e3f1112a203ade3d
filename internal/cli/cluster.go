package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
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
	server string
	reader client.Reader
	mapper meta.RESTMapper
}

// connect finds the cluster of the usual kubectl flags.
func (c *common) connect() (*live, error) {
	config, err := c.kube.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w; check --kubeconfig and --context, or name manifests with -f to do without a cluster", err)
	}
	config.QPS, config.Burst = 50, 100
	config.UserAgent = rest.DefaultKubernetesUserAgent()
	l := &live{server: config.Host}
	if l.mapper, err = c.kube.ToRESTMapper(); err != nil {
		return nil, l.advise(fmt.Errorf("asking the cluster for its kinds: %w", err))
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, networkingv1.AddToScheme, medfencev1alpha1.AddToScheme, ciliumv2.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("preparing the kinds: %w", err)
		}
	}
	writer, err := client.New(config, client.Options{Scheme: scheme, Mapper: l.mapper})
	if err != nil {
		return nil, l.advise(fmt.Errorf("connecting to the cluster: %w", err))
	}
	l.reader = writer
	return l, nil
}

// advise adds to an error of the API server what to do about it.
func (l *live) advise(err error) error {
	var status apierrors.APIStatus
	var transport *url.Error
	switch {
	case err == nil:
		return nil
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w; the API server does not know you: log in again, or check --kubeconfig and --context", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w; this program only reads, and needs the ClusterRole medfence-reader of config/samples/reader: ask who runs the cluster to bind it to you, or name manifests with -f", err)
	case errors.As(err, &status):
		return err
	case errors.As(err, &transport):
		return fmt.Errorf("the API server %s does not answer: %w; check --kubeconfig, --context and your network, or name manifests with -f to do without a cluster", l.server, transport.Err)
	}
	return err
}

// serves reports whether the cluster serves a kind.
func (l *live) serves(kind schema.GroupVersionKind) (bool, error) {
	_, err := l.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking the cluster for its kinds: %w", err)
	}
	return true, nil
}

// input reads all that the compiler and the judge look at.
func (l *live) input(ctx context.Context, c *common) (*input, error) {
	for _, kind := range []string{"DeviceZone", "MedicalDevice", "Conduit"} {
		served, err := l.serves(medfencev1alpha1.GroupVersion.WithKind(kind))
		if err != nil {
			return nil, err
		}
		if !served {
			return nil, fmt.Errorf("the cluster %s does not serve %s of %s; install Medfence's CRDs (kubectl apply -k config/crd), check --context, or name manifests with -f", l.server, kind, medfencev1alpha1.GroupVersion)
		}
	}
	settings, err := l.settings(ctx, c)
	if err != nil {
		return nil, err
	}
	g := gather.Gatherer{Reader: l.reader, Kinds: trusting{}, Settings: settings}
	out := &input{name: "the cluster"}
	if out.snapshot, err = g.All(ctx, c.streams.now()); err != nil {
		return nil, fmt.Errorf("reading the cluster: %w", err)
	}
	if out.recorded, err = g.Recorded(ctx); err != nil {
		return nil, fmt.Errorf("reading the cluster: %w", err)
	}
	out.policies, err = l.policies(ctx)
	return out, err
}

// settings are the flags, as the operator takes them, and what the cluster
// serves.
func (l *live) settings(ctx context.Context, c *common) (gather.Settings, error) {
	out := c.gatherSettings()
	for _, ask := range []struct {
		answer *bool
		kind   schema.GroupVersionKind
	}{
		{&out.ServiceCIDRs, networkingv1.SchemeGroupVersion.WithKind("ServiceCIDR")},
		{&out.Identities, ciliumv2.SchemeGroupVersion.WithKind("CiliumIdentity")},
		{&out.NodeConfigs, ciliumv2.SchemeGroupVersion.WithKind("CiliumNodeConfig")},
	} {
		var err error
		if *ask.answer, err = l.serves(ask.kind); err != nil {
			return out, err
		}
	}
	var err error
	if out.Target, err = l.target(c.target); err != nil {
		return out, err
	}
	out.CiliumConfigForbidden, err = l.forbidden(ctx, out)
	return out, err
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
			return nil, err
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
			return "", err
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
func (trusting) Check(context.Context, string, gather.Listed) error { return nil }

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
