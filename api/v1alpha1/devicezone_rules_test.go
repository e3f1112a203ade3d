package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestDeviceZoneRules(t *testing.T) {
	testRules(t, "DeviceZone", deviceZoneCases())
}

func deviceZoneCases() map[string]ruleCase {
	return map[string]ruleCase{
		"a whole Device zone": {spec: `
role: Device
enforcement: Observe
members:
  namespaces: [icu-pumps, ward-pumps]
  inventoryNamespaces: [biomed]
  cidrs: [10.20.0.0/16, "2001:db8:20::/48", 10.21.3.7/32]
dns: None
encryption: Required
securityLevel: {target: 3, rationale: "Risk assessment 2025-11, item 4"}
owner: Clinical engineering, extension 4711
description: Infusion pumps of the intensive care unit
deletionPolicy: Release
`},
		"a Device zone without members waits for them": {spec: `{role: Device, enforcement: Enforce}`},
		"a whole Infrastructure zone": {spec: `
role: Infrastructure
members:
  namespaces: [monitoring, kube-system]
  namespaceSelector: {matchLabels: {team: platform}}
  podSelector: {matchExpressions: [{key: app, operator: Exists}]}
  cidrs: [10.0.0.0/24]
  fqdns: [ntp.hospital.example]
  entities: [KubeAPIServer, Nodes]
`},
		"an External zone of names":                                   {spec: `{role: External, members: {fqdns: [updates.vendor.example, "*.vendor.example", "a_b.vendor.example"]}}`},
		"a Clinical zone that requires encryption":                    {spec: `{role: Clinical, dns: Cluster, encryption: Required, members: {cidrs: [0.0.0.0/0, "::/0"]}}`},
		"a Corporate zone narrowed to some pods of a named namespace": {spec: `{role: Corporate, members: {namespaces: [intranet], podSelector: {matchLabels: {app: proxy}}}}`},

		"no role": {spec: `{enforcement: Observe}`, want: []string{
			"spec.role: Required value",
			unchecked,
		}},
		"an unknown role": {spec: `{role: Medical}`, want: []string{
			`spec.role: Unsupported value: "Medical": supported values: "Device", "Clinical", "Infrastructure", "Corporate", "External"`,
			unchecked,
		}},
		"a Device zone without enforcement": {spec: `{role: Device}`, want: []string{
			"spec.enforcement: Required value: enforcement is required for Device zones: set it to Observe (watch only) or Enforce (deny what no conduit permits)",
		}},
		"enforcement on a Clinical zone": {spec: `{role: Clinical, enforcement: Observe}`, want: []string{
			"spec.enforcement: Forbidden: only Device zones are enforced: remove enforcement; this zone is restricted only towards Device zones",
		}},
		"a Device zone that selects namespaces by label": {
			spec: `{role: Device, enforcement: Observe, members: {namespaceSelector: {matchLabels: {ward: "3"}}}}`, want: []string{
				"spec.members.namespaceSelector: Forbidden: a Device zone names its namespaces, so that no label can move one in or out: list them in members.namespaces and remove namespaceSelector",
			}},
		"a Device zone that selects pods": {
			spec: `{role: Device, enforcement: Observe, members: {namespaces: [pumps], podSelector: {matchLabels: {app: gateway}}}}`, want: []string{
				"spec.members.podSelector: Forbidden: a Device zone holds every pod of its namespaces: remove podSelector; MedicalDevices select the pods that are devices",
			}},
		"a Device zone of host names": {
			spec: `{role: Device, enforcement: Observe, members: {fqdns: [pump.hospital.example]}}`, want: []string{
				"spec.members.fqdns: Forbidden: a Device zone has no fqdns: give its machines by address in members.cidrs, or put the names in an External zone and join the two by a conduit",
			}},
		"entities in a Device zone": {
			spec: `{role: Device, enforcement: Observe, members: {entities: [Nodes]}}`, want: []string{
				"spec.members.entities: Forbidden: entities belong to Infrastructure zones: put KubeAPIServer and Nodes in a zone with role Infrastructure and join the two by a conduit",
			}},
		"entities in a Clinical zone": {
			spec: `{role: Clinical, members: {entities: [KubeAPIServer]}}`, want: []string{
				"spec.members.entities: Forbidden: entities belong to Infrastructure zones: put KubeAPIServer and Nodes in a zone with role Infrastructure and join the two by a conduit",
			}},
		"inventoryNamespaces in a Corporate zone": {
			spec: `{role: Corporate, members: {inventoryNamespaces: [biomed]}}`, want: []string{
				"spec.members.inventoryNamespaces: Forbidden: inventoryNamespaces are for Device zones: no MedicalDevice can join this zone; remove them, or use namespaces for its pods",
			}},
		"a namespace both segmented and inventory": {
			spec: `{role: Device, enforcement: Observe, members: {namespaces: [pumps, biomed], inventoryNamespaces: [biomed]}}`, want: []string{
				"spec.members.inventoryNamespaces: a namespace is segmented or only inventory, not both: remove it from namespaces or from inventoryNamespaces",
			}},
		"a protected namespace in a Device zone": {
			spec: `{role: Device, enforcement: Observe, members: {namespaces: [pumps, kube-system]}}`, want: []string{
				"spec.members.namespaces: kube-system cannot be segmented, the cluster itself needs it: move the devices to a namespace of their own",
			}},
		"the default namespace in a Device zone": {
			spec: `{role: Device, enforcement: Observe, members: {namespaces: [default]}}`, want: []string{
				"spec.members.namespaces: default cannot be segmented, the cluster itself needs it: move the devices to a namespace of their own",
			}},
		"a namespace listed twice": {
			spec: `{role: Device, enforcement: Observe, members: {namespaces: [pumps, pumps]}}`, want: []string{
				`spec.members.namespaces[1]: Duplicate value: "pumps"`,
			}},
		"a namespace whose name cannot be": {
			spec: `{role: Device, enforcement: Observe, members: {namespaces: [ICU_Pumps], inventoryNamespaces: [bio.med]}}`, want: []string{
				"spec.members.inventoryNamespaces[0]: a namespace is named by lower-case letters, digits and '-', and begins and ends with a letter or digit, such as ward-3-pumps",
				"spec.members.namespaces[0]: a namespace is named by lower-case letters, digits and '-', and begins and ends with a letter or digit, such as ward-3-pumps",
			}},
		"empty selectors": {
			spec: `{role: Clinical, members: {namespaceSelector: {}, podSelector: {matchLabels: {}, matchExpressions: []}}}`, want: []string{
				"spec.members.namespaceSelector: namespaceSelector is empty and would select every namespace: name at least one label, or remove it",
				"spec.members.podSelector: podSelector is empty and would select every pod: name at least one label, or remove it: without podSelector all pods of the namespaces belong to the zone",
			}},
		"selectors of more than 32 labels": {
			spec: `{role: Clinical, members: {namespaceSelector: {matchLabels: {` + labels(33) + `}}, podSelector: {matchExpressions: [` + expressions(33) + `]}}}`, want: []string{
				"spec.members.namespaceSelector: namespaceSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that",
				"spec.members.podSelector: podSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that",
			}},
		"a podSelector without namespaces": {
			spec: `{role: Clinical, members: {cidrs: [10.0.0.0/8], podSelector: {matchLabels: {app: pacs}}}}`, want: []string{
				"spec.members.podSelector: podSelector only narrows namespaces: say which, in namespaces or namespaceSelector",
			}},
		"cidrs without a length": {
			spec: `{role: Clinical, members: {cidrs: [10.20.3.7, "2001:db8::7"]}}`, want: []string{
				"spec.members.cidrs[0]: a single address needs its length too: write 10.20.3.7/32",
				"spec.members.cidrs[1]: a single address needs its length too: write 2001:db8::7/128",
			}},
		"cidrs that are no prefix": {
			spec: `{role: Clinical, members: {cidrs: [ward-3, 10.20.0.0/33, 10.020.0.0/16, "::ffff:10.0.0.0/104", 10.0.0.0-10.0.0.9]}}`, want: []string{
				"spec.members.cidrs[0]: not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32",
				"spec.members.cidrs[1]: not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32",
				"spec.members.cidrs[2]: not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32",
				"spec.members.cidrs[3]: not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32",
				"spec.members.cidrs[4]: not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32",
			}},
		"cidrs with host bits": {
			spec: `{role: Clinical, members: {cidrs: [10.20.3.7/16, "2001:db8::7/32"]}}`, want: []string{
				"spec.members.cidrs[0]: the prefix has host bits: write 10.20.0.0/16 for the network, or 10.20.3.7/32 for the one machine",
				"spec.members.cidrs[1]: the prefix has host bits: write 2001:db8::/32 for the network, or 2001:db8::7/128 for the one machine",
			}},
		"a cidr in a long form, which would hide that it is listed twice": {
			spec: `{role: Clinical, members: {cidrs: ["2001:db8::/32", "2001:0DB8:0::/32"]}}`, want: []string{
				"spec.members.cidrs[1]: write the prefix in its short, lower-case form: 2001:db8::/32",
			}},
		"a cidr listed twice": {
			spec: `{role: Clinical, members: {cidrs: [10.0.0.0/8, 10.0.0.0/8]}}`, want: []string{
				`spec.members.cidrs[1]: Duplicate value: "10.0.0.0/8"`,
			}},
		"host names that are none": {
			spec: `{role: External, members: {fqdns: [pacs, Updates.Vendor.Example, vendor.example., "*", https://vendor.example]}}`, want: []string{
				"spec.members.fqdns[0]: write the whole host name in lower case, with its domain and without a dot at the end: updates.vendor.example, or *.vendor.example for all names of a domain",
				"spec.members.fqdns[1]: write the whole host name in lower case, with its domain and without a dot at the end: updates.vendor.example, or *.vendor.example for all names of a domain",
				"spec.members.fqdns[2]: write the whole host name in lower case, with its domain and without a dot at the end: updates.vendor.example, or *.vendor.example for all names of a domain",
				"spec.members.fqdns[3]: write the whole host name in lower case, with its domain and without a dot at the end: updates.vendor.example, or *.vendor.example for all names of a domain",
				"spec.members.fqdns[4]: write the whole host name in lower case, with its domain and without a dot at the end: updates.vendor.example, or *.vendor.example for all names of a domain",
			}},
		"addresses among the host names": {
			spec: `{role: External, members: {fqdns: [203.0.113.7, 203.0.113.0/24]}}`, want: []string{
				"spec.members.fqdns[0]: an address, not a name: move it to members.cidrs",
				"spec.members.fqdns[1]: an address, not a name: move it to members.cidrs",
			}},
		"a security level that does not exist": {
			spec: `{role: Clinical, securityLevel: {target: 5}}`, want: []string{
				"spec.securityLevel.target: spec.securityLevel.target in body should be less than or equal to 4",
			}},
	}
}

// What the API server answers to a name, and to a change, that cannot be.
const (
	nameWords = "<nil>: the name of a zone is at most 63 characters, without dots, because it is part of the names of policies: use '-' instead, such as imaging-a"
	roleWords = "spec.role: role cannot be changed: create a new zone with the right role, move the members and conduits to it, then delete this one"
)

func TestDeviceZoneNamesAreLabels(t *testing.T) {
	for name, tc := range map[string]struct {
		name string
		want []string
	}{
		"63 characters":  {name: repeat("z", 63)},
		"64 characters":  {name: repeat("z", 64), want: []string{nameWords}},
		"dots":           {name: "imaging.a", want: []string{nameWords}},
		"digits and '-'": {name: "3-west"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newClient(t).Create(t.Context(), manifest(t, "DeviceZone", tc.name, `{role: Clinical}`), client.DryRunAll)
			if diff := cmp.Diff(tc.want, complaints(t, err)); diff != "" {
				t.Errorf("answer of the API server (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyTheRoleOfAZoneIsImmutable(t *testing.T) {
	c := newClient(t)
	for name, tc := range map[string]struct {
		before, after string
		want          []string
	}{
		"role": {
			before: `{role: Clinical}`, after: `{role: Corporate}`, want: []string{
				roleWords,
			}},
		"role from Device": {
			before: `{role: Device, enforcement: Enforce}`, after: `{role: External}`, want: []string{
				roleWords,
			}},
		"all else": {
			before: `{role: Device, enforcement: Observe, members: {namespaces: [a]}, dns: Names, deletionPolicy: Release, owner: A, description: A}`,
			after:  `{role: Device, enforcement: Enforce, members: {inventoryNamespaces: [a], cidrs: [10.0.0.0/8]}, encryption: Required, securityLevel: {target: 1}}`,
		},
		"enforcement back to Observe": {
			before: `{role: Device, enforcement: Enforce}`, after: `{role: Device, enforcement: Observe}`,
		},
		"a lost enforcement": {
			before: `{role: Device, enforcement: Enforce}`, after: `{role: Device}`, want: []string{
				"spec.enforcement: Required value: enforcement is required for Device zones: set it to Observe (watch only) or Enforce (deny what no conduit permits)",
			}},
	} {
		t.Run(name, func(t *testing.T) {
			obj := manifest(t, "DeviceZone", "immutable", tc.before)
			create(t, obj)
			obj.Object["spec"] = manifest(t, "DeviceZone", "immutable", tc.after).Object["spec"]
			if diff := cmp.Diff(tc.want, complaints(t, c.Update(t.Context(), obj))); diff != "" {
				t.Errorf("answer of the API server (-want +got):\n%s", diff)
			}
		})
	}
}
