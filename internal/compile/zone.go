package compile

import (
	"cmp"
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
	// listed, held and prefixes follow from spec and stripped.
	listed   []string
	held     []string
	prefixes []netip.Prefix
	// space is what belongs to the zone by the longest prefix; reach is space
	// without the cluster's own ranges.
	space, reach []netip.Prefix

	devices                []*device
	pods, unregistered     int
	conduits               int
	sideEnds               []sideEnd
	namespaces             []plan.Namespace
	workloadKeys           []plan.WorkloadKey
	acceptedNamespaceNames map[string]bool
}

// usable reports whether the zone contributes anything.
func (z *zone) usable() bool { return z != nil && z.standing != plan.Absent && !z.released }

// device reports whether the zone is segmented.
func (z *zone) segmented() bool { return z.spec.Role == medfencev1alpha1.RoleDevice }

// enforce reports whether the zone is closed.
func (z *zone) enforce() bool {
	return z.segmented() && z.spec.Enforcement == medfencev1alpha1.Enforce
}

// closed returns the namespaces that the zone segments: listed and held.
func (z *zone) closed() []string {
	out := slices.Concat(z.listed, z.held)
	slices.Sort(out)
	return slices.Compact(out)
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
		z.space = c.spaceOf(z)
		z.reach = flow.SubtractPrefixes(z.space, slices.Concat(c.in.Cluster.Ranges, neverPeers))
	}
	for _, z := range c.zones {
		if z.usable() {
			z.namespaces = c.namespacesOf(z)
		}
	}
}

func newZone(in snapshot.Zone) *zone {
	z := &zone{in: in, stripped: map[claim]bool{}, acceptedNamespaceNames: map[string]bool{}}
	z.senior = seniority{created: in.Created, uid: in.UID, name: in.Name}
	if in.Accepted != nil {
		z.senior.accepted, z.senior.since = true, in.Accepted.Since.Time
		for _, n := range in.Accepted.Spec.Members.Namespaces {
			z.acceptedNamespaceNames[n] = true
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
		z.standing, z.spec = plan.Last, z.in.Accepted.Spec
	default:
		z.standing, z.spec = plan.Absent, medfencev1alpha1.DeviceZoneSpec{}
	}
}

// settleZones resolves conflicts between zones. Each round computes what the
// specs in force claim and puts the losers of every conflict back to their last
// accepted specs; it ends since each zone gives way only so often.
func (c *compiler) settleZones() {
	for {
		c.computeClaims()
		if !c.settleClaims() && !c.settleDevicePrefixes() {
			return
		}
	}
}

// computeClaims derives what each zone lists and holds from its spec in force.
func (c *compiler) computeClaims() {
	c.owners = nil
	for _, z := range c.zones {
		z.listed, z.held, z.prefixes, z.released = nil, nil, nil, false
		if z.standing == plan.Absent {
			z.released = z.in.Deleting
			continue
		}
		z.held = c.heldBy(z)
		if z.in.Deleting && len(z.held) == 0 {
			z.released = true
			continue
		}
		if !z.in.Deleting {
			z.listed = z.unstripped(z.spec.Members.Namespaces)
		}
		z.prefixes = z.parsedPrefixes(z.spec.Members.CIDRs)
		for _, p := range z.prefixes {
			c.owners = append(c.owners, owned{p, z})
		}
	}
	sortOwners(c.owners)
}

func (z *zone) unstripped(names []string) []string {
	out := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return z.segmented() && z.stripped[claim{namespace: n}]
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// parsedPrefixes returns the valid prefixes of a list, sorted, without those
// that lost a conflict.
func (z *zone) parsedPrefixes(cidrs []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range cidrs {
		p, err := parsePrefix(text)
		if err == nil && !z.stripped[claim{prefix: p}] {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, flow.ComparePrefixes)
	return slices.Compact(out)
}

// heldBy returns the namespaces that an enforced zone no longer lists, or that
// it is about to leave by its deletion, and in which pods still run.
func (c *compiler) heldBy(z *zone) []string {
	if !z.enforce() || z.spec.DeletionPolicy == medfencev1alpha1.DeletionRelease {
		return nil
	}
	var candidates []string
	for _, n := range z.in.Closed {
		if n.Baseline || n.Held {
			candidates = append(candidates, n.Name)
		}
	}
	if a := z.in.Accepted; a != nil && a.Spec.Enforcement == medfencev1alpha1.Enforce {
		candidates = append(candidates, a.Spec.Members.Namespaces...)
	}
	if z.in.Deleting {
		candidates = append(candidates, z.spec.Members.Namespaces...)
	}
	slices.Sort(candidates)
	return slices.DeleteFunc(slices.Compact(candidates), func(n string) bool {
		listed := !z.in.Deleting && slices.Contains(z.spec.Members.Namespaces, n)
		return listed || len(c.pods[n]) == 0 || z.stripped[claim{namespace: n}]
	})
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
	closed := map[string]bool{}
	for _, other := range c.zones {
		if other.usable() && other.segmented() {
			for _, n := range other.closed() {
				closed[n] = true
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool {
		return closed[n] || c.protected(n)
	})
}

// builtinProtected are namespaces that no zone may hold: cutting them would cut
// the cluster.
var builtinProtected = []string{"default", "kube-node-lease", "kube-public", "kube-system"}

func (c *compiler) protected(namespace string) bool {
	return slices.Contains(builtinProtected, namespace) || slices.Contains(c.in.Cluster.Protected, namespace)
}
