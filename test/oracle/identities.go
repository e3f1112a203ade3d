package oracle

import (
	"fmt"
	"log/slog"
	"maps"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/k8s"
	k8sconst "github.com/cilium/cilium/pkg/k8s/apis/cilium.io"
	slimcorev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
	corev1 "k8s.io/api/core/v1"
)

// serviceAccount is that of every pod of a World.
const serviceAccount = "default"

// firstPodIdentity is above what Cilium reserves.
const firstPodIdentity = identity.NumericIdentity(1000)

// A pod is what the engine knows of a pod: pods with equal identity labels
// share an identity, and with it a policy.
type pod struct {
	identity *identity.Identity
	ports    ciliumtypes.NamedPortMap
}

// A podBook allocates the identities of pods, as the agent does at their
// creation.
type podBook struct {
	pods     map[string]pod                // by Endpoint.String
	byLabels map[string]*identity.Identity // by sorted label list
	clusters map[string]uint32             // numbers of the other clusters
}

func newPodBook() *podBook {
	return &podBook{
		pods:     map[string]pod{},
		byLabels: map[string]*identity.Identity{},
		clusters: map[string]uint32{},
	}
}

// add gives a pod its identity.
func (b *podBook) add(e Endpoint, logger *slog.Logger) error {
	if e.Namespace == "" || e.Name == "" {
		return fmt.Errorf("a pod needs a namespace and a name, got %q", e)
	}
	ports, lbls := podLabels(e, logger)
	known, seen := b.pods[e.String()]
	id := b.allocate(lbls, e.Cluster)
	if seen && known.identity.ID != id.ID {
		return fmt.Errorf("two pods are called %s", e)
	}
	b.pods[e.String()] = pod{identity: id, ports: ports}
	return nil
}

// podLabels returns the identity labels of a pod, by Cilium's own derivation
// and filter, and its named ports.
func podLabels(e Endpoint, logger *slog.Logger) (ciliumtypes.NamedPortMap, labels.Labels) {
	meta := slimmetav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name, Labels: e.Labels}
	object := &slimcorev1.Pod{ObjectMeta: meta, Spec: slimcorev1.PodSpec{ServiceAccountName: serviceAccount}}
	var container slimcorev1.Container
	for _, p := range e.NamedPorts {
		container.Ports = append(container.Ports, slimcorev1.ContainerPort{
			Name: p.Name, ContainerPort: int32(p.Port), Protocol: slimcorev1.Protocol(p.Protocol),
		})
	}
	object.Spec.Containers = []slimcorev1.Container{container}
	ports, derived := k8s.GetPodMetadata(logger, namespace{name: e.Namespace, labels: e.NamespaceLabels}, object)
	lbls, _ := labelsfilter.Filter(labels.Map2Labels(derived, labels.LabelSourceK8s))
	for _, l := range k8s.NamedPortsIdentityLabels(ports) {
		lbls[l.Key] = l
	}
	return ports, lbls
}

// allocate returns the identity of a label set, which carries the number of
// its cluster in its upper bits.
func (b *podBook) allocate(lbls labels.Labels, cluster string) *identity.Identity {
	number := uint32(0)
	if cluster != "" {
		if _, seen := b.clusters[cluster]; !seen {
			b.clusters[cluster] = uint32(len(b.clusters) + 1)
		}
		number = b.clusters[cluster]
		l := labels.NewLabel(k8sconst.PolicyLabelCluster, cluster, labels.LabelSourceK8s)
		lbls[l.Key] = l
	}
	key := string(lbls.SortedList())
	if id, seen := b.byLabels[key]; seen {
		return id
	}
	nid := firstPodIdentity + identity.NumericIdentity(len(b.byLabels))
	nid |= identity.NumericIdentity(number << identity.GetClusterIDShift())
	b.byLabels[key] = identity.NewIdentity(nid, lbls)
	return b.byLabels[key]
}

// identities returns every identity of a pod.
func (b *podBook) identities() identity.IdentityMap {
	out := identity.IdentityMap{}
	for _, id := range b.byLabels {
		out[id.ID] = id.LabelArray
	}
	return out
}

// GetNamedPorts lets the engine resolve the ports that egress rules call by
// name, as its ipcache does.
func (b *podBook) GetNamedPorts() ciliumtypes.NamedPortMultiMap {
	ports := ciliumtypes.NewNamedPortMultiMap()
	for _, p := range b.pods {
		ports.Update(p.identity.ID, nil, p.ports)
	}
	return ports
}

// A namespace is what Cilium reads of a Namespace object.
type namespace struct {
	name   string
	labels map[string]string
}

// GetName returns the name.
func (n namespace) GetName() string { return n.name }

// GetLabels returns the labels, with the one that the API server adds.
func (n namespace) GetLabels() map[string]string {
	all := maps.Clone(n.labels)
	if all == nil {
		all = map[string]string{}
	}
	all[corev1.LabelMetadataName] = n.name
	return all
}
