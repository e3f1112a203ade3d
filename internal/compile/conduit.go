package compile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A conduit is a Conduit on its way into the plan.
type conduit struct {
	in       snapshot.Conduit
	standing plan.Standing
	spec     medfencev1alpha1.ConduitSpec
	state    plan.State
	// resolved are all services of the spec in force; services those of them
	// that the target can enforce.
	resolved []flow.Service
	services []flow.Service
	from, to []plan.End
	point    medfencev1alpha1.EnforcementPoint
	partly   bool
}

func (d *conduit) problem(reason, path, format string, args ...any) plan.Problem {
	return plan.Problem{Reason: reason, Kind: plan.KindConduit, Name: d.in.Name, Path: path, Message: fmt.Sprintf(format, args...)}
}

// resolveConduits decides which spec of each conduit is in force. Conduits that
// are being deleted permit nothing.
func (c *compiler) resolveConduits() {
	for _, in := range c.in.Conduits {
		if !in.Deleting {
			c.conduits = append(c.conduits, &conduit{in: in})
		}
	}
	slices.SortFunc(c.conduits, func(a, b *conduit) int {
		return cmp.Or(cmp.Compare(a.in.Name, b.in.Name), cmp.Compare(a.in.UID, b.in.UID))
	})
	c.conduits = slices.CompactFunc(c.conduits, func(a, b *conduit) bool { return a.in.Name == b.in.Name })
	for _, d := range c.conduits {
		services, found := c.checkConduit(d)
		c.problems = append(c.problems, found...)
		c.standConduit(d, services, refused(found))
	}
}

func (c *compiler) standConduit(d *conduit, services []flow.Service, refused bool) {
	switch {
	case !refused:
		d.standing, d.spec, d.resolved = plan.Current, d.in.Spec, services
	case d.in.Accepted != nil:
		d.standing, d.spec = plan.Last, *d.in.Accepted.Spec.DeepCopy()
		d.resolved = c.acceptedServices(d.in.Accepted)
		d.spec.ExpiresAt = earlierExpiry(d.in.Accepted.Spec.ExpiresAt, d.in.Spec.ExpiresAt)
		c.noteConduitNarrowing(d)
	default:
		d.standing = plan.Absent
	}
	d.state = stateAt(d.spec, c.in.Now)
	c.chooseEnforceable(d)
	c.joinZones(d)
}

// earlierExpiry returns the earlier of two expiries: a revocation always
// applies, also from a spec that has a problem.
func earlierExpiry(accepted, current *metav1.Time) *metav1.Time {
	if current == nil || (accepted != nil && !current.Before(accepted)) {
		return accepted
	}
	return current
}

// stateAt tells whether a conduit is in its time, which is half open: it
// begins at startsAt and has ended at expiresAt.
func stateAt(spec medfencev1alpha1.ConduitSpec, now time.Time) plan.State {
	switch {
	case spec.ExpiresAt != nil && !now.Before(spec.ExpiresAt.Time):
		return plan.Expired
	case spec.StartsAt != nil && now.Before(spec.StartsAt.Time):
		return plan.Scheduled
	}
	return plan.Active
}

// noteConduitNarrowing says what the refused spec no longer permits and the
// last accepted one still does.
func (c *compiler) noteConduitNarrowing(d *conduit) {
	note := func(path, what string) {
		c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonNarrowingWaits, path,
			"%s stays permitted until the problems of this spec are mended; delete the conduit to close it at once", what))
	}
	was, is := d.in.Accepted.Spec, d.in.Spec
	for _, side := range []struct {
		path    string
		was, is []string
	}{{"spec.from.zones", was.From.Zones, is.From.Zones}, {"spec.to.zones", was.To.Zones, is.To.Zones}} {
		for _, z := range side.was {
			if !slices.Contains(side.is, z) && c.byName[z].usable() {
				note(side.path, "zone "+z)
			}
		}
	}
	if len(is.Services) < len(was.Services) {
		note("spec.services", "what the last accepted services name")
	}
}

// joinZones counts the conduit for each of its zones that there is.
func (c *compiler) joinZones(d *conduit) {
	if d.standing == plan.Absent {
		return
	}
	names := slices.Concat(d.spec.From.Zones, d.spec.To.Zones)
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if z := c.byName[n]; z.usable() {
			z.conduits++
		}
	}
	for _, side := range []struct {
		name string
		end  medfencev1alpha1.ConduitEnd
	}{{"from", d.spec.From}, {"to", d.spec.To}} {
		for _, n := range uniqueSorted(side.end.Zones) {
			if z := c.byName[n]; z.usable() {
				z.sideEnds = append(z.sideEnds, sideEnd{conduit: d, side: side.name, selector: side.end.DeviceSelector})
			}
		}
	}
}

func uniqueSorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}

// checkConduit returns the services of a conduit's current spec and what is
// wrong with it.
func (c *compiler) checkConduit(d *conduit) ([]flow.Service, []plan.Problem) {
	var out []plan.Problem
	report := func(reason, path, format string, args ...any) {
		out = append(out, d.problem(reason, path, format, args...))
	}
	c.checkSide(d.in.Spec.From, "spec.from", report)
	c.checkSide(d.in.Spec.To, "spec.to", report)
	c.checkInitiators(d, report)
	c.checkPairs(d, report)
	if s := d.in.Spec; s.StartsAt != nil && s.ExpiresAt != nil && !s.StartsAt.Before(s.ExpiresAt) {
		report(medfencev1alpha1.ReasonWindowInvalid, "spec.expiresAt",
			"expiresAt must be later than startsAt; correct one of the two")
	}
	if n := len(d.in.Spec.Purpose); n == 0 {
		report(medfencev1alpha1.ReasonFieldRequired, "spec.purpose",
			"purpose is required: say in one sentence why this flow is needed")
	}
	services := c.resolveServices(d, report)
	c.checkRisk(d, services, report)
	checkHTTP(d, services, report)
	return flatten(services), out
}

func (c *compiler) checkSide(end medfencev1alpha1.ConduitEnd, path string, report reporter) {
	if len(end.Zones) == 0 {
		report(medfencev1alpha1.ReasonFieldRequired, path+".zones", "name at least one zone on each side")
	}
	for i, name := range end.Zones {
		z := c.byName[name]
		at := fmt.Sprintf("%s.zones[%d]", path, i)
		if !z.usable() {
			c.reportZone(name, at, report)
			continue
		}
		if end.DeviceSelector != nil && !z.segmented() {
			report(medfencev1alpha1.ReasonDeviceSelectorOnPeer, path+".deviceSelector",
				"zone %s has the role %s and no devices to select; remove deviceSelector, or move the zone to a conduit of its own",
				name, z.spec.Role)
		}
	}
	if message := selectorProblem(end.DeviceSelector); message != "" {
		report(medfencev1alpha1.ReasonSelectorInvalid, path+".deviceSelector", "%s", message)
	}
}

// checkInitiators refuses a zone that is nothing but names as the side that
// opens connections: a name cannot be recognised on the way in.
func (c *compiler) checkInitiators(d *conduit, report reporter) {
	for i, name := range d.in.Spec.From.Zones {
		z := c.byName[name]
		if !z.usable() || len(z.spec.Members.FQDNs) == 0 {
			continue
		}
		m := z.spec.Members
		if len(m.CIDRs) == 0 && len(m.Namespaces) == 0 && m.NamespaceSelector == nil && len(m.Entities) == 0 {
			report(medfencev1alpha1.ReasonNameInitiator, fmt.Sprintf("spec.from.zones[%d]", i),
				"zone %s has only fqdns, and a packet does not tell the name of who sent it; give the zone cidrs, or make it the responder", name)
		}
	}
}

// checkPairs refuses a conduit none of whose pairs has a Device zone, and warns
// of single pairs without one.
func (c *compiler) checkPairs(d *conduit, report reporter) {
	segmented, loose := 0, []string{}
	for _, f := range d.in.Spec.From.Zones {
		for _, t := range d.in.Spec.To.Zones {
			from, to := c.byName[f], c.byName[t]
			if !from.usable() || !to.usable() {
				return
			}
			if f == t && (len(d.in.Spec.From.Zones) > 1 || len(d.in.Spec.To.Zones) > 1) {
				continue
			}
			if from.segmented() || to.segmented() {
				segmented++
				continue
			}
			loose = append(loose, f+" to "+t)
		}
	}
	switch {
	case segmented == 0 && len(loose) > 0:
		report(medfencev1alpha1.ReasonUnsegmentedConduit, "spec",
			"neither side is a Device zone, so nothing stops this flow; delete the conduit")
	case len(loose) > 0:
		slices.Sort(loose)
		report(medfencev1alpha1.ReasonUnsegmentedPair, "spec",
			"nothing stops the flow from %s, since neither is a Device zone; name these zones in no common conduit", loose[0])
	}
}
