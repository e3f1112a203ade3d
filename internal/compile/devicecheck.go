package compile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// checkDevice returns what is wrong with a device's current spec.
func (c *compiler) checkDevice(d *device) []plan.Problem {
	var out []plan.Problem
	report := func(reason, path, format string, args ...any) {
		out = append(out, d.problem(reason, path, format, args...))
	}
	if d.in.Spec.Criticality == "" {
		report(medfencev1alpha1.ReasonFieldRequired, "spec.criticality",
			"criticality is required: say what the patient loses when this device loses its network, from LifeSustaining to Ancillary")
	}
	z := c.byName[d.in.Spec.Zone]
	if !z.usable() {
		c.reportZone(d.in.Spec.Zone, "spec.zone", report)
	} else if !z.segmented() {
		report(medfencev1alpha1.ReasonZoneNotDevice, "spec.zone",
			"zone %s has the role %s; a device belongs to a zone with the role Device", z.in.Name, z.spec.Role)
		z = nil
	}
	c.checkWorkload(d, z, report)
	for i, text := range d.in.Spec.Addresses {
		c.checkAddress(text, fmt.Sprintf("spec.addresses[%d]", i), z, report)
	}
	return out
}

// reportZone words why a zone that somebody names cannot be used.
func (c *compiler) reportZone(name, path string, report reporter) {
	z := c.byName[name]
	switch {
	case z == nil:
		report(medfencev1alpha1.ReasonUnknownZone, path, "there is no zone %q%s", name, orCreate(hint(name, c.zoneNames())))
	case z.in.Deleting:
		report(medfencev1alpha1.ReasonUnknownZone, path, "zone %s is being deleted; name another zone", name)
	default:
		report(medfencev1alpha1.ReasonUnknownZone, path, "zone %s has a problem and was never accepted; mend the zone first", name)
	}
}

func orCreate(hint string) string {
	if hint == "" {
		return "; create it, or correct the name"
	}
	return hint
}

// checkWorkload checks the device's namespace and its selector. z is nil when
// the zone cannot be used.
func (c *compiler) checkWorkload(d *device, z *zone, report reporter) {
	w := d.in.Spec.Workload
	if w != nil {
		if message := selectorProblem(&w.PodSelector); message != "" {
			report(medfencev1alpha1.ReasonSelectorInvalid, "spec.workload.podSelector", "%s", message)
		} else if key := reservedIn(&w.PodSelector); key != "" {
			report(medfencev1alpha1.ReasonReservedLabel, "spec.workload.podSelector",
				"label key %q has a meaning of its own for Cilium; give the pods another label and select that", key)
		}
	}
	if z == nil || !z.usable() || slices.Contains(z.closed(), d.in.Namespace) {
		return
	}
	if w == nil && slices.Contains(z.spec.Members.InventoryNamespaces, d.in.Namespace) {
		return
	}
	if w != nil {
		report(medfencev1alpha1.ReasonNamespaceNotInZone, "metadata.namespace",
			"zone %s does not hold namespace %s, where this device selects pods; add it to spec.members.namespaces of the zone, or create the device in %s",
			z.in.Name, d.in.Namespace, oneOf(z.closed(), "a namespace of the zone"))
		return
	}
	report(medfencev1alpha1.ReasonNamespaceNotInZone, "metadata.namespace",
		"zone %s takes no devices from namespace %s; add it to spec.members.inventoryNamespaces of the zone, or create the device in %s",
		z.in.Name, d.in.Namespace, oneOf(slices.Concat(z.closed(), z.spec.Members.InventoryNamespaces), "a namespace of the zone"))
}

// oneOf lists up to three names, or says what else.
func oneOf(names []string, otherwise string) string {
	switch {
	case len(names) == 0:
		return otherwise
	case len(names) > 3:
		return strings.Join(names[:3], ", ") + " or another of its namespaces"
	}
	return strings.Join(names, " or ")
}

// checkAddress checks one address: its form, the cluster's ranges, the zone.
func (c *compiler) checkAddress(text, path string, z *zone, report reporter) {
	p, err := parseAddress(text)
	if err != nil {
		report(medfencev1alpha1.ReasonAddressInvalid, path, "%v", err)
		return
	}
	for _, r := range c.in.Cluster.Ranges {
		if r.Overlaps(p) {
			report(medfencev1alpha1.ReasonAddressInCluster, path,
				"%s lies in the cluster's own range %s; for a device that is a pod use workload.podSelector, else correct the address", text, r)
			return
		}
	}
	if z == nil || !z.usable() || coveredBy(z.space, p) {
		return
	}
	if len(z.prefixes) == 0 {
		report(medfencev1alpha1.ReasonAddressOutsideZone, path,
			"zone %s has no cidrs and so takes no addresses; add the prefix of %s to spec.members.cidrs of the zone", z.in.Name, text)
		return
	}
	if owner, outer := c.ownerOf(p); owner != nil && owner != z {
		report(medfencev1alpha1.ReasonAddressOutsideZone, path,
			"%s belongs to zone %s (%s), not to %s; correct the address or spec.zone", text, owner.in.Name, outer, z.in.Name)
		return
	}
	report(medfencev1alpha1.ReasonAddressOutsideZone, path,
		"%s lies outside the cidrs of zone %s (%s); correct the address, or add its prefix to the zone", text, z.in.Name, firstPrefixes(z.prefixes))
}

func firstPrefixes(list []netip.Prefix) string {
	var parts []string
	for i, p := range list {
		if i == 3 {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, p.String())
	}
	return strings.Join(parts, ", ")
}
