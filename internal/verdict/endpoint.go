package verdict

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/medfence/medfence/internal/flow"
)

// A Kind says what an endpoint is.
type Kind int

// The kinds of endpoint.
const (
	// Pod is a pod with a network namespace of its own. A pod on the host
	// network is a Host or a RemoteNode.
	Pod Kind = iota
	// Host is the node on which the pod at the other end runs.
	Host
	// RemoteNode is any other node of the cluster.
	RemoteNode
	// Address is whatever answers at an address outside the cluster.
	Address
	// Health is Cilium's own health endpoint.
	Health
	// IngressProxy is the address from which Cilium's ingress proxy speaks.
	IngressProxy
	// Init is a pod whose labels the agent does not know yet.
	Init
	// Unmanaged is a pod that Cilium does not manage.
	Unmanaged
)

// String returns the kind in words.
func (k Kind) String() string {
	names := [...]string{"pod", "the pod's own host", "a node", "address", "Cilium's health endpoint",
		"Cilium's ingress proxy", "a pod without labels yet", "a pod that Cilium does not manage"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// An Endpoint is one end of a flow.
type Endpoint struct {
	Kind Kind
	// Cluster is the name of another cluster of a mesh that a pod is of; empty
	// is the cluster whose policies are judged.
	Cluster string
	// Namespace and Name identify a pod. Name is for the steps only.
	Namespace, Name string
	// Labels and NamespaceLabels are those of a pod and of its Namespace
	// object. kubernetes.io/metadata.name is added to the latter.
	Labels, NamespaceLabels map[string]string
	// ServiceAccount is that of a pod; empty means that it is not known, and
	// what asks for it is Unknown.
	ServiceAccount string
	// NamedPorts are the container ports of a pod that have a name.
	NamedPorts []NamedPort
	// IPs are its addresses. An Address needs one, unless the flow carries it; a
	// pod or node needs them only where an ipBlock may match it, and to tell the
	// address family of an ICMP type.
	IPs []netip.Addr
	// Names are the DNS names that are known to have resolved to the address. Nil
	// means that it is not known which, and what a name decides is Unknown; an
	// empty list that is not nil means that there are none.
	Names []string
	// APIServer is true for an Address, Host or RemoteNode at which the
	// Kubernetes API server answers.
	APIServer bool
}

// A NamedPort is a container port that policies can call by its name.
type NamedPort struct {
	Name     string
	Protocol flow.Protocol
	Port     uint16
}

// String names the endpoint in a sentence.
func (e Endpoint) String() string {
	switch {
	case e.Kind == Pod && e.Name == "":
		return strings.Trim("a pod of namespace "+e.Namespace+e.inCluster()+" with labels "+words(e.Labels), " ")
	case e.Kind == Pod:
		return "pod " + e.Namespace + "/" + e.Name + e.inCluster()
	case e.Kind == Address && len(e.IPs) > 0:
		return "address " + e.IPs[0].String()
	case e.APIServer:
		return e.Kind.String() + " with the API server"
	}
	return e.Kind.String()
}

func (e Endpoint) inCluster() string {
	if e.Cluster == "" {
		return ""
	}
	return " in cluster " + e.Cluster
}

// A party is an endpoint in a flow, with what the policies see of it.
type party struct {
	Endpoint
	judge *Judge
	// labels are those that selectors see: Cilium's identity labels, or those of
	// the pod.
	labels labelSet
	// namespaceLabels are used by plain NetworkPolicy alone.
	namespaceLabels labelSet
	// aggregate is the label of the class that Cilium counts the identity to, or
	// nothing.
	aggregate labelSet
}

// address returns the address of the family at which the party takes part, if
// it is known.
func (p *party) address(is4 bool) (netip.Addr, bool) {
	for _, ip := range p.IPs {
		if ip = ip.Unmap(); ip.Is4() == is4 {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// outside reports whether the party is an address, or a node, which share that
// names and prefixes may hold them.
func (e Endpoint) outside() bool {
	return e.Kind == Address || e.Kind == Host || e.Kind == RemoteNode
}

// restricted reports whether policies of this cluster are enforced at the
// endpoint itself.
func (e Endpoint) restricted() bool {
	return e.Kind == Health || e.Kind == Init || e.Kind == Pod && e.Cluster == ""
}
