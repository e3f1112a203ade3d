package guard

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// MaxTerms is the number of requirements on labels with which the pods of one
// namespace are told apart. What needs more is treated as one.
const MaxTerms = 16

// A Spec is what is denied to some pods.
type Spec struct {
	// Subject are the pods. All of them are in the namespaces of the zone, or,
	// for a moat, of whoever may be in a conduit with it.
	Subject PodSet
	// Ingress and Egress are denied in that direction.
	Ingress, Egress []Deny

	// permitted are the entries of what is permitted to the pods.
	permitted int
}

// A PodSet is a set of pods by namespace and labels.
type PodSet struct {
	// Namespaces are those of the pods; with Outside, those of none of them. No
	// names with Outside are all pods of all clusters.
	Namespaces []string
	Outside    bool
	// OtherClusters are the pods of every cluster but the one of this name. It
	// stands alone.
	OtherClusters string
	// Terms must all hold.
	Terms []Term
}

// A Term is one requirement on the labels of a pod.
type Term = metav1.LabelSelectorRequirement

// A KeyKind is a kind of label that an address can have.
type KeyKind int

// The kinds of labels: a CIDR group of the plan, a name that was resolved, and
// an API server.
const (
	GroupKey KeyKind = iota
	NameKey
	APIServerKey
)

// A Key is a label of addresses that nobody else can give them.
type Key struct {
	Kind KeyKind
	// Name is that of the group, or the DNS name.
	Name string
}

// An AddressSet is the set of addresses outside of the cluster that have a
// label, or all of them without one, and that lack others.
type AddressSet struct {
	Has   *Key
	Lacks []Key
}

// A NodeSet is the set of nodes of a kind, perhaps without API servers.
type NodeSet struct {
	// Host is the pods' own node; otherwise all other nodes.
	Host bool
	// NotAPIServer leaves out the nodes that are API servers.
	NotAPIServer bool
}

// A Deny is one rule. It has peers of one kind; without ports and ICMP it
// denies everything.
type Deny struct {
	Pods      []PodSet
	Addresses []AddressSet
	Nodes     []NodeSet
	// Strangers are all that is neither pod, node nor address: Cilium's health
	// and ingress endpoints, and what has no identity yet.
	Strangers bool
	// World is every address outside of the cluster, API servers too.
	World bool

	Ports []object.Port
	// ICMPv4 and ICMPv6 deny every type of the family.
	ICMPv4, ICMPv6 bool
}

// A Guard is what a zone denies.
type Guard struct {
	Specs  []Spec
	Moat   []Spec
	Notes  []Note
	Budget Budget
}

// Of returns the guard and the moat of a zone: nothing for one that is not
// enforced.
func Of(ix *object.Index, name string) Guard {
	z := ix.Zone(name)
	if z == nil || !z.Enforce || z.Role != medfencev1alpha1.RoleDevice {
		return Guard{}
	}
	b := &builder{ix: ix, zone: z, settings: ix.Plan.Cilium}
	var out Guard
	out.Specs, out.Budget = b.fit()
	out.Moat = b.moat()
	out.Notes = sortNotes(b.notes)
	return out
}

// A builder collects what the guard of one zone leaves open.
type builder struct {
	ix       *object.Index
	zone     *plan.Zone
	settings plan.Cilium
	// denies returns what is denied to the members, all of whom are permitted
	// what any of them is.
	denies func(members []*plan.Workload, d object.Direction) []Deny
	notes  []Note
	detail detail
	// shared and many are the notes of pods that cannot be told apart: a guard and
	// a moat are on different ones.
	shared, many NoteKind
}

// guard returns one spec for the pods that no device selects and one for each
// workload that provably shares no pod with another. Workloads that may share
// pods get equal contents, the union of what is permitted to them: two
// complements on the same pods would deny each other's conduits.
func (b *builder) guard() []Spec {
	if len(b.zone.Namespaces) == 0 {
		return nil
	}
	b.denies, b.shared, b.many = b.guardDenies, NoteSharedPods, NoteManySelectors
	return b.specs(b.subjects(b.namespaces(), b.guarded()))
}

// specs returns the specs of the subjects, those that deny anything. What is
// denied to a workload is worked out once for all that have the same conduits.
func (b *builder) specs(subjects []subject) []Spec {
	var out, first []Spec // the first of its kind
	var kinds []*plan.Workload
	for _, s := range subjects {
		at := -1
		if len(s.members) == 1 {
			at = slices.IndexFunc(kinds, func(w *plan.Workload) bool { return b.akin(w, s.members[0]) })
		}
		var spec Spec
		if at >= 0 {
			spec = first[at]
			spec.Subject = s.pods
		} else {
			spec = Spec{Subject: s.pods, permitted: b.allowed(s.members)}
			spec.Ingress = b.denies(s.members, object.Ingress)
			spec.Egress = b.denies(s.members, object.Egress)
			if len(s.members) == 1 {
				kinds, first = append(kinds, s.members[0]), append(first, spec)
			}
		}
		if len(spec.Ingress)+len(spec.Egress) > 0 {
			out = append(out, spec)
		}
	}
	return merge(out)
}

// akin reports whether two workloads have the same conduits to the same ends,
// so that the same is permitted to both.
func (b *builder) akin(v, w *plan.Workload) bool {
	return v.DNS == w.DNS && slices.EqualFunc(b.ix.Links(v.WorkloadKey), b.ix.Links(w.WorkloadKey), func(l, m object.Link) bool {
		return l.Direction == m.Direction && l.Conduit == m.Conduit && &l.Peers[0] == &m.Peers[0]
	})
}

func (b *builder) namespaces() []string {
	var out []string
	for _, n := range b.zone.Namespaces {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// guarded returns the zone's workloads to which anything is permitted. The
// others are like the pods that no device selects.
func (b *builder) guarded() []*plan.Workload {
	var out []*plan.Workload
	for _, w := range b.ix.Of(b.zone.Name) {
		if _, dns := b.ix.DNS(w); dns || len(b.ix.Links(w.WorkloadKey)) > 0 {
			out = append(out, w)
		}
	}
	return sortWorkloads(out)
}

// sortWorkloads sorts by namespace and selector.
func sortWorkloads(workloads []*plan.Workload) []*plan.Workload {
	slices.SortFunc(workloads, func(a, b *plan.Workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.WorkloadKey.Selector, b.WorkloadKey.Selector), cmp.Compare(a.Zone, b.Zone))
	})
	return workloads
}

// guardDenies returns what is denied to the members in a direction: peers of
// each kind in turn.
func (b *builder) guardDenies(members []*plan.Workload, d object.Direction) []Deny {
	p := b.permits(members, d)
	var out []Deny
	if b.detail < noPods {
		out = b.podDenies(p.pods)
	}
	out = append(out, b.addressDenies(p)...)
	return append(out, b.nodeDenies(p, d)...)
}
