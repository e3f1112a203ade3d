package ward

import (
	"maps"
	"net/netip"

	"github.com/medfence/medfence/internal/flow"
)

// A Kind says what a party is.
type Kind int

// The kinds of party.
const (
	Pod Kind = iota
	Node
	Outside
)

// A Party is somebody who sends and receives.
type Party struct {
	// Name is short enough for a table.
	Name string
	Kind Kind
	// Node is the number of the node of a pod, and of a Node itself; from 1.
	Node int
	// Namespace, App and Labels are those of a pod; App is the value of
	// app.kubernetes.io/name.
	Namespace string
	App       string
	Labels    map[string]string
	// Addresses are known beforehand for those outside.
	Addresses []netip.Addr
	// APIServer is true where the cluster's API server answers.
	APIServer bool
}

// PodLabels returns all labels of a pod.
func (p Party) PodLabels() map[string]string {
	out := map[string]string{}
	maps.Copy(out, p.Labels)
	if p.App != "" {
		out["app.kubernetes.io/name"] = p.App
	}
	return out
}

func pod(node int, namespace, name, app string) Party {
	return Party{Name: name, Kind: Pod, Node: node, Namespace: namespace, App: app}
}

func outside(name string, addresses ...string) Party {
	p := Party{Name: name, Kind: Outside}
	for _, a := range addresses {
		p.Addresses = append(p.Addresses, netip.MustParseAddr(a))
	}
	return p
}

// APIServer is where the lab's API server is.
const APIServer = "192.0.2.1"

// Everybody returns the parties: pods of every zone, registered and not, pods of
// others, both nodes, devices on the wards, and who is out there.
func Everybody() []Party {
	api := outside("api-server", APIServer)
	api.APIServer = true
	dns := pod(1, "kube-system", "dns", "")
	dns.Labels = map[string]string{"k8s-app": "kube-dns"}
	return []Party{
		pod(1, "infusion", "pump-gw-a", "pump-gateway"),
		pod(2, "infusion", "pump-gw-b", "pump-gateway"),
		pod(1, "infusion", "inf-stray", "debug-shell"), // of no device
		pod(1, "monitoring-beds", "central-gw", "central-gateway"),
		pod(2, "monitoring-beds", "mon-stray", "exporter"),
		pod(2, "imaging", "dicom-rtr", "dicom-router"),
		pod(1, "imaging", "img-stray", "viewer"),
		pod(2, "laboratory", "lab-mw", "lab-middleware"),
		pod(1, "laboratory", "lab-stray", "batch"),
		pod(1, "drug-library", "drug-lib", "systems-manager"),
		pod(2, "integration-engine", "hl7-engine", "interface-engine"),
		pod(1, "integration-engine", "hl7-dash", "dashboard"), // not of the zone: podSelector
		pod(2, "pacs", "archive", "archive"),
		pod(1, "ehr", "ehr", "ehr"),
		pod(2, "intranet", "intranet", "intranet"),
		pod(1, "research", "impostor", "pump-gateway"), // labelled like a gateway, elsewhere
		dns,
		{Name: "node-1", Kind: Node, Node: 1},
		{Name: "node-2", Kind: Node, Node: 2},
		api,
		outside("pump-icu-1", "10.20.1.11", "2001:db8:20::111"),
		outside("pump-icu-7", "10.20.1.17"),
		outside("pump-w3", "10.20.3.5"),                       // one of a registered range
		outside("pump-new", "10.20.2.99", "2001:db8:20::999"), // in the VLAN, not registered
		outside("monitor-1", "10.20.17.11"),
		outside("ct-1", "10.21.0.11"),
		outside("cobas-1", "10.22.0.11"),
		outside("pacs-store", "10.40.1.3"),
		outside("nurses-pc", "10.41.0.20"),
		outside("workbench", "10.42.0.5"),
		outside("site-svc", "10.50.0.5"),
		outside("laptop", "10.9.8.7", "2001:db8:9::7"), // corporate
		outside("guest", "172.20.3.4"),
		outside("ct-vendor", "203.0.113.20"),
		outside("internet", "198.51.100.7", "2001:db8:ffff::7"),
	}
}

// A Service is a protocol and a port; ICMP has none.
type Service struct {
	Protocol flow.Protocol
	Port     uint16
}

// The ports of the catalogue that the sample's conduits use, and some that worms
// and people use.
var (
	TCPPorts = []uint16{22, 53, 80, 104, 443, 445, 3389, 3613, 6514, 6661, 6662, 6663, 7001, 8443, 11112}
	UDPPorts = []uint16{53, 67, 123, 161, 24105}
)

// Services returns all that is tried.
func Services() []Service {
	var out []Service
	for _, p := range TCPPorts {
		out = append(out, Service{flow.TCP, p})
	}
	for _, p := range UDPPorts {
		out = append(out, Service{flow.UDP, p})
	}
	return append(out, Service{Protocol: flow.ICMP})
}
