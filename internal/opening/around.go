package opening

import (
	"cmp"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// A Way leads round every policy: no rule can close it.
type Way struct {
	// Reason is a Reason constant of api/v1alpha1.
	Reason string
	// Kind, Namespace and Name are those of the object.
	Kind, Namespace, Name string
	// Text is one sentence that says what leads round, and what to change.
	Text string
}

// ways returns what leads round the zone's policies, sorted.
func (f *finder) ways() []Way {
	var out []Way
	for _, s := range f.Services {
		if f.spaces[s.Namespace] && s.HidesSource {
			out = append(out, Way{
				medfencev1alpha1.ReasonSourceAddressLost, "Service", s.Namespace, s.Name,
				"Whoever comes through a port of the nodes has the address of a node: set externalTrafficPolicy to Local, or use a ClusterIP Service.",
			})
		}
	}
	for _, p := range f.Pods {
		if f.spaces[p.Namespace] {
			out = append(out, f.waysOf(p)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Way) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// waysOf returns what leads round at one pod.
func (f *finder) waysOf(p snapshot.Pod) []Way {
	var out []Way
	add := func(reason, text string) {
		out = append(out, Way{reason, "Pod", p.Namespace, p.Name, text})
	}
	if p.HostNetwork {
		add(medfencev1alpha1.ReasonHostNetworkPod, "It is on the network of its node, where no policy reaches it: run it without hostNetwork, or outside the zone.")
	}
	if p.Networks != "" {
		add(medfencev1alpha1.ReasonSecondaryInterface, "It has further network interfaces, which no policy sees: remove the annotation k8s.v1.cni.cncf.io/networks.")
	}
	if keys := reservedKeys(p.Labels); len(keys) > 0 && f.Semantics.Engine == verdict.Cilium {
		add(medfencev1alpha1.ReasonPodReservedLabel, "It has labels that Cilium takes for its own ("+strings.Join(keys, ", ")+"): rename them.")
	}
	return out
}

// reserved are the label keys that Cilium reads by the key alone.
var reserved = []string{"host", "init", "world", "world-ipv4", "world-ipv6", "remote-node", "health", "ingress", "kube-apiserver", "unmanaged", "unknown", "none"}

// Reserved reports whether Cilium takes one of the labels for its own.
func Reserved(labels map[string]string) bool { return len(reservedKeys(labels)) > 0 }

func reservedKeys(labels map[string]string) []string {
	var out []string
	for _, k := range reserved {
		if _, there := labels[k]; there {
			out = append(out, k)
		}
	}
	return out
}
