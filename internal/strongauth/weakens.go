package strongauth

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Operations that can weaken. Deleting a conduit or a device only takes away.
var (
	written = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
	all     = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete}
)

// path turns spec.members.cidrs into an optional of a variable: now or was.
func path(variable, field string) string {
	return "variables." + variable + ".?" + strings.ReplaceAll(field, ".", ".?")
}

// has is true where the field is given.
func has(variable, field string) string { return path(variable, field) + ".hasValue()" }

// list is the field, or the empty list.
func list(variable, field string) string { return path(variable, field) + ".orValue([])" }

// gained is true where the field lists what it did not list before.
func gained(field string) string {
	return list("now", field) + ".exists(x, !(x in " + list("was", field) + "))"
}

// lost is true where it lists no longer what it listed before.
func lost(field string) string {
	return list("was", field) + ".exists(x, !(x in " + list("now", field) + "))"
}

// kept is true where the selector that is there now asks for all that the one
// before asked for: then it selects no more. Both must be there.
func kept(selector string) string {
	labels := func(variable string) string { return path(variable, selector+".matchLabels") + ".orValue({})" }
	return labels("was") + ".all(k, k in " + labels("now") + " && " + labels("now") + "[k] == " + labels("was") + "[k]) &&\n" +
		"  " + list("was", selector+".matchExpressions") + ".all(e, e in " + list("now", selector+".matchExpressions") + ")"
}

// selectsMore is true for a selector that adds members (as namespaces do by
// their labels): a new one does, and one that asks for less.
func selectsMore(selector string) string {
	return has("now", selector) + " && !(" + has("was", selector) + " && " + kept(selector) + ")"
}

// narrowsLess is true for a selector that takes members away: one that is gone
// does, and one that asks for less.
func narrowsLess(selector string) string {
	return has("was", selector) + " && !(" + has("now", selector) + " && " + kept(selector) + ")"
}

// rank of a DNS mode: how many names it resolves.
func rank(variable string) string {
	return "{'None': 0, 'Names': 1, 'Cluster': 2}[" + path(variable, "spec.dns") + ".orValue('Cluster')]"
}

// zones: what weakens a zone, or by a zone what stands beside it. The longest
// prefix over all zones decides, so a prefix more or less in one moves
// addresses in or out of others.
func zones() kind {
	const segmented, updated = "variables.now.spec.role == 'Device'", "oldObject != null"
	return kind{plural: "devicezones", operations: all, weakens: "request.operation == 'DELETE' ?\n['it deletes the zone'] :\n" + parts([]part{
		{path("was", "spec.enforcement") + ".orValue('') == 'Enforce' && " + path("now", "spec.enforcement") + ".orValue('') != 'Enforce'",
			"the zone is no longer enforced"},
		{segmented + " && " + lost("spec.members.namespaces"), "it takes a namespace out of the zone"},
		{"!(" + segmented + ") && " + gained("spec.members.namespaces"), "it adds a namespace to those that conduits reach"},
		{gained("spec.members.inventoryNamespaces"), "it lets devices join from a further namespace"},
		{selectsMore("spec.members.namespaceSelector"), "its namespaceSelector may select more"},
		{narrowsLess("spec.members.podSelector"), "its podSelector may select more"},
		{gained("spec.members.cidrs") + " ||\n " + lost("spec.members.cidrs"), "it moves addresses between zones (cidrs)"},
		{gained("spec.members.fqdns"), "it adds a host name"},
		{gained("spec.members.entities"), "it adds an entity"},
		{updated + " && " + rank("now") + " > " + rank("was"), "the zone may resolve more names (dns)"},
		{path("was", "spec.encryption") + ".orValue('') == 'Required' && " + path("now", "spec.encryption") + ".orValue('') != 'Required'",
			"plaintext is no longer refused (encryption)"},
		{updated + " && " + path("was", "spec.deletionPolicy") + ".orValue('') != 'Release' && " + path("now", "spec.deletionPolicy") + ".orValue('') == 'Release'",
			"the zone opens what it leaves (deletionPolicy)"},
		{"'" + medfencev1alpha1.FinalizerZone + "' in " + list("was", "metadata.finalizers") + " && !('" + medfencev1alpha1.FinalizerZone + "' in " + list("now", "metadata.finalizers") + ")",
			"it takes away the finalizer that keeps the zone until its namespaces may be opened"},
	})}
}

// later is true where a time is later than it was, or gone.
func laterOrGone(field string) string {
	return has("was", field) + " && !(" + has("now", field) + " && timestamp(" + value("now", field) + ") <= timestamp(" + value("was", field) + "))"
}

func earlierOrGone(field string) string {
	return has("was", field) + " && !(" + has("now", field) + " && timestamp(" + value("now", field) + ") >= timestamp(" + value("was", field) + "))"
}

func value(variable, field string) string { return "variables." + variable + "." + field }

// itself is true for a conduit that joins one zone to itself. With several
// zones on a side it joins none to itself, so that to name fewer zones may open
// what naming more did not.
func itself(variable string) string {
	from := list(variable, "spec.from.zones")
	return "size(" + from + ") == 1 && " + from + " == " + list(variable, "spec.to.zones")
}

// conduits: a new one, and whatever is not shown to be narrower than before.
func conduits() kind {
	return kind{plural: "conduits", operations: written, weakens: "oldObject == null ?\n['it is a new conduit'] :\n" + parts([]part{
		{gained("spec.from.zones"), "it adds a zone to from"},
		{gained("spec.to.zones"), "it adds a zone to to"},
		{itself("now") + " && !(" + itself("was") + " && " + value("now", "spec.from.zones") + " == " + value("was", "spec.from.zones") + ")",
			"it opens a zone to itself"},
		{narrowsLess("spec.from.deviceSelector"), "from.deviceSelector may select more"},
		{narrowsLess("spec.to.deviceSelector"), "to.deviceSelector may select more"},
		{gained("spec.services"), "it adds or changes a service"},
		{has("was", "spec.http") + " && (!" + has("now", "spec.http") + " || " + gained("spec.http") + ")", "it permits further requests (http)"},
		{earlierOrGone("spec.startsAt"), "it begins earlier"},
		{laterOrGone("spec.expiresAt"), "it ends later, or never"},
		{has("now", "spec.riskAcceptance") + " && !" + has("was", "spec.riskAcceptance"), "it accepts a risk that nobody had accepted"},
	})}
}

// devices: what gives pods or addresses the conduits of a zone. A device with
// neither contributes nothing.
func devices() kind {
	const workload, addresses = "spec.workload.podSelector", "spec.addresses"
	labels := func(variable string) string { return path(variable, "metadata.labels") + ".orValue({})" }
	return kind{plural: "medicaldevices", operations: written, weakens: "!" + has("now", "spec.workload") + " && size(" + list("now", addresses) + ") == 0 ?\n[] :\n" +
		"oldObject == null ?\n['it gives new pods or addresses the conduits of its zone'] :\n" + parts([]part{
		{value("now", "spec.zone") + " != " + value("was", "spec.zone"), "it moves the device to another zone"},
		{selectsMore(workload), "its podSelector may select more"},
		{gained(addresses), "it adds an address"},
		{labels("now") + " != " + labels("was"), "it changes labels by which conduits select devices"},
	})}
}
