package verdict

import (
	"net/netip"
	"strings"

	"github.com/cilium/cilium/pkg/policy/api"
)

// A peer is one entry of a rule's list of peers.
type peer interface {
	// matches reports whether the party at the other end is one of these.
	matches(q *query) tri
	// String names them in a sentence.
	String() string
}

// A director is a peer that may select an endpoint by its class alone. Named
// ports are looked up at those that it selects directly.
type director interface{ direct(q *query) tri }

// everyone is a rule without peers.
type everyone struct{}

func (everyone) matches(*query) tri { return yes }
func (everyone) String() string     { return "everyone" }

// An accident is an empty cidrGroupSelector. Cilium keeps selectors by their
// text, and this one has the text of the selector of everyone
// (pkg/policy/types' Selector.Key): it lets in, or shuts out, pods and nodes
// too.
type accident struct{ everyone }

// direct decides which pods a named port is looked up at: it depends on which of
// the two selectors was there first.
func (accident) direct(*query) tri { return maybe }

func (accident) String() string { return "everyone (an empty cidrGroupSelector)" }

// pods are the endpoints that a selector of Cilium selects by their identity
// labels.
type pods struct{ selector selector }

func (p pods) matches(q *query) tri { return or(p.direct(q), p.byClass(q)) }

// direct reports whether the endpoint itself is selected.
func (p pods) direct(q *query) tri { return p.selector.matches(q.peer.labels) }

// byClass reports whether the class of the endpoint is selected: a selector of
// negatives alone selects the classes (pkg/policy/aggregate.go), and so all
// their members. Whether an address or a node has left the reserved identities,
// which have no class, depends on more than is known here.
func (p pods) byClass(q *query) tri {
	if len(q.peer.aggregate.labels) == 0 {
		return no
	}
	selected := p.selector.matches(q.peer.aggregate)
	if q.peer.outside() {
		return and(selected, maybe)
	}
	return selected
}

func (p pods) String() string {
	if len(p.selector) == 0 {
		return "everyone"
	}
	return "endpoints with " + p.selector.String()
}

// An entity is one of Cilium's names for a class of endpoints.
type entity struct {
	name      api.Entity
	selectors []selector
}

// clusterEntities are those within the entity cluster beside its own pods.
var clusterEntities = []string{"host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver"}

// newEntity returns the entity (pkg/policy/api/entity.go). It is false for a
// name that is none.
func newEntity(name api.Entity, cluster string) (entity, bool) {
	e := entity{name: name}
	add := func(names ...string) {
		for _, n := range names {
			e.selectors = append(e.selectors, selector{}.require(sourceReserved, n, opExists))
		}
	}
	switch name {
	case api.EntityAll:
		e.selectors = []selector{{}}
	case api.EntityWorld:
		add("world", "world-ipv4", "world-ipv6")
	case api.EntityCluster:
		add(clusterEntities...)
		e.selectors = append(e.selectors, selector{}.require(sourceK8s, clusterKey, opIn, cluster))
	case api.EntityClusterMesh:
		add(clusterEntities...)
		e.selectors = append(e.selectors, selector{}.require(sourceAny, clusterKey, opExists))
	case api.EntityNone:
	case api.EntityWorldIPv4, api.EntityWorldIPv6, api.EntityHost, api.EntityInit, api.EntityIngress,
		api.EntityRemoteNode, api.EntityHealth, api.EntityUnmanaged, api.EntityKubeAPIServer:
		add(string(name))
	default:
		return e, false
	}
	return e, true
}

func (e entity) matches(q *query) tri {
	out := no
	for _, s := range e.selectors {
		out = or(out, s.matches(q.peer.labels))
	}
	return out
}

func (e entity) String() string { return "entity " + string(e.name) }

// A block is a prefix without some others.
type block struct {
	prefix netip.Prefix
	except []netip.Prefix
	// pods is true where the block matches whatever has such an address, as in
	// plain NetworkPolicy. Under Cilium it matches no pod and no node.
	pods bool
}

func (b block) matches(q *query) tri {
	if !b.pods {
		if q.peer.Kind != Address {
			return no
		}
		return b.holds(q.address)
	}
	if q.peer.Kind == Address {
		return b.holds(q.address)
	}
	if len(q.peer.IPs) == 0 {
		return maybe
	}
	ip, known := q.peer.address(b.prefix.Addr().Is4())
	switch {
	case !known, q.is4 != ip.Is4() && !q.ambiguous:
		return no
	case q.ambiguous:
		return and(b.holds(ip), maybe)
	}
	return b.holds(ip)
}

func (b block) holds(ip netip.Addr) tri {
	if !b.prefix.Contains(ip) {
		return no
	}
	return is(!inAny(b.except, ip))
}

func (b block) String() string { return b.prefix.String() + exceptWords(b.except) }

// A groupRef is a CIDR group by its name, without some prefixes.
type groupRef struct {
	name   string
	except []netip.Prefix
}

func (g groupRef) matches(q *query) tri {
	if q.peer.Kind != Address || inAny(g.except, q.address) {
		return no
	}
	_, there := q.peer.labels.lookup(sourceGroup, groupNameKey+g.name)
	return there
}

func (g groupRef) String() string { return "CIDR group " + g.name + exceptWords(g.except) }

// A groupSelector is every address whose groups have certain labels; with
// negatives alone, also those in no group.
type groupSelector struct {
	selector selector
	except   []netip.Prefix
}

func (g groupSelector) matches(q *query) tri {
	set := q.peer.labels
	// Cilium goes by the key alone: a pod label "world" will do.
	if !set.has("world") && !set.has("world-ipv4") && !set.has("world-ipv6") {
		return no
	}
	if q.peer.Kind == Address && inAny(g.except, q.address) {
		return no
	}
	out := yes
	for _, t := range g.selector {
		out = and(out, t.matchesGroups(set))
	}
	return out
}

// matchesGroups is matches for labels of groups, of which an address may have
// several values for one key.
func (t term) matchesGroups(s labelSet) tri {
	if t.operator == opExists || t.operator == opNotExists {
		return t.matches(s)
	}
	found := no
	for _, v := range t.values {
		_, there := s.lookup(t.source, t.key+groupValueMark+v)
		found = or(found, there)
	}
	if t.operator == opNotIn {
		return not(found)
	}
	return found
}

func (g groupSelector) String() string {
	if len(g.selector) == 0 {
		return "every address" + exceptWords(g.except)
	}
	return "addresses whose CIDR groups have " + g.selector.String() + exceptWords(g.except)
}

// A name is the addresses that a DNS name has resolved to.
type name struct{ selector api.FQDNSelector }

func (n name) matches(q *query) tri {
	if !q.peer.outside() {
		return no
	}
	label := n.selector.IdentityLabel()
	_, there := q.peer.labels.lookup(sourceFQDN, label.Key)
	return there
}

func (n name) String() string {
	return "addresses of " + n.selector.MatchName + n.selector.MatchPattern
}

// unclear stands for peers that the objects do not tell: the pods behind a
// Service, a cloud's security groups, nodes by their labels.
type unclear struct{ what string }

func (unclear) matches(*query) tri { return maybe }
func (u unclear) String() string   { return u.what }

// selected are pods as plain NetworkPolicy selects them, in one namespace or in
// those that have certain labels.
type selected struct {
	pods       selector
	namespace  string    // where namespaces is nil
	namespaces *selector // nil is the policy's own namespace
}

func (s selected) matches(q *query) tri {
	if q.peer.Kind != Pod || q.peer.Cluster != "" {
		return no
	}
	in := is(q.peer.Namespace == s.namespace)
	if s.namespaces != nil {
		in = s.namespaces.matches(q.peer.namespaceLabels)
	}
	return and(in, s.pods.matches(q.peer.labels))
}

func (s selected) String() string {
	where := "namespace " + s.namespace
	if s.namespaces != nil {
		where = "every namespace"
		if len(*s.namespaces) > 0 {
			where = "namespaces with " + s.namespaces.String()
		}
	}
	if len(s.pods) == 0 {
		return "pods of " + where
	}
	return "pods with " + s.pods.String() + " of " + where
}

func inAny(list []netip.Prefix, ip netip.Addr) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func exceptWords(list []netip.Prefix) string {
	var parts []string
	for _, p := range list {
		parts = append(parts, p.String())
	}
	if len(parts) == 0 {
		return ""
	}
	return " except " + strings.Join(parts, ", ")
}
