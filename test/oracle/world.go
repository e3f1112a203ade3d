package oracle

import (
	"fmt"
	"net/netip"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/flow"
)

// A Kind says what an endpoint is, which decides who restricts it: only the
// policies of Pod and Health endpoints are enforced at the endpoint itself.
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
	// Ingress is the address from which Cilium's ingress proxy speaks.
	Ingress
	// Init is a pod whose labels the agent does not know yet.
	Init
	// Unmanaged is a pod that Cilium does not manage.
	Unmanaged
)

// An Endpoint is one end of a flow.
type Endpoint struct {
	Kind Kind
	// Cluster is the name of the cluster of a mesh that a pod is of; empty is
	// the cluster whose policies are judged.
	Cluster string
	// Namespace and Name identify a pod within its cluster.
	Namespace, Name string
	// Labels and NamespaceLabels are those of a pod and of its Namespace
	// object. kubernetes.io/metadata.name is added to the latter.
	Labels, NamespaceLabels map[string]string
	// IPs are the addresses of the endpoint; a Host, RemoteNode or Address
	// that is a party of a flow needs one, unless the flow carries it.
	IPs []netip.Addr
	// Names are the DNS names that have resolved to IPs.
	Names []string
	// NamedPorts are the container ports of a pod that have a name.
	NamedPorts []NamedPort
	// APIServer is true where the Kubernetes API server answers at IPs.
	APIServer bool
}

// A NamedPort is a container port that policies can call by its name.
type NamedPort struct {
	Name     string
	Protocol flow.Protocol
	Port     uint16
}

// A World is what a judge looks at: every policy object of the cluster, and
// the endpoints that there are. Addresses outside need to be listed only where
// they have Names or are an API server.
//
// A typed object is judged as a Go client would write it, which loses some
// empty lists. To judge what somebody else wrote, or what a watch has read,
// give it as unstructured.Unstructured.
type World struct {
	Policies  []client.Object
	Endpoints []Endpoint
}

// String returns what identifies the endpoint.
func (e Endpoint) String() string {
	if e.Kind != Pod {
		return fmt.Sprintf("%s %v", e.Kind, e.IPs)
	}
	if e.Cluster == "" {
		return e.Namespace + "/" + e.Name
	}
	return e.Cluster + "/" + e.Namespace + "/" + e.Name
}

// String returns the kind in words.
func (k Kind) String() string {
	names := [...]string{"pod", "host", "remote node", "address", "health", "ingress", "init", "unmanaged"}
	return names[k]
}

// restricted reports whether the policies of this cluster are enforced at the
// endpoint itself.
func (e Endpoint) restricted() bool {
	return e.Kind == Health || e.Kind == Init || e.Kind == Pod && e.Cluster == ""
}

// address returns the address at which the endpoint takes part in a flow of
// the family: the flow's own, else the first of the endpoint's.
func (e Endpoint) address(own netip.Addr, is4 bool) netip.Addr {
	if own.IsValid() {
		return own.Unmap()
	}
	for _, ip := range e.IPs {
		if ip = ip.Unmap(); ip.Is4() == is4 {
			return ip
		}
	}
	return netip.Addr{}
}

// isIPv4 reports the family of a flow: that of its addresses, else IPv4 unless
// an end has IPv6 addresses alone.
func isIPv4(from, to Endpoint, f flow.Flow) bool {
	for _, ip := range []netip.Addr{f.Destination, f.Source} {
		if ip.IsValid() {
			return ip.Unmap().Is4()
		}
	}
	only6 := func(e Endpoint) bool {
		return len(e.IPs) > 0 && !e.address(netip.Addr{}, true).IsValid()
	}
	return !only6(from) && !only6(to)
}
