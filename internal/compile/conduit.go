package compile

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

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
	return plan.Problem{Reason: reason, Kind: plan.KindConduit, Name: d.in.Name, Path: path, Message: sentence(format, args...)}
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
		d.spec.ExpiresAt = earlierExpiry(d.in.Accepted.Spec.ExpiresAt, d.in.Spec)
	default:
		d.standing = plan.Absent
	}
	d.state = stateAt(d.spec, d.in.Ended, c.in.Now)
	c.noteConduitNarrowing(d)
	c.chooseEnforceable(d)
	c.joinZones(d)
}

// earlierExpiry returns the earlier of two expiries: a revocation always
// applies, also from a spec that has a problem, unless the expiry is the problem.
func earlierExpiry(accepted *metav1.Time, current medfencev1alpha1.ConduitSpec) *metav1.Time {
	at := current.ExpiresAt
	if at == nil || !windowValid(current) || (accepted != nil && !at.Before(accepted)) {
		return accepted
	}
	return at
}

// windowValid reports whether a conduit ends after it begins.
func windowValid(spec medfencev1alpha1.ConduitSpec) bool {
	return spec.StartsAt == nil || spec.ExpiresAt == nil || spec.StartsAt.Before(spec.ExpiresAt)
}

// stateAt tells whether a conduit is in its time, which is half open: it
// begins at startsAt and has ended at expiresAt. What was seen to have ended has,
// whatever the clock says now.
func stateAt(spec medfencev1alpha1.ConduitSpec, ended *metav1.Time, now time.Time) plan.State {
	switch {
	case spec.ExpiresAt != nil && !now.Before(spec.ExpiresAt.Time),
		spec.ExpiresAt != nil && ended != nil && !ended.Before(spec.ExpiresAt):
		return plan.Expired
	case spec.StartsAt != nil && now.Before(spec.StartsAt.Time):
		return plan.Scheduled
	}
	return plan.Active
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
	if !windowValid(d.in.Spec) {
		report(medfencev1alpha1.ReasonWindowInvalid, "spec.expiresAt",
			"expiresAt must be later than startsAt; correct one of the two")
	}
	checkReasons(d.in.Spec, report)
	services := c.resolveServices(d, report)
	c.checkRisk(d, services, report)
	checkHTTP(d, services, report)
	return flatten(services), out
}

// The lengths of what people write for the auditor, in characters, as in the CRD.
const (
	minReason         = 10
	maxPurpose        = 256
	maxRiskAcceptance = 512
)

// checkReasons checks what is written for the auditor.
func checkReasons(spec medfencev1alpha1.ConduitSpec, report reporter) {
	n := utf8.RuneCountInString(spec.Purpose)
	switch {
	case n == 0:
		report(medfencev1alpha1.ReasonFieldRequired, "spec.purpose",
			"purpose is required: say in one sentence why this flow is needed")
	case n < minReason || n > maxPurpose:
		report(medfencev1alpha1.ReasonFieldRequired, "spec.purpose",
			"purpose has %d characters; say in %d to %d why this flow is needed", n, minReason, maxPurpose)
	}
	if n := utf8.RuneCountInString(spec.RiskAcceptance); n > 0 && (n < minReason || n > maxRiskAcceptance) {
		report(medfencev1alpha1.ReasonFieldRequired, "spec.riskAcceptance",
			"riskAcceptance has %d characters; say in %d to %d who accepts the risk, until when and why", n, minReason, maxRiskAcceptance)
	}
}

func (c *compiler) checkSide(end medfencev1alpha1.ConduitEnd, path string, report reporter) {
	if len(end.Zones) == 0 {
		report(medfencev1alpha1.ReasonFieldRequired, path+".zones", "name at least one zone on each side")
	}
	for i, name := range end.Zones {
		z := c.byName[name]
		at := fmt.Sprintf("%s.zones[%d]", path, i)
		if !z.usable() {
			c.reportZone(name, at, end.Zones, report)
			continue
		}
		if end.DeviceSelector != nil && !z.segmented() {
			report(medfencev1alpha1.ReasonDeviceSelectorOnPeer, path+".deviceSelector",
				"zone %s has the role %s and no devices to select; remove deviceSelector, or move the zone to a conduit of its own",
				name, string(z.spec.Role))
		}
	}
	checkSelector(end.DeviceSelector, path+".deviceSelector", report)
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
	froms, tos := uniqueSorted(d.in.Spec.From.Zones), uniqueSorted(d.in.Spec.To.Zones)
	if slices.ContainsFunc(slices.Concat(froms, tos), func(n string) bool { return !c.byName[n].usable() }) {
		return
	}
	segmented, loose := 0, []string{}
	for _, f := range froms {
		for _, t := range tos {
			switch {
			case f == t && (len(froms) > 1 || len(tos) > 1):
			case c.byName[f].segmented() || c.byName[t].segmented():
				segmented++
			default:
				loose = append(loose, f+" to "+t)
			}
		}
	}
	switch {
	case len(loose) == 0:
	case segmented == 0:
		report(medfencev1alpha1.ReasonUnsegmentedConduit, "spec",
			"neither side is a Device zone, so nothing stops this flow; delete the conduit")
	default:
		report(medfencev1alpha1.ReasonUnsegmentedPair, "spec",
			"nothing stops the flow from %s, since neither is a Device zone; name these zones in no common conduit", loose[0])
	}
}
