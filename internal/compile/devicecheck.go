package compile

import (
	"fmt"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// checkDevice returns what is wrong with a device's current spec.
func (c *compiler) checkDevice(d *device) []plan.Problem {
	var out []plan.Problem
	report := func(reason, path, format string, args ...any) {
		out = append(out, d.problem(reason, path, format, args...))
	}
	checkCriticality(d.in.Spec.Criticality, report)
	z := c.byName[d.in.Spec.Zone]
	switch {
	case !z.usable():
		c.reportZone(d.in.Spec.Zone, "spec.zone", nil, report)
		z = nil
	case !z.segmented():
		report(medfencev1alpha1.ReasonZoneNotDevice, "spec.zone",
			"zone %s has the role %s; a device belongs to a zone with the role Device", z.in.Name, string(z.spec.Role))
		z = nil
	}
	c.checkWorkload(d, z, report)
	for i, text := range d.in.Spec.Addresses {
		c.checkAddress(text, fmt.Sprintf("spec.addresses[%d]", i), z, report)
	}
	return out
}

var criticalities = []medfencev1alpha1.Criticality{
	medfencev1alpha1.CriticalityLifeSustaining, medfencev1alpha1.CriticalityLifeSupporting, medfencev1alpha1.CriticalityTherapeutic,
	medfencev1alpha1.CriticalityDiagnostic, medfencev1alpha1.CriticalityMonitoring, medfencev1alpha1.CriticalityAncillary,
}

func checkCriticality(got medfencev1alpha1.Criticality, report reporter) {
	switch {
	case got == "":
		report(medfencev1alpha1.ReasonFieldRequired, "spec.criticality",
			"criticality is required: say what the patient loses when this device loses its network, from LifeSustaining to Ancillary")
	case !slices.Contains(criticalities, got):
		report(medfencev1alpha1.ReasonFieldNotAllowed, "spec.criticality",
			"%q is not a criticality; use LifeSustaining, LifeSupporting, Therapeutic, Diagnostic, Monitoring or Ancillary", string(got))
	}
}

// reportZone words why a zone that somebody names cannot be used. It is not one
// of those named beside it.
func (c *compiler) reportZone(name, path string, beside []string, report reporter) {
	z := c.byName[name]
	switch {
	case name == "":
		report(medfencev1alpha1.ReasonFieldRequired, path, "name the zone, such as infusion")
	case z == nil:
		report(medfencev1alpha1.ReasonUnknownZone, path, "there is no zone %q%s", name, orCreate(hint(name, without(c.zoneNames(), beside))))
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
		checkPodSelector(&w.PodSelector, "spec.workload.podSelector", report)
	}
	if d.in.Namespace == "" {
		report(medfencev1alpha1.ReasonFieldRequired, "metadata.namespace", "a device lives in a namespace; name it in metadata.namespace")
		return
	}
	if z == nil || slices.Contains(z.closed(), d.in.Namespace) {
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
	if z == nil || coveredBy(z.space, p) {
		return
	}
	if len(z.prefixes) == 0 {
		report(medfencev1alpha1.ReasonAddressOutsideZone, path,
			"zone %s has no cidrs and so takes no addresses; add the prefix of %s to spec.members.cidrs of the zone", z.in.Name, text)
		return
	}
	if takers := c.takers(z, p); len(takers) > 0 {
		o, belongs := takers[0], "belongs"
		if !flow.Covers(o.prefix, p) {
			belongs = "belongs in part"
		}
		report(medfencev1alpha1.ReasonAddressOutsideZone, path,
			"%s %s to zone %s (%s), not to %s; correct the address or spec.zone", text, belongs, o.zone.in.Name, o.prefix, z.in.Name)
		return
	}
	report(medfencev1alpha1.ReasonAddressOutsideZone, path,
		"%s lies outside the cidrs of zone %s (%s); correct the address, or add its prefix to the zone", text, z.in.Name, listing(texts(z.prefixes)))
}
