package object

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// defaultDomain is the cluster's domain where nobody says otherwise.
const defaultDomain = "cluster.local"

// A DNS is where the pods of a workload may resolve names, and which.
type DNS struct {
	// Pods are the cluster's DNS pods; no namespaces where they are unknown.
	Pods Pods
	// Ports are the ports of these pods.
	Ports []Port
	// NodeLocal are the addresses of a cache on the pods' own node, on
	// NodeLocalPorts.
	NodeLocal []netip.Addr
	// Watched is true where a proxy must see the names: it teaches Cilium the
	// addresses that FQDN conduits permit.
	Watched bool
	// Names are the only names and patterns to resolve; empty lets all pass.
	Names []string
}

// NodeLocalPorts are the ports of a node-local cache.
var NodeLocalPorts = []Port{
	{Protocol: flow.TCP, Range: flow.PortRange{Port: 53, End: 53}},
	{Protocol: flow.UDP, Range: flow.PortRange{Port: 53, End: 53}},
}

// DNS returns where a workload may resolve names. It is false for one that may
// not, and where nobody knows the cluster's DNS.
//
// Only Cilium can narrow DNS to names; elsewhere Names acts as Cluster. A plain
// permission beside a narrow one would void it, so there is either one or the
// other.
func (ix *Index) DNS(w *plan.Workload) (DNS, bool) {
	if w.DNS != medfencev1alpha1.DNSCluster && w.DNS != medfencev1alpha1.DNSNames {
		return DNS{}, false
	}
	dns := ix.resolvers()
	if len(dns.Pods.Namespaces) == 0 && len(dns.NodeLocal) == 0 {
		return DNS{}, false
	}
	if ix.Plan.Target != snapshot.Cilium {
		return dns, true
	}
	names := ix.namesOf(w)
	dns.Watched = len(names) > 0
	if w.DNS == medfencev1alpha1.DNSNames {
		dns.Watched = true
		dns.Names = set(names, ix.clusterNames(), cmp.Compare)
	}
	return dns, true
}

// resolvers returns the cluster's DNS. An empty selector would stand for every
// pod of its namespace, and no ports for every port: both mean unknown.
func (ix *Index) resolvers() DNS {
	in := ix.Plan.DNS
	dns := DNS{NodeLocal: set(keep(in.NodeLocal, netip.Addr.IsValid), nil, netip.Addr.Compare)}
	for _, p := range in.Ports {
		if p.Protocol.HasPorts() && p.Port > 0 {
			dns.Ports = append(dns.Ports, Port{Protocol: p.Protocol, Range: flow.PortRange{Port: p.Port, End: p.Port}})
		}
	}
	dns.Ports = joinPorts(dns.Ports)
	if in.Namespace != "" && len(in.Selector) > 0 && len(dns.Ports) > 0 {
		dns.Pods = Pods{
			Namespaces: []string{in.Namespace},
			Selector:   metav1.LabelSelector{MatchLabels: in.Selector},
		}
	}
	return dns
}

// namesOf returns the names that the workload's conduits lead to.
func (ix *Index) namesOf(w *plan.Workload) []string {
	var names []string
	for _, l := range ix.links[w.WorkloadKey] {
		names = append(names, l.peers.FQDNs...)
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// clusterNames returns the pattern of every name of the cluster's own domain:
// services, pods of services, and what a search path makes of any other name
// (updates.vendor.example.icu.svc.cluster.local), refused or not before the
// name itself is asked for. The prefix "**." takes one label or more (Cilium
// 1.19 and later).
func (ix *Index) clusterNames() []string {
	domain := strings.Trim(ix.Plan.DNS.Domain, ".")
	if domain == "" {
		domain = defaultDomain
	}
	pattern := "**." + strings.ToLower(domain)
	if !expressibleName(pattern) {
		return nil
	}
	return []string{pattern}
}
