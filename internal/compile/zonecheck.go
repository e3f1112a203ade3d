package compile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
)

// dnsLabel is the form of a zone's name: it becomes a label value and a part
// of object names (RFC 1123, section 2.1).
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checkZone returns what is wrong with a zone's current spec by itself. The
// rules over its fields repeat those of the CRD, for manifests that no API
// server has seen.
func (c *compiler) checkZone(z *zone) []plan.Problem {
	var out []plan.Problem
	report := func(reason, path, format string, args ...any) {
		out = append(out, z.problem(reason, path, sentence(format, args...)))
	}
	if !dnsLabel.MatchString(z.in.Name) {
		report(medfencev1alpha1.ReasonFieldNotAllowed, "metadata.name",
			"a zone's name is at most 63 lower-case letters, digits and hyphens; rename the zone")
	}
	c.checkRole(z, report)
	checkZoneFields(z, report)
	checkZoneValues(z, report)
	c.checkNamespaces(z, report)
	c.checkPrefixes(z, report)
	if z.in.Spec.Role != medfencev1alpha1.RoleDevice {
		checkSelector(z.in.Spec.Members.NamespaceSelector, "spec.members.namespaceSelector", report)
		checkPodSelector(z.in.Spec.Members.PodSelector, "spec.members.podSelector", report)
	}
	c.checkEnforcementSwitch(z, report)
	return out
}

// A reporter takes a problem's reason, path and message.
type reporter func(reason, path, format string, args ...any)

func (c *compiler) checkRole(z *zone, report reporter) {
	role := z.in.Spec.Role
	switch role {
	case medfencev1alpha1.RoleDevice, medfencev1alpha1.RoleClinical, medfencev1alpha1.RoleInfrastructure,
		medfencev1alpha1.RoleCorporate, medfencev1alpha1.RoleExternal:
	case "":
		report(medfencev1alpha1.ReasonFieldRequired, "spec.role",
			"role is required: set it to Device, Clinical, Infrastructure, Corporate or External")
	default:
		report(medfencev1alpha1.ReasonFieldNotAllowed, "spec.role",
			"%q is not a role; use Device, Clinical, Infrastructure, Corporate or External", string(role))
	}
	if a := z.in.Accepted; a != nil && a.Spec.Role != role {
		report(medfencev1alpha1.ReasonFieldNotAllowed, "spec.role",
			"the role of a zone cannot change from %s to %s; create a new zone instead", string(a.Spec.Role), string(role))
	}
}

func checkZoneFields(z *zone, report reporter) {
	spec, members := z.in.Spec, z.in.Spec.Members
	device := spec.Role == medfencev1alpha1.RoleDevice
	refuse := func(wrong bool, path, message string) {
		if wrong {
			report(medfencev1alpha1.ReasonFieldNotAllowed, path, "%s", wording(message))
		}
	}
	if device {
		checkEnforcement(spec.Enforcement, report)
	}
	refuse(!device && spec.Enforcement != "", "spec.enforcement",
		"enforcement is for Device zones only; remove it")
	refuse(!device && len(members.InventoryNamespaces) > 0, "spec.members.inventoryNamespaces",
		"inventoryNamespaces are for Device zones only; remove them")
	refuse(device && members.NamespaceSelector != nil, "spec.members.namespaceSelector",
		"a Device zone lists its namespaces by name; use namespaces instead of namespaceSelector")
	refuse(device && members.PodSelector != nil, "spec.members.podSelector",
		"a Device zone holds every pod of its namespaces; remove podSelector and select pods in MedicalDevices")
	refuse(device && len(members.FQDNs) > 0, "spec.members.fqdns",
		"a Device zone has no fqdns; put them into an External zone")
	refuse(len(members.Entities) > 0 && spec.Role != medfencev1alpha1.RoleInfrastructure, "spec.members.entities",
		"entities are for Infrastructure zones only; move them there")
	placed := len(members.Namespaces) > 0 || members.NamespaceSelector != nil
	refuse(members.PodSelector != nil && !placed, "spec.members.podSelector",
		"podSelector needs namespaces or a namespaceSelector beside it; add one")
}

func checkEnforcement(got medfencev1alpha1.Enforcement, report reporter) {
	if got != medfencev1alpha1.Observe && got != medfencev1alpha1.Enforce {
		report(medfencev1alpha1.ReasonFieldRequired, "spec.enforcement",
			"a Device zone needs enforcement: set it to Observe (watch only) or Enforce (deny what no conduit permits)")
	}
}

// hostName is the form of an fqdn or of a pattern of them, as in the CRD.
var hostName = regexp.MustCompile(`^([a-z0-9*]([-a-z0-9_*]{0,61}[a-z0-9*])?[.])+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checkZoneValues refuses words that the CRD does not know: who mistypes Release
// or Required means something by it.
func checkZoneValues(z *zone, report reporter) {
	spec := z.in.Spec
	oneOfThese := func(path, got string, known ...string) {
		if got != "" && !slices.Contains(known, got) {
			report(medfencev1alpha1.ReasonFieldNotAllowed, path, "%q is not one of %s; correct it", got, strings.Join(known, ", "))
		}
	}
	oneOfThese("spec.dns", string(spec.DNS),
		string(medfencev1alpha1.DNSCluster), string(medfencev1alpha1.DNSNone), string(medfencev1alpha1.DNSNames))
	oneOfThese("spec.encryption", string(spec.Encryption),
		string(medfencev1alpha1.EncryptionOptional), string(medfencev1alpha1.EncryptionRequired))
	oneOfThese("spec.deletionPolicy", string(spec.DeletionPolicy),
		string(medfencev1alpha1.DeletionRetain), string(medfencev1alpha1.DeletionRelease))
	for i, e := range spec.Members.Entities {
		oneOfThese(fmt.Sprintf("spec.members.entities[%d]", i), string(e),
			string(medfencev1alpha1.EntityKubeAPIServer), string(medfencev1alpha1.EntityNodes))
	}
	for i, name := range spec.Members.FQDNs {
		if !isHostName(name) {
			report(medfencev1alpha1.ReasonFieldNotAllowed, fmt.Sprintf("spec.members.fqdns[%d]", i),
				"%q is not a host name; write it in lower case and with its domain, such as updates.vendor.example", name)
		}
	}
}

func isHostName(name string) bool { return len(name) <= 253 && hostName.MatchString(name) }

func (c *compiler) checkNamespaces(z *zone, report reporter) {
	members := z.in.Spec.Members
	for i, n := range members.Namespaces {
		path := fmt.Sprintf("spec.members.namespaces[%d]", i)
		if c.protected(n) {
			report(medfencev1alpha1.ReasonProtectedNamespace, path,
				"namespace %s is protected, since the cluster itself runs there; remove it from the zone", n)
			continue
		}
		checkNamespaceName(n, path, report)
	}
	for i, n := range members.InventoryNamespaces {
		checkNamespaceName(n, fmt.Sprintf("spec.members.inventoryNamespaces[%d]", i), report)
	}
}

func checkNamespaceName(name, path string, report reporter) {
	if !dnsLabel.MatchString(name) {
		report(medfencev1alpha1.ReasonFieldNotAllowed, path,
			"%q is not the name of a namespace, which is at most 63 lower-case letters, digits and hyphens; correct it", name)
	}
}

func (c *compiler) checkPrefixes(z *zone, report reporter) {
	for i, text := range z.in.Spec.Members.CIDRs {
		path := fmt.Sprintf("spec.members.cidrs[%d]", i)
		p, err := parsePrefix(text)
		if err != nil {
			report(medfencev1alpha1.ReasonPrefixInvalid, path, "%v", err)
			continue
		}
		for _, r := range c.in.Cluster.Ranges {
			if flow.Covers(r, p) {
				report(medfencev1alpha1.ReasonPrefixInCluster, path,
					"%s lies in the cluster's own range %s, where no device can be, and is left out; correct the cidr", p, r)
				break
			}
		}
		for _, r := range neverPeers {
			if flow.Covers(r, p) {
				report(medfencev1alpha1.ReasonPrefixInCluster, path,
					"%s is link-local (%s), which no router forwards and Cilium takes for the node's own, and is left out; correct the cidr", p, r)
			}
		}
	}
}

func checkSelector(s *metav1.LabelSelector, path string, report reporter) bool {
	message := selectorProblem(s)
	if message != "" {
		report(medfencev1alpha1.ReasonSelectorInvalid, path, "%s", wording(message))
	}
	return message == ""
}

// checkPodSelector refuses reserved keys as well. Those of namespaces and of
// MedicalDevices never reach a policy.
func checkPodSelector(s *metav1.LabelSelector, path string, report reporter) {
	if !checkSelector(s, path, report) {
		return
	}
	if key := reservedIn(s); key != "" {
		report(medfencev1alpha1.ReasonReservedLabel, path,
			"label key %q has a meaning of its own for Cilium; give the pods another label and select that", key)
	}
}

// checkEnforcementSwitch keeps an accepted zone in Observe for as long as two
// devices select one pod: which conduits that pod has is then a guess.
func (c *compiler) checkEnforcementSwitch(z *zone, report reporter) {
	a := z.in.Accepted
	if z.in.Spec.Enforcement != medfencev1alpha1.Enforce || a == nil || a.Spec.Enforcement != medfencev1alpha1.Observe {
		return
	}
	if s, ok := c.firstSharedPod(z); ok {
		report(medfencev1alpha1.ReasonEnforcementWaits, "spec.enforcement",
			"pod %s/%s is selected by both %s and %s; narrow one podSelector, then the zone is enforced",
			s.namespace, s.pod, s.first, s.second)
	}
}
