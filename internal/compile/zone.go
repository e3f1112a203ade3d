package compile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A zone is a DeviceZone on its way into the plan.
type zone struct {
	in       snapshot.Zone
	senior   seniority
	standing plan.Standing
	// spec is the spec in force; zero when standing is Absent.
	spec medfencev1alpha1.DeviceZoneSpec
	// stripped are claims that lost a conflict although they were accepted.
	stripped map[claim]bool
	// released is true for a zone that is being deleted and holds nothing.
	released bool
	// listed, holds, held and prefixes follow from spec and stripped. holds are
	// the namespaces that the zone must keep closed since pods run in them; held
	// are those of them that it does not list.
	listed      []string
	holds, held []string
	prefixes    []netip.Prefix
	// space is what belongs to the zone by the longest prefix; reach is space
	// without the cluster's own ranges.
	space, reach []netip.Prefix

	devices            []*device
	pods, unregistered int
	strangers          []string // unregistered pods that policies hold
	conduits           int
	sideEnds           []sideEnd
	namespaces         []plan.Namespace
	workloadKeys       []plan.WorkloadKey
	// acceptedNamespaces are those of the last accepted spec, closedBefore those
	// that status says are closed.
	acceptedNamespaces, closedBefore map[string]bool
}

// usable reports whether the zone contributes anything.
func (z *zone) usable() bool { return z != nil && z.standing != plan.Absent && !z.released }

// segmented reports whether the zone is a Device zone.
func (z *zone) segmented() bool { return z.spec.Role == medfencev1alpha1.RoleDevice }

// enforce reports whether the zone is closed.
func (z *zone) enforce() bool {
	return z.segmented() && z.spec.Enforcement == medfencev1alpha1.Enforce
}

// closed returns the namespaces that the zone segments: listed and held.
func (z *zone) closed() []string {
	return uniqueSorted(slices.Concat(z.listed, z.held))
}

func (z *zone) problem(reason, path, message string) plan.Problem {
	return plan.Problem{Reason: reason, Kind: plan.KindZone, Name: z.in.Name, Path: path, Message: message}
}

// resolveZones decides which spec of each zone is in force and what belongs to
// it.
func (c *compiler) resolveZones() {
	for _, in := range c.in.Zones {
		c.zones = append(c.zones, newZone(in))
	}
	slices.SortFunc(c.zones, func(a, b *zone) int {
		return cmp.Or(cmp.Compare(a.in.Name, b.in.Name), cmp.Compare(a.in.UID, b.in.UID))
	})
	c.zones = slices.CompactFunc(c.zones, func(a, b *zone) bool { return a.in.Name == b.in.Name })
	for _, z := range c.zones {
		c.byName[z.in.Name] = z
		found := c.checkZone(z)
		c.problems = append(c.problems, found...)
		z.stand(refused(found))
	}
	c.settleZones()
	for _, z := range c.zones {
		if !z.usable() {
			continue
		}
		z.reach = flow.SubtractPrefixes(z.space, slices.Concat(c.in.Cluster.Ranges, neverPeers))
	}
	c.segmented = c.segmentedNamespaces()
	for _, z := range c.zones {
		if z.usable() {
			z.namespaces = c.namespacesOf(z)
			c.noteZoneNarrowing(z)
		}
	}
}

func newZone(in snapshot.Zone) *zone {
	z := &zone{in: in, stripped: map[claim]bool{}, acceptedNamespaces: map[string]bool{}, closedBefore: map[string]bool{}}
	z.senior = seniority{created: in.Created, uid: in.UID, name: in.Name}
	if in.Accepted != nil {
		z.senior.accepted, z.senior.since = true, in.Accepted.Since.Time
		for _, n := range in.Accepted.Spec.Members.Namespaces {
			z.acceptedNamespaces[n] = true
		}
	}
	for _, n := range in.Closed {
		if (n.Baseline || n.Held) && dnsLabel.MatchString(n.Name) {
			z.closedBefore[n.Name] = true
		}
	}
	return z
}

// stand sets the zone's standing and the spec in force.
func (z *zone) stand(refused bool) {
	switch {
	case !refused:
		z.standing, z.spec = plan.Current, z.in.Spec
	case z.in.Accepted != nil:
		z.standing, z.spec = plan.Last, possible(z.in.Accepted.Spec)
	case len(z.closedBefore) > 0: // the accepted spec was lost; what is closed must stay so while pods run there
		z.standing, z.spec = plan.Last, medfencev1alpha1.DeviceZoneSpec{
			Role: medfencev1alpha1.RoleDevice, Enforcement: medfencev1alpha1.Enforce, DeletionPolicy: z.in.Spec.DeletionPolicy,
		}
	default:
		z.standing, z.spec = plan.Absent, medfencev1alpha1.DeviceZoneSpec{}
	}
}

// possible returns an accepted spec without members that no object can be. A
// record that somebody damaged may name such, and one name that the API server
// refuses would keep the whole zone's policies from being written.
func possible(spec medfencev1alpha1.DeviceZoneSpec) medfencev1alpha1.DeviceZoneSpec {
	m := &spec.Members
	m.Namespaces = slices.DeleteFunc(slices.Clone(m.Namespaces), func(n string) bool { return !dnsLabel.MatchString(n) })
	m.FQDNs = slices.DeleteFunc(slices.Clone(m.FQDNs), func(n string) bool { return !isHostName(n) })
	if selectorProblem(m.PodSelector) != "" {
		m.Namespaces, m.NamespaceSelector, m.PodSelector = nil, nil, nil
	}
	return spec
}

// computeClaims derives what each zone lists and holds from its spec in force.
func (c *compiler) computeClaims() {
	c.owners = nil
	for _, z := range c.zones {
		z.listed, z.holds, z.held, z.prefixes, z.released = nil, nil, nil, nil, false
		if z.standing == plan.Absent {
			z.released = z.in.Deleting
			continue
		}
		if !z.in.Deleting {
			z.listed = z.unstripped(z.spec.Members.Namespaces)
		}
		z.holds = c.heldBy(z)
		z.held = slices.DeleteFunc(slices.Clone(z.holds), func(n string) bool { return slices.Contains(z.listed, n) })
		if z.in.Deleting && len(z.held) == 0 {
			z.released = true
			continue
		}
		z.prefixes = z.unstrippedPrefixes(z.spec.Members.CIDRs)
		for _, p := range z.prefixes {
			c.owners = append(c.owners, owned{p, z})
		}
	}
	sortOwners(c.owners)
	for _, z := range c.zones {
		z.space = c.spaceOf(z)
	}
}

func (z *zone) unstripped(names []string) []string {
	return slices.DeleteFunc(uniqueSorted(names), func(n string) bool {
		return z.segmented() && z.stripped[claim{namespace: n}]
	})
}

// unstrippedPrefixes returns the valid prefixes of a list, sorted, without those
// that lost a conflict.
func (z *zone) unstrippedPrefixes(cidrs []string) []netip.Prefix {
	return slices.DeleteFunc(validPrefixes(cidrs), func(p netip.Prefix) bool { return z.stripped[claim{prefix: p}] })
}

// acceptedPrefixes returns the prefixes of the last accepted spec.
func (z *zone) acceptedPrefixes() []netip.Prefix {
	if z.in.Accepted == nil {
		return nil
	}
	return validPrefixes(z.in.Accepted.Spec.Members.CIDRs)
}

// heldBy returns the namespaces that an enforced zone may not open, since pods
// run in them: those that it closes and those that it is about to leave, by an
// edit or by its deletion.
func (c *compiler) heldBy(z *zone) []string {
	if !z.enforce() || z.releases() {
		return nil
	}
	candidates := slices.Collect(maps.Keys(z.closedBefore))
	if a := z.in.Accepted; a != nil && a.Spec.Enforcement == medfencev1alpha1.Enforce {
		candidates = append(candidates, possible(a.Spec).Members.Namespaces...)
	}
	if z.in.Deleting {
		candidates = append(candidates, z.spec.Members.Namespaces...)
	}
	return slices.DeleteFunc(uniqueSorted(candidates), func(n string) bool {
		return len(c.pods[n]) == 0 || z.stripped[claim{namespace: n}]
	})
}

// releases reports whether security let the zone go. Of a zone that is being
// deleted the current spec tells, whatever else is wrong with it: nothing but
// this field can still be meant.
func (z *zone) releases() bool {
	policy := z.spec.DeletionPolicy
	if z.in.Deleting {
		policy = z.in.Spec.DeletionPolicy
	}
	return policy == medfencev1alpha1.DeletionRelease
}

// namespacesOf resolves the namespaces of a zone: those that it closes, or, of
// a peer, those that it names or selects and that nobody closes.
func (c *compiler) namespacesOf(z *zone) []plan.Namespace {
	names := z.closed()
	if !z.segmented() {
		names = c.peerNamespaces(z)
	}
	out := make([]plan.Namespace, 0, len(names))
	for _, n := range names {
		have, exists := c.exists[n]
		out = append(out, plan.Namespace{
			Name: n, Held: slices.Contains(z.held, n), Exists: exists, Terminating: have.Terminating,
		})
	}
	return out
}

func (c *compiler) peerNamespaces(z *zone) []string {
	names := slices.Clone(z.listed)
	if s := z.spec.Members.NamespaceSelector; s != nil && !emptySelector(s) {
		if selector, err := parseSelector(s); err == nil {
			for _, n := range c.in.Namespaces {
				if selector.Matches(labelSet(n.Labels)) {
					names = append(names, n.Name)
				}
			}
		}
	}
	return slices.DeleteFunc(uniqueSorted(names), func(n string) bool {
		return c.segmented[n] || c.protected(n)
	})
}

// segmentedNamespaces returns the namespaces that Device zones close.
func (c *compiler) segmentedNamespaces() map[string]bool {
	out := map[string]bool{}
	for _, z := range c.zones {
		if z.usable() && z.segmented() {
			for _, n := range z.closed() {
				out[n] = true
			}
		}
	}
	return out
}

// builtinProtected are namespaces that no zone may hold: cutting them would cut
// the cluster.
var builtinProtected = []string{"default", "kube-node-lease", "kube-public", "kube-system"}

func (c *compiler) protected(namespace string) bool {
	return slices.Contains(builtinProtected, namespace) || slices.Contains(c.in.Cluster.Protected, namespace)
}
