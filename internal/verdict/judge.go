package verdict

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/flow"
)

// An Engine is a family of meanings that policies can have.
type Engine string

// The engines.
const (
	// Cilium judges as Cilium v1.20 does in a stock install on both address
	// families: prefixes match no pod and no node, the local host reaches its
	// pods, and deny beats allow.
	Cilium Engine = "cilium"
	// NetworkPolicy judges NetworkPolicies as their documentation defines them,
	// whatever the network plugin. Where plugins differ it says Unknown. Cilium's
	// kinds are opaque to it.
	NetworkPolicy Engine = "networkpolicy"
)

// Semantics say how policies are to be read.
type Semantics struct {
	Engine Engine
	// Cluster is the name that Cilium has been given for its own cluster (option
	// cluster-name); empty is "default".
	Cluster string
}

// A Judge judges flows by the objects that it was made of. It is not changed by
// what it is asked, and may be asked from several goroutines.
type Judge struct {
	semantics Semantics
	index     index
	groups    groups
	names     names
	specs     []*spec
}

// New returns the judge of the objects: all policies, and all CiliumCIDRGroups.
// They are taken as the API server returns them, since a typed object may have
// lost fields that its type does not know. An object that is not understood is
// no error: it makes the flows Unknown that it may decide.
func New(s Semantics, objects ...*unstructured.Unstructured) *Judge {
	return (*Memory)(nil).New(s, objects...)
}

// assemble makes the judge of what was read.
func assemble(s Semantics, readings []reading) *Judge {
	j := &Judge{semantics: s, names: names{}, index: index{byNamespace: map[string]map[bucket][]*spec{}}}
	for i := range readings {
		j.take(&readings[i])
	}
	slices.SortStableFunc(j.specs, func(a, b *spec) int {
		return cmp.Or(cmp.Compare(a.policy.Kind, b.policy.Kind),
			cmp.Compare(a.policy.Namespace, b.policy.Namespace), cmp.Compare(a.policy.Name, b.policy.Name))
	})
	for i, s := range j.specs {
		s.order = i
		j.index.add(s)
	}
	return j
}

// take takes in what one object says.
func (j *Judge) take(r *reading) {
	for _, s := range r.specs {
		own := *s // its order is this judge's
		j.specs = append(j.specs, &own)
	}
	if r.group != nil {
		j.groups.add(r.group)
	}
	if r.unread != nil {
		j.groups.opaque = append(j.groups.opaque, *r.unread)
	}
	maps.Copy(j.names, r.names)
}

// A query is a flow seen from one side.
type query struct {
	direction Direction
	self      *party
	peer      *party
	flow      flow.Flow
	// is4 is the family of the flow; ambiguous is set where nothing tells it.
	is4, ambiguous bool
	// address is that of the peer, if it is an Address.
	address netip.Addr
}

// Judge judges a flow: the egress policies of from and the ingress policies of
// to, where they are pods of this cluster.
func (j *Judge) Judge(from, to Endpoint, f flow.Flow) Verdict {
	is4, ambiguous := family(from, to, f)
	source, sourceIP, ok := j.party(from, f.Source, is4)
	if !ok {
		return unaddressed(from)
	}
	destination, destinationIP, ok := j.party(to, f.Destination, is4)
	if !ok {
		return unaddressed(to)
	}
	out := Verdict{}
	var steps []Step
	out.Egress, steps = j.side(&query{
		direction: Egress, self: source, peer: destination, flow: f, is4: is4, ambiguous: ambiguous, address: destinationIP,
	})
	out.Steps = steps
	out.Ingress, steps = j.side(&query{
		direction: Ingress, self: destination, peer: source, flow: f, is4: is4, ambiguous: ambiguous, address: sourceIP,
	})
	out.Steps = append(out.Steps, steps...)
	out.Decision = both(out.Egress, out.Ingress)
	return out
}

// unaddressed is the verdict of a flow with an Address that has none.
func unaddressed(e Endpoint) Verdict {
	return Verdict{Decision: Unknown, Egress: Unknown, Ingress: Unknown, Steps: []Step{{
		Effect: Unclear, Text: "Nothing can be said without the address of " + e.String() + " in the family of the flow.",
	}}}
}

// family returns the address family of a flow: that of its addresses, else IPv4
// unless an end has IPv6 addresses alone. It is ambiguous where no address
// decides it.
func family(from, to Endpoint, f flow.Flow) (is4, ambiguous bool) {
	for _, ip := range []netip.Addr{f.Destination, f.Source} {
		if ip.IsValid() {
			return ip.Unmap().Is4(), false
		}
	}
	has4, has6, one := true, true, false
	for _, e := range []Endpoint{from, to} {
		if len(e.IPs) == 0 {
			continue
		}
		four := slices.ContainsFunc(e.IPs, func(ip netip.Addr) bool { return ip.Unmap().Is4() })
		six := slices.ContainsFunc(e.IPs, func(ip netip.Addr) bool { return !ip.Unmap().Is4() })
		has4, has6, one = has4 && four, has6 && six, one || four != six
	}
	return has4 || !has6, !one
}

// party returns what policies see of an endpoint, and the address of an
// Address. It is not ok where that is missing.
func (j *Judge) party(e Endpoint, own netip.Addr, is4 bool) (p *party, ip netip.Addr, ok bool) {
	p = &party{Endpoint: e, judge: j}
	if own = own.Unmap(); own.IsValid() {
		p.IPs = []netip.Addr{own}
	}
	if e.Kind == Address {
		if ip, ok = p.address(is4); !ok {
			return nil, ip, false
		}
	}
	if j.semantics.Engine == NetworkPolicy {
		p.labels, p.namespaceLabels = plainLabels(e.Labels), plainLabels(withName(e))
		return p, ip, true
	}
	p.labels, p.aggregate = j.identity(e, ip)
	return p, ip, true
}

// worldOf returns the label of the outside world in an address family.
func worldOf(ip netip.Addr) string {
	if ip.Is4() {
		return "world-ipv4"
	}
	return "world-ipv6"
}

// identity returns the labels of Cilium's identity of an endpoint and of the
// class that it is counted to.
func (j *Judge) identity(e Endpoint, ip netip.Addr) (own, class labelSet) {
	switch e.Kind {
	case Pod:
		own = podIdentity(e, j.semantics.Cluster)
		if e.Cluster == "" {
			return own, reserved("aggregate-cluster")
		}
		return own, reserved("aggregate-cluster-mesh")
	case Health:
		return reserved("health"), class
	case IngressProxy:
		return reserved("ingress"), class
	case Init:
		return reserved("init"), class
	case Unmanaged:
		return reserved("unmanaged"), class
	}
	return j.outsider(e, ip)
}

// outsider is identity for addresses and nodes.
func (j *Judge) outsider(e Endpoint, ip netip.Addr) (own, class labelSet) {
	own = labelSet{labels: map[string]label{}, unknown: map[string]bool{}, unknownSources: []string{sourceCIDR}}
	if len(j.groups.opaque) > 0 {
		own.unknownSources = append(own.unknownSources, sourceGroup)
	}
	j.names.label(own, e)
	switch e.Kind {
	case Address:
		j.groups.label(own, ip)
		own.put(sourceReserved, worldOf(ip), "")
		class = reserved("aggregate-world")
	case Host:
		own.put(sourceReserved, "host", "")
	default:
		own.put(sourceReserved, "remote-node", "")
		class = reserved("aggregate-remote-node")
	}
	if e.APIServer {
		own.put(sourceReserved, "kube-apiserver", "")
	}
	return own, class
}
