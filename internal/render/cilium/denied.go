package cilium

import (
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/guard"
)

const (
	// clusterKey is the label that every pod of any cluster has. A selector that
	// names it is not bound to the own cluster.
	clusterKey = k8sSource + "io.cilium.k8s.policy.cluster"
	// nameKey begins the label of addresses behind an exact name.
	nameKey = "fqdn:"

	remoteNodeKey = "reserved:remote-node"
	hostKey       = "reserved:host"
	serverKey     = "reserved:kube-apiserver"
)

type requirement = slimmetav1.LabelSelectorRequirement

func selectorOf(list ...requirement) api.EndpointSelector {
	return api.EndpointSelector{LabelSelector: &slimmetav1.LabelSelector{MatchExpressions: list}}
}

func exists(key string) requirement {
	return requirement{Key: key, Operator: slimmetav1.LabelSelectorOpExists}
}

func lacks(key string) requirement {
	return requirement{Key: key, Operator: slimmetav1.LabelSelectorOpDoesNotExist}
}

// deniedSubject selects pods and nothing else: a selector of negatives alone
// would take in Cilium's health endpoint too.
func deniedSubject(p guard.PodSet) api.EndpointSelector {
	return selectorOf(append(place(p, exists(namespaceKey)), terms(p.Terms)...)...)
}

// podSelectors selects pods of every cluster, bound by the label of the cluster
// where the namespace alone would bind them to the own one.
func podSelectors(sets []guard.PodSet) []api.EndpointSelector {
	var out []api.EndpointSelector
	for _, p := range sets {
		if p.OtherClusters != "" {
			out = append(out, selectorOf(requirement{
				Key: clusterKey, Operator: slimmetav1.LabelSelectorOpNotIn, Values: []string{p.OtherClusters},
			}))
			continue
		}
		if !p.Outside && len(p.Namespaces) == 0 {
			continue // in no namespace at all
		}
		out = append(out, selectorOf(append(place(p, exists(clusterKey)), terms(p.Terms)...)...))
	}
	return out
}

// place returns what binds pods to their namespaces, or keeps them out. What is
// outside of namespaces needs another label that all pods have.
func place(p guard.PodSet, pods requirement) []requirement {
	if !p.Outside {
		return []requirement{namespaceIn(p.Namespaces)}
	}
	if len(p.Namespaces) == 0 {
		return []requirement{pods}
	}
	outside := namespaceIn(p.Namespaces)
	outside.Operator = slimmetav1.LabelSelectorOpNotIn
	return []requirement{pods, outside}
}

func terms(list []guard.Term) []requirement {
	out := make([]requirement, 0, len(list))
	for _, t := range list {
		out = append(out, requirement{
			Key: k8sSource + t.Key, Operator: slimmetav1.LabelSelectorOperator(t.Operator), Values: t.Values,
		})
	}
	return out
}

// nodeSelectors selects nodes that are no API servers; the others are named as
// entities.
func nodeSelectors(sets []guard.NodeSet) []api.EndpointSelector {
	var out []api.EndpointSelector
	for _, n := range sets {
		if !n.NotAPIServer {
			continue
		}
		key := remoteNodeKey
		if n.Host {
			key = hostKey
		}
		out = append(out, selectorOf(exists(key), lacks(serverKey)))
	}
	return out
}

func denyEntities(d guard.Deny) api.EntitySlice {
	var out api.EntitySlice
	if d.World {
		out = append(out, api.EntityWorld)
	}
	for _, n := range d.Nodes {
		switch {
		case n.NotAPIServer:
		case n.Host:
			out = append(out, api.EntityHost)
		default:
			out = append(out, api.EntityRemoteNode)
		}
	}
	if d.Strangers {
		out = append(out, api.EntityHealth, api.EntityIngress, api.EntityInit, api.EntityUnmanaged)
	}
	return out
}

// addressRules names a group by itself where that says all, and else the labels
// that addresses have and lack.
func addressRules(sets []guard.AddressSet) api.CIDRRuleSlice {
	var out api.CIDRRuleSlice
	for _, s := range sets {
		if s.Has != nil && s.Has.Kind == guard.GroupKey && len(s.Lacks) == 0 {
			out = append(out, api.CIDRRule{CIDRGroupRef: api.CIDRGroupRef(s.Has.Name)})
			continue
		}
		var list []requirement
		if s.Has != nil {
			list = append(list, exists(addressKey(*s.Has)))
		}
		for _, k := range s.Lacks {
			list = append(list, lacks(addressKey(k)))
		}
		if len(list) > 0 {
			out = append(out, api.CIDRRule{CIDRGroupSelector: selectorOf(list...)})
		}
	}
	return out
}

func addressKey(k guard.Key) string {
	switch k.Kind {
	case guard.NameKey:
		return nameKey + k.Name
	case guard.APIServerKey:
		return serverKey
	}
	return cidrgroup.LabelPrefix + k.Name
}
