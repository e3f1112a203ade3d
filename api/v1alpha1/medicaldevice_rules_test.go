package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedicalDeviceRules(t *testing.T) {
	testRules(t, "MedicalDevice", medicalDeviceCases())
}

func medicalDeviceCases() map[string]ruleCase {
	return map[string]ruleCase{
		"a whole device": {spec: `
zone: infusion
criticality: LifeSustaining
workload: {podSelector: {matchLabels: {app: pump-gateway}}}
addresses: [10.20.3.7, 10.20.4.0/28, "2001:db8::7", "2001:db8:1::/64"]
identity:
  manufacturer: Baxter
  model: Spectrum IQ
  serialNumber: "4711"
  firmwareVersion: "9.02"
  udi: (01)00085412610900(21)4711
  assetTag: BME-00231
  macAddresses: ["00:1a:2b:3c:4d:5e", 00-1A-2B-3C-4D-5F]
  aeTitle: PUMP1
dataClass: PHI
`},
		"a device that is only in the inventory":     {spec: `{zone: infusion, criticality: Ancillary}`},
		"pods selected by expression":                {spec: `{zone: infusion, criticality: Ancillary, workload: {podSelector: {matchExpressions: [{key: app, operator: Exists}]}}}`},
		"the one address of a prefix of full length": {spec: `{zone: infusion, criticality: Ancillary, addresses: [10.20.3.7/32, 10.20.3.8, "2001:db8::7/128"]}`},

		"no zone and no criticality": {spec: `{identity: {model: X}}`, want: []string{
			"spec.criticality: Required value",
			"spec.zone: Required value",
			unchecked,
		}},
		"an unknown criticality": {spec: `{zone: infusion, criticality: High}`, want: []string{
			`spec.criticality: Unsupported value: "High": supported values: "LifeSustaining", "LifeSupporting", "Therapeutic", "Diagnostic", "Monitoring", "Ancillary"`,
			unchecked,
		}},
		"an unknown data class": {spec: `{zone: infusion, criticality: Ancillary, dataClass: Secret}`, want: []string{
			`spec.dataClass: Unsupported value: "Secret": supported values: "PHI", "None"`,
			unchecked,
		}},
		"a workload without a selector": {spec: `{zone: infusion, criticality: Ancillary, workload: {}}`, want: []string{
			"spec.workload.podSelector: Required value",
			unchecked,
		}},
		"an empty podSelector": {spec: `{zone: infusion, criticality: Ancillary, workload: {podSelector: {}}}`, want: []string{
			"spec.workload.podSelector: podSelector is empty and would select every pod of the namespace: name at least one label; a device without pods has no workload",
		}},
		"a podSelector of no labels": {spec: `{zone: infusion, criticality: Ancillary, workload: {podSelector: {matchLabels: {}}}}`, want: []string{
			"spec.workload.podSelector: podSelector is empty and would select every pod of the namespace: name at least one label; a device without pods has no workload",
		}},
		"a podSelector of more than 32 labels": {
			spec: `{zone: infusion, criticality: Ancillary, workload: {podSelector: {matchLabels: {` + labels(33) + `}}}}`, want: []string{
				"spec.workload.podSelector: podSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that",
			}},
		"no addresses at all": {spec: `{zone: infusion, criticality: Ancillary, addresses: []}`, want: []string{
			"spec.addresses: spec.addresses in body should have at least 1 items",
		}},
		"addresses that are none": {
			spec: `{zone: infusion, criticality: Ancillary, addresses: [pump-7, 10.20.3.256, 10.020.3.7, "::ffff:10.20.3.7", "fe80::1%eth0", 10.20.3.0/33]}`, want: []string{
				"spec.addresses[0]: not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28",
				"spec.addresses[1]: not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28",
				"spec.addresses[2]: not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28",
				"spec.addresses[3]: not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28",
				"spec.addresses[4]: not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28",
				"spec.addresses[5]: not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28",
			}},
		"a prefix with host bits": {spec: `{zone: infusion, criticality: Ancillary, addresses: [10.20.3.7/24]}`, want: []string{
			"spec.addresses[0]: the prefix has host bits: write 10.20.3.0/24 for all its addresses, or 10.20.3.7 for the one address",
		}},
		"addresses in a long form": {spec: `{zone: infusion, criticality: Ancillary, addresses: ["2001:DB8::7", "2001:db8:0:1::/64", "2001:0db8:2::/64"]}`, want: []string{
			"spec.addresses[0]: write the address in its short, lower-case form: 2001:db8::7",
			"spec.addresses[2]: write the address in its short, lower-case form: 2001:db8:2::/64",
		}},
		"an address listed twice": {spec: `{zone: infusion, criticality: Ancillary, addresses: [10.20.3.7, 10.20.3.7]}`, want: []string{
			`spec.addresses[1]: Duplicate value: "10.20.3.7"`,
		}},
		"an address listed alone and as a prefix": {spec: `{zone: infusion, criticality: Ancillary, addresses: ["2001:db8::7/128", "2001:db8::7"]}`, want: []string{
			"spec.addresses: an address is given twice, alone and as a prefix of full length: keep one of the two, such as 10.20.3.7 without 10.20.3.7/32",
		}},
		"a hardware address that is none": {spec: `{zone: infusion, criticality: Ancillary, identity: {macAddresses: [001a.2b3c.4d5e]}}`, want: []string{
			"spec.identity.macAddresses[0]: write a hardware address as six pairs of hexadecimal digits, such as 00:1a:2b:3c:4d:5e",
		}},
		"an AE title of 17 characters": {spec: `{zone: infusion, criticality: Ancillary, identity: {aeTitle: ABCDEFGHIJKLMNOPQ}}`, want: []string{
			"spec.identity.aeTitle: Too long: may not be more than 16 bytes",
			unchecked,
		}},
	}
}

func TestNothingOfADeviceIsImmutable(t *testing.T) {
	obj := manifest(t, "MedicalDevice", "mover", `{zone: infusion, criticality: Diagnostic, addresses: [10.20.3.7], dataClass: PHI}`)
	create(t, obj)
	obj.Object["spec"] = manifest(t, "MedicalDevice", "mover",
		`{zone: imaging-a, criticality: Ancillary, workload: {podSelector: {matchLabels: {app: ct}}}, identity: {model: CT}}`).Object["spec"]
	if diff := cmp.Diff([]string(nil), complaints(t, newClient(t).Update(t.Context(), obj))); diff != "" {
		t.Errorf("answer of the API server (-want +got):\n%s", diff)
	}
}
