package oracle

import (
	"fmt"
	"log/slog"
	"slices"

	ipcachetypes "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimnetworkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	policytypes "github.com/cilium/cilium/pkg/policy/types"
	policyutils "github.com/cilium/cilium/pkg/policy/utils"
	"sigs.k8s.io/controller-runtime/pkg/client"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// sources is what the agent's watchers make of the policy objects.
type sources struct {
	entries map[ipcachetypes.ResourceID]policytypes.PolicyEntries
	groups  []*ciliumv2.CiliumCIDRGroup
}

// newSources reads the objects. An object that the agent would refuse is an
// error: whoever judges it has made a mistake.
func newSources(objects []client.Object, logger *slog.Logger) (*sources, error) {
	s := &sources{entries: map[ipcachetypes.ResourceID]policytypes.PolicyEntries{}}
	for _, obj := range objects {
		if err := s.add(obj, logger); err != nil {
			return nil, fmt.Errorf("reading %s: %w", describe(obj), err)
		}
	}
	return s, nil
}

func (s *sources) add(obj client.Object, logger *slog.Logger) error {
	switch kindOf(obj) {
	case "NetworkPolicy":
		return s.addNetworkPolicy(obj, logger)
	case "ClusterNetworkPolicy":
		stored := &policyv1alpha2.ClusterNetworkPolicy{}
		if err := read(obj, stored); err != nil {
			return err
		}
		entries, err := k8s.ParseClusterNetworkPolicy(logger, clusterName, stored)
		return s.insert(ipcachetypes.ResourceKindKCNP, obj, entries, err)
	case "CiliumNetworkPolicy":
		stored := &ciliumv2.CiliumNetworkPolicy{}
		if err := read(obj, stored); err != nil {
			return err
		}
		rules, err := stored.Parse(logger, clusterName)
		return s.addRules(ipcachetypes.ResourceKindCNP, obj, rules, err)
	case "CiliumClusterwideNetworkPolicy":
		stored := &ciliumv2.CiliumClusterwideNetworkPolicy{}
		if err := read(obj, stored); err != nil {
			return err
		}
		rules, err := stored.Parse(logger, clusterName)
		return s.addRules(ipcachetypes.ResourceKindCCNP, obj, rules, err)
	case "CiliumCIDRGroup":
		stored := &ciliumv2.CiliumCIDRGroup{}
		s.groups = append(s.groups, stored)
		return read(obj, stored)
	}
	return fmt.Errorf("this kind of object is not judged")
}

func (s *sources) addNetworkPolicy(obj client.Object, logger *slog.Logger) error {
	stored, err := readNetworkPolicy(obj)
	if err != nil {
		return err
	}
	slim := &slimnetworkingv1.NetworkPolicy{}
	if err := read(stored, slim); err != nil {
		return err
	}
	entries, err := k8s.ParseNetworkPolicy(logger, clusterName, slim)
	return s.insert(ipcachetypes.ResourceKindNetpol, obj, entries, err)
}

func (s *sources) addRules(kind ipcachetypes.ResourceKind, obj client.Object, rules api.Rules, err error) error {
	if err != nil {
		return err
	}
	for _, r := range rules {
		if err := judgeable(r); err != nil {
			return err
		}
	}
	return s.insert(kind, obj, policyutils.RulesToPolicyEntries(rules), nil)
}

// insert adds what an object was parsed to. It refuses a second object of the
// same kind and name, which no API server would hold.
func (s *sources) insert(kind ipcachetypes.ResourceKind, obj client.Object, entries policytypes.PolicyEntries, err error) error {
	if err != nil {
		return err
	}
	id := ipcachetypes.NewResourceID(kind, obj.GetNamespace(), obj.GetName())
	if _, taken := s.entries[id]; taken {
		return fmt.Errorf("the world has two objects of this name")
	}
	s.entries[id] = entries
	return nil
}

// judgeable refuses rules that mean something other than what the objects of a
// World can tell: members of Services and of cloud groups, and authentication.
func judgeable(r *api.Rule) error {
	untold := func(common api.EgressCommonRule) bool {
		return len(common.ToServices) > 0 || len(common.ToGroups) > 0
	}
	refused := slices.ContainsFunc(r.Ingress, func(in api.IngressRule) bool {
		return len(in.FromGroups) > 0 || in.Authentication != nil
	}) || slices.ContainsFunc(r.IngressDeny, func(in api.IngressDenyRule) bool {
		return len(in.FromGroups) > 0
	}) || slices.ContainsFunc(r.Egress, func(out api.EgressRule) bool {
		return untold(out.EgressCommonRule) || out.Authentication != nil
	}) || slices.ContainsFunc(r.EgressDeny, func(out api.EgressDenyRule) bool {
		return untold(out.EgressCommonRule)
	})
	if refused {
		return fmt.Errorf("toServices, toGroups, fromGroups and authentication are not judged")
	}
	return nil
}
