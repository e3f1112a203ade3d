package compile

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// A refused spec takes nothing away: its last accepted one is in force as a
// whole. What the user meant to take away is named, lest he believe it gone.

// noteZoneNarrowing names what a refused spec of a zone no longer has and the
// zone still does.
func (c *compiler) noteZoneNarrowing(z *zone) {
	if z.standing != plan.Last || z.in.Deleting {
		return
	}
	note := func(path, format string, args ...any) {
		c.problems = append(c.problems, z.problem(medfencev1alpha1.ReasonNarrowingWaits, path, sentence(format, args...)))
	}
	was, is := z.spec, z.in.Spec
	stays := func(path, what string, gone []string) {
		switch len(gone) {
		case 0:
		case 1:
			note(path, what+" %s stays in the zone until the problems of this spec are mended", gone[0])
		default:
			note(path, what+"s %s stay in the zone until the problems of this spec are mended", listing(gone))
		}
	}
	stays("spec.members.namespaces", "namespace", without(z.listed, is.Members.Namespaces))
	current := validPrefixes(is.Members.CIDRs)
	stays("spec.members.cidrs", "cidr", texts(slices.DeleteFunc(slices.Clone(z.prefixes), func(p netip.Prefix) bool {
		return slices.Contains(current, p)
	})))
	stays("spec.members.fqdns", "name", without(uniqueSorted(was.Members.FQDNs), is.Members.FQDNs))
	if was.Enforcement == medfencev1alpha1.Enforce && is.Enforcement == medfencev1alpha1.Observe {
		note("spec.enforcement", "the zone stays enforced until the problems of this spec are mended")
	}
	if !z.releases() && is.DeletionPolicy == medfencev1alpha1.DeletionRelease {
		note("spec.deletionPolicy", "no namespace is released before the problems of this spec are mended")
	}
}

// without returns the names of a list that are not in another.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}

// noteDeviceNarrowing names what a refused spec of a device no longer has and
// the device still does.
func (c *compiler) noteDeviceNarrowing(d *device) {
	if d.standing != plan.Last || d.zone == nil {
		return
	}
	note := func(path, format string, args ...any) {
		c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonNarrowingWaits, path, format, args...))
	}
	was, is := d.spec, d.in.Spec
	if was.Zone != is.Zone {
		note("spec.zone", "the device stays in zone %s until the problems of this spec are mended", was.Zone)
	}
	if d.matches != nil && (is.Workload == nil || !sameSelector(&was.Workload.PodSelector, &is.Workload.PodSelector)) {
		note("spec.workload", "the pods of the last accepted podSelector keep their conduits until the problems of this spec are mended")
	}
	var current []netip.Prefix
	for _, text := range is.Addresses {
		if p, err := parseAddress(text); err == nil {
			current = append(current, p)
		}
	}
	for _, p := range d.prefixes {
		if !slices.ContainsFunc(current, func(q netip.Prefix) bool { return flow.Covers(q, p) }) {
			note("spec.addresses", "address %s stays in force until the problems of this spec are mended", addressText(p))
		}
	}
}

// noteConduitNarrowing names what a refused spec of a conduit no longer permits
// and the conduit still does.
func (c *compiler) noteConduitNarrowing(d *conduit) {
	if d.standing != plan.Last || d.state == plan.Expired {
		return
	}
	note := func(path, what string) {
		c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonNarrowingWaits, path,
			"%s stays permitted until the problems of this spec are mended; delete the conduit to close it at once", what))
	}
	was, is := d.in.Accepted.Spec, d.in.Spec
	c.noteSideNarrowing("spec.from", was.From, is.From, note)
	c.noteSideNarrowing("spec.to", was.To, is.To, note)
	if c.narrowsServices(d) {
		note("spec.services", "every service of the last accepted spec")
	}
	if !equality.Semantic.DeepEqual(was.HTTP, is.HTTP) && len(is.HTTP) > 0 {
		note("spec.http", "every request of the last accepted spec")
	}
}

func (c *compiler) noteSideNarrowing(path string, was, is medfencev1alpha1.ConduitEnd, note func(path, what string)) {
	gone := without(uniqueSorted(was.Zones), is.Zones)
	if len(gone) > c.mistyped(is.Zones) {
		for _, z := range gone {
			if c.byName[z].usable() {
				note(path+".zones", "zone "+tidy(z, maxQuote))
			}
		}
	}
	if is.DeviceSelector != nil && !sameSelector(was.DeviceSelector, is.DeviceSelector) {
		note(path+".deviceSelector", "every device of the last accepted spec")
	}
}

// mistyped counts the names of which there is no zone. Each may stand for one
// that is missing from the list.
func (c *compiler) mistyped(names []string) int {
	return len(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return c.byName[n] != nil }))
}

// narrowsServices reports whether the refused spec lacks services of the last
// accepted one. An entry that cannot be resolved is taken for a mistyped one:
// it may stand for any that is missing.
func (c *compiler) narrowsServices(d *conduit) bool {
	silent := func(string, string, string, ...any) {}
	unclear := 0
	for i, s := range d.in.Spec.Services {
		if len(c.resolveService(s, fmt.Sprint(i), silent)) == 0 {
			unclear++
		}
	}
	missing := 0
	for _, s := range d.in.Accepted.Spec.Services {
		if !slices.ContainsFunc(d.in.Spec.Services, func(t medfencev1alpha1.ConduitService) bool {
			return equality.Semantic.DeepEqual(s, t)
		}) {
			missing++
		}
	}
	return missing > unclear
}
