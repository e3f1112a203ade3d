package snapshot

import (
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/flow"
)

// A Snapshot is everything that the compiler may look at. Sort puts it into
// its canonical order; the compiler gives the same result for any order.
type Snapshot struct {
	// Now is the time at which conduits begin and expire.
	Now time.Time
	// Target is what the cluster's network can enforce.
	Target Target
	// Cluster is the cluster's own network.
	Cluster Cluster
	// Catalogue resolves the names of services; nil is the embedded one.
	Catalogue *catalog.Catalogue
	// Focus names the zones for which a result is wanted; empty means all. For
	// these zones, the zones that conduits join to them, and the zones whose
	// prefixes or namespaces meet theirs, the snapshot must be complete.
	Focus []string
	// OtherZones are the names of all zones, for hints at a typing error only.
	OtherZones []string

	Zones      []Zone
	Devices    []Device
	Conduits   []Conduit
	Namespaces []Namespace
	Pods       []Pod
	Services   []Service
}

// A TargetKind is a family of policy objects.
type TargetKind string

// The targets.
const (
	// Netpol is networking.k8s.io/v1 NetworkPolicy, on any CNI.
	Netpol TargetKind = "netpol"
	// Cilium is cilium.io/v2 beside the baseline NetworkPolicies.
	Cilium TargetKind = "cilium"
)

// A Target tells what the cluster's network can enforce.
type Target struct {
	Kind TargetKind
	// HTTP is true where Cilium runs with its Envoy proxy.
	HTTP bool
	// ICMP is true where Cilium enforces ICMP rules (the default).
	ICMP bool
	// DNSProxy is true where Cilium can enforce names (the default).
	DNSProxy bool
	// Cluster is the name of the own cluster in Cilium's mesh; empty is unknown.
	Cluster string
	// CIDRMatch is true where Cilium's prefixes match nodes or pods too
	// (policy-cidr-match-mode).
	CIDRMatch bool
	// Crowd is who a denial of strangers must name; nil is unknown.
	Crowd *Crowd
	// MapMax is how many entries the policy map of an endpoint takes
	// (bpf-policy-map-max).
	MapMax int
}

// A Crowd is the number of Cilium identities: a rule about pods costs an entry
// of the policy map for each of them.
type Crowd struct {
	// Pods are the identities of pods by namespace, sorted by namespace. The
	// numbers may be rounded up.
	Pods []NamespaceCount
	// Groups is the number of CIDR groups, of anybody.
	Groups int
}

// A NamespaceCount is a number for a namespace.
type NamespaceCount struct {
	Namespace string
	Count     int
}

// A Cluster is the cluster's own network. None of its addresses may belong to
// a zone.
type Cluster struct {
	// Ranges are the pod, service and node prefixes, merged.
	Ranges []netip.Prefix
	// RangesUnknown is true when the pod ranges could not be found out.
	RangesUnknown bool
	// Protected are the names of namespaces that no zone may hold, beside the
	// built-in ones: Cilium's, the operator's, and those given by flag.
	Protected []string
	// DNS is the cluster's DNS service.
	DNS DNS
	// Notes are warnings about the cluster itself (CiliumConfigUnread, ...).
	Notes []Note
	// Voids are settings of Cilium's that defeat the policies of every zone. The
	// compiler does not look at them: what is rendered stays the same.
	Voids []Note
}

// A Note is a warning that the gatherer has about the cluster itself.
type Note struct {
	Reason  string
	Message string
}

// DNS is where registered pods resolve names.
type DNS struct {
	// Namespace and Selector are those of the DNS pods.
	Namespace string
	Selector  map[string]string
	// Ports are the target ports of the DNS pods.
	Ports []DNSPort
	// NodeLocal is the address of a node-local cache, if there is one.
	NodeLocal []netip.Addr
	// Domain is the cluster's domain, cluster.local by default.
	Domain string
}

// A DNSPort is one target port of the DNS pods.
type DNSPort struct {
	Protocol flow.Protocol
	Port     uint16
}

// A Zone is a DeviceZone.
type Zone struct {
	Name       string
	UID        string
	Generation int64
	Created    time.Time
	Deleting   bool
	Labels     map[string]string
	Spec       medfencev1alpha1.DeviceZoneSpec
	// Accepted is the last accepted spec, or nil.
	Accepted *medfencev1alpha1.AcceptedZone
	// Closed are the namespaces that status says the zone keeps closed.
	Closed []medfencev1alpha1.NamespaceStatus
}

// A Device is a MedicalDevice.
type Device struct {
	Namespace  string
	Name       string
	UID        string
	Generation int64
	Created    time.Time
	Deleting   bool
	Labels     map[string]string
	Spec       medfencev1alpha1.MedicalDeviceSpec
	Accepted   *medfencev1alpha1.AcceptedDevice
}

// A Conduit is a Conduit.
type Conduit struct {
	Name       string
	UID        string
	Generation int64
	Created    time.Time
	Deleting   bool
	Labels     map[string]string
	Spec       medfencev1alpha1.ConduitSpec
	Accepted   *medfencev1alpha1.AcceptedConduit
	// Ended is the expiresAt that it was seen to have passed, or nil.
	Ended *metav1.Time
}

// A Namespace is a namespace that exists.
type Namespace struct {
	Name        string
	Labels      map[string]string
	Terminating bool
}

// A Pod is a pod that has not ended (neither Succeeded nor Failed).
type Pod struct {
	Namespace   string
	Name        string
	Labels      map[string]string
	HostNetwork bool
	// Networks names secondary interfaces (the k8s.v1.cni.cncf.io/networks
	// annotation), which no policy sees.
	Networks string
	// Ports maps the names of container ports to their numbers.
	Ports map[string]int32
}

// A Service is a Service with a selector.
type Service struct {
	Namespace string
	Name      string
	Selector  map[string]string
	// HidesSource is true where an outsider's address is lost on the way in: a
	// NodePort or LoadBalancer with externalTrafficPolicy Cluster.
	HidesSource bool
	Ports       []ServicePort
}

// A ServicePort is one port of a Service.
type ServicePort struct {
	Protocol flow.Protocol
	Port     int32
	// TargetPort is the pod's port; 0 where TargetName is given.
	TargetPort int32
	TargetName string
}

// Key returns namespace/name.
func (d Device) Key() string { return d.Namespace + "/" + d.Name }

// Selector is an alias that keeps callers from importing apimachinery.
type Selector = metav1.LabelSelector
