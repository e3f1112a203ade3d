package plan

import (
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Plan is what shall hold. Everything in it can be enforced by the target:
// what cannot is left out and reported as a Problem.
type Plan struct {
	Target    snapshot.TargetKind
	Cilium    Cilium // what its settings mean for denials; empty elsewhere
	DNS       snapshot.DNS
	Zones     []Zone     // by name
	Devices   []Device   // by namespace and name
	Workloads []Workload // by zone, namespace and selector
	Groups    []Group    // by zone and name
	Conduits  []Conduit  // by name
}

// A Cilium is what of Cilium's settings decides how a denial can be written.
type Cilium struct {
	// Cluster is the own cluster's name in Cilium's mesh; empty is unknown.
	Cluster string
	// CIDRMatch is true where prefixes match nodes or pods too
	// (policy-cidr-match-mode): "every address but these" would cut them off.
	CIDRMatch bool
	// NoICMP is true where Cilium takes no rules about ICMP.
	NoICMP bool
	// Crowd is who a denial of strangers must name; nil is unknown.
	Crowd *snapshot.Crowd
	// MapMax is how many entries the policy map of an endpoint takes.
	MapMax int
}

// A Standing tells which spec of an object is in force.
type Standing string

// The standings.
const (
	// Current: the spec compiles and is in force.
	Current Standing = "Current"
	// Last: the spec has a Problem; the last accepted one is in force.
	Last Standing = "Last"
	// Absent: the spec has a Problem and none was accepted before; the object
	// contributes nothing.
	Absent Standing = "Absent"
)

// A Zone is a DeviceZone with its members resolved.
type Zone struct {
	Name     string
	UID      string
	Standing Standing
	Role     medfencev1alpha1.ZoneRole
	// Enforce is true for a Device zone whose spec in force says Enforce.
	Enforce bool
	// Released is true for a zone that is being deleted and holds nothing: all
	// that it owns is to be removed.
	Released bool
	DNS      medfencev1alpha1.DNSMode
	// Namespaces are those of the zone: segmented ones of a Device zone (which
	// may not exist yet), resolved ones of a peer.
	Namespaces []Namespace
	// PodSelector narrows a peer to some pods of its namespaces; nil is all.
	PodSelector *metav1.LabelSelector
	// Prefixes are the addresses of the zone, merged: its cidrs without those of
	// more specific zones and without the cluster's own ranges.
	Prefixes []netip.Prefix
	FQDNs    []string
	Entities []medfencev1alpha1.Entity

	// Counts for status.
	Devices, Pods, Unregistered, Conduits int
	// Spec is the spec in force.
	Spec medfencev1alpha1.DeviceZoneSpec
}

// A Namespace is a namespace of a zone.
type Namespace struct {
	Name string
	// Held is true where the zone no longer lists it but pods still run there.
	Held bool
	// Exists is false for a namespace that is yet to be created.
	Exists bool
	// Terminating is true while the namespace is being deleted.
	Terminating bool
}

// A Device is a MedicalDevice bound to its zone.
type Device struct {
	Namespace string
	Name      string
	UID       string
	Standing  Standing
	// Zone is the zone of the spec in force; empty when it has none.
	Zone string
	// Workload is the key of its workload; empty without pods.
	Workload WorkloadKey
	// Prefixes are its addresses, merged.
	Prefixes []netip.Prefix
	// Pods counts the pods that its selector matches.
	Pods int
	// Conduits are the names of the accepted conduits that it takes part in.
	Conduits []string
	Spec     medfencev1alpha1.MedicalDeviceSpec
}

// A WorkloadKey identifies a workload: the pods of one namespace that one
// selector matches.
type WorkloadKey struct {
	Zone      string
	Namespace string
	// Selector is the canonical text of the selector; empty is every pod.
	Selector string
}

// A Workload is a set of pods that a policy can name.
type Workload struct {
	WorkloadKey
	// Name is a readable, stable and unique part of an object's name.
	Name     string
	Selector metav1.LabelSelector
	// Device is true for the workloads of Device zones.
	Device bool
	// Devices are the devices that share it, as namespace/name.
	Devices []string
	// DNS is the zone's mode for registered pods, None for peers.
	DNS medfencev1alpha1.DNSMode
}

// A Group is a set of addresses of one zone that take part in the same
// conduits. Groups are pairwise disjoint over all zones.
type Group struct {
	Zone string
	// Name is stable for a set of conduits: medfence-<zone>-<hash>.
	Name string
	// Ends are the conduit ends that hold these addresses: "from imaging-pacs".
	// A group without ends is the rest of an enforced Device zone.
	Ends     []string
	Prefixes []netip.Prefix // merged
}

// A State tells whether a conduit is in its time.
type State string

// The states of a conduit.
const (
	Active    State = "Active"
	Scheduled State = "Scheduled"
	Expired   State = "Expired"
)

// A Conduit is a Conduit with its ends resolved. Only an Active one permits.
type Conduit struct {
	Name     string
	UID      string
	Standing Standing
	State    State
	// Services are those that the target can enforce.
	Services []flow.Service
	// Resolved are all services of the spec in force as status.accepted keeps
	// them.
	Resolved []medfencev1alpha1.AcceptedService
	// From and To have one End for each zone of that side, by zone.
	From, To []End
	// Point says who enforces it; empty when it joins nothing.
	Point medfencev1alpha1.EnforcementPoint
	// Partly is true when a part of it cannot be enforced by the target.
	Partly bool
	Spec   medfencev1alpha1.ConduitSpec
}

// An End is one zone's share of a conduit's side.
type End struct {
	Zone string
	// Workloads are the keys of its workloads, sorted.
	Workloads []WorkloadKey
	// Groups are the names of its groups, sorted.
	Groups   []string
	FQDNs    []string
	Entities []medfencev1alpha1.Entity
}

// Empty reports whether the end has no members: a rule with it on one side
// must not be rendered, since an empty list of peers means everyone.
func (e End) Empty() bool {
	return len(e.Workloads) == 0 && len(e.Groups) == 0 && len(e.FQDNs) == 0 && len(e.Entities) == 0
}

// A Pair is two ends that a conduit joins.
type Pair struct{ From, To End }

// Pairs returns the pairs of ends that the conduit joins: the cross product of
// its sides without a zone to itself, unless each side of the spec is exactly
// that zone. The ends do not tell: those of zones that are gone are missing.
func (c Conduit) Pairs() []Pair {
	within := len(c.From) <= 1 && len(c.To) <= 1 && oneZone(c.Spec.From.Zones) && oneZone(c.Spec.To.Zones)
	var out []Pair
	for _, f := range c.From {
		for _, t := range c.To {
			if f.Zone != t.Zone || within {
				out = append(out, Pair{From: f, To: t})
			}
		}
	}
	return out
}

// oneZone reports whether a side names no more than one zone.
func oneZone(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return n != names[0] })
}

// Permits reports whether the conduit permits anything now.
func (c Conduit) Permits() bool {
	return c.Standing != Absent && c.State == Active && len(c.Services) > 0
}

// NextChange returns the earliest time after now at which a conduit of the
// plan begins or expires, or the zero time.
func (p *Plan) NextChange(now time.Time) time.Time {
	var next time.Time
	consider := func(t *metav1.Time) {
		if t != nil && t.After(now) && (next.IsZero() || t.Time.Before(next)) {
			next = t.Time
		}
	}
	for _, c := range p.Conduits {
		if c.Standing == Absent {
			continue
		}
		consider(c.Spec.StartsAt)
		consider(c.Spec.ExpiresAt)
	}
	return next
}
