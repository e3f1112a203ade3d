package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// found is what a cluster serves, as far as it decides how the operator runs.
// It is comparable: when it changes, the operator starts anew.
type found struct {
	// ours is true when all three kinds of Medfence are served.
	ours bool
	// cilium is true when all kinds are served that are written on Cilium.
	cilium bool
	// serviceCIDRs is true when the API server tells its service ranges.
	serviceCIDRs bool
	// identities is true when Cilium keeps its identities in the API server.
	identities bool
	// nodeConfigs is true when Cilium can be set up node by node.
	nodeConfigs bool
	// clusterPolicies and adminPolicies are true when the policies of cluster
	// administrators are served, in today's form or the one before.
	clusterPolicies, adminPolicies bool
	// configForbidden is true when Cilium's settings may not be read.
	configForbidden bool
}

// The policies of cluster administrators (network-policy-api.sigs.k8s.io). They
// are never written, and read to say that they may open a zone.
var (
	clusterPolicy       = schema.GroupVersionKind{Group: "policy.networking.k8s.io", Version: "v1alpha2", Kind: "ClusterNetworkPolicy"}
	adminPolicy         = schema.GroupVersionKind{Group: "policy.networking.k8s.io", Version: "v1alpha1", Kind: "AdminNetworkPolicy"}
	adminBaselinePolicy = schema.GroupVersionKind{Group: "policy.networking.k8s.io", Version: "v1alpha1", Kind: "BaselineAdminNetworkPolicy"}
)

// adminTier returns the kinds of administrators' policies that are served.
func (f found) adminTier() []schema.GroupVersionKind {
	var out []schema.GroupVersionKind
	if f.clusterPolicies {
		out = append(out, clusterPolicy)
	}
	if f.adminPolicies {
		out = append(out, adminPolicy, adminBaselinePolicy)
	}
	return out
}

// target returns the policies that are to be written: those that were asked
// for, or the best that there are.
func (f found) target(asked string) snapshot.TargetKind {
	switch {
	case asked == string(snapshot.Netpol):
		return snapshot.Netpol
	case asked == string(snapshot.Cilium), f.cilium:
		return snapshot.Cilium
	}
	return snapshot.Netpol
}

// missing returns what must be there before the operator can run, in words.
func (f found) missing(asked string) string {
	switch {
	case !f.ours:
		return "the CRDs of medfence.io are not installed"
	case asked == string(snapshot.Cilium) && !f.cilium:
		return "the CRDs of cilium.io are not installed, and --target=cilium needs them"
	}
	return ""
}

// A scout finds out what a cluster serves.
type scout struct {
	discovery discovery.DiscoveryInterface
	client    client.Client
	config    types.NamespacedName
}

func newScout(config *rest.Config, ciliumConfig types.NamespacedName) (*scout, error) {
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a discovery client: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &scout{discovery: d, client: c, config: ciliumConfig}, nil
}

// look asks the API server.
func (s *scout) look(ctx context.Context) (found, error) {
	var f found
	answers := map[string]map[string]bool{} // the resources of each version, asked once
	for _, ask := range []struct {
		answer    *bool
		version   string
		resources []string
	}{
		{&f.ours, medfencev1alpha1.GroupVersion.String(), []string{"conduits", "devicezones", "medicaldevices"}},
		{&f.cilium, "cilium.io/v2", []string{"ciliumcidrgroups", "ciliumclusterwidenetworkpolicies", "ciliumnetworkpolicies"}},
		{&f.identities, "cilium.io/v2", []string{"ciliumidentities"}},
		{&f.nodeConfigs, "cilium.io/v2", []string{"ciliumnodeconfigs"}},
		{&f.clusterPolicies, clusterPolicy.GroupVersion().String(), []string{"clusternetworkpolicies"}},
		{&f.adminPolicies, adminPolicy.GroupVersion().String(), []string{"adminnetworkpolicies", "baselineadminnetworkpolicies"}},
		{&f.serviceCIDRs, "networking.k8s.io/v1", []string{"servicecidrs"}},
	} {
		served, asked := answers[ask.version]
		if !asked {
			var err error
			if served, err = s.served(ask.version); err != nil {
				return found{}, err
			}
			answers[ask.version] = served
		}
		*ask.answer = !slices.ContainsFunc(ask.resources, func(r string) bool { return !served[r] })
	}
	err := retry.OnError(persistence, transient, func() error { return s.client.Get(ctx, s.config, &corev1.ConfigMap{}) })
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return found{}, fmt.Errorf("getting %s: %w", s.config, err)
	}
	f.configForbidden = apierrors.IsForbidden(err)
	return f, nil
}

// persistence is for each of the questions: asked all again after one that
// failed, an API server in trouble would be asked for minutes.
var persistence = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 4}

// served returns the resources of an API version that are served.
func (s *scout) served(version string) (map[string]bool, error) {
	var list *metav1.APIResourceList
	err := retry.OnError(persistence, transient, func() (err error) {
		list, err = s.discovery.ServerResourcesForGroupVersion(version)
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("discovering %s: %w", version, err)
	}
	served := map[string]bool{}
	for i := range list.APIResources {
		served[list.APIResources[i].Name] = true
	}
	return served, nil
}
