package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConduitRules(t *testing.T) {
	testRules(t, "Conduit", conduitCases())
}

// conduit is a conduit with this line added, or with these services.
func conduit(line string) string {
	return "from: {zones: [imaging-a]}\nto: {zones: [pacs]}\nservices: [{name: dicom}]\npurpose: Studies to the archive\n" + line
}

func services(list string) string {
	return "from: {zones: [imaging-a]}\nto: {zones: [pacs]}\npurpose: Studies to the archive\nservices: " + list
}

func conduitCases() map[string]ruleCase {
	return map[string]ruleCase{
		"a whole conduit": {spec: `
from: {zones: [imaging-a, imaging-b], deviceSelector: {matchLabels: {modality: ct}}}
to: {zones: [pacs], deviceSelector: {matchExpressions: [{key: site, operator: In, values: [north]}]}}
services:
- {name: dicom}
- {name: dicomweb, port: 8443}
- {name: hl7-mllp, port: 2575, endPort: 2580}
- {protocol: TCP, port: 4242, encrypted: "Yes"}
- {protocol: TCP, port: 4242, endPort: 4242, encrypted: "No"}
http: [{method: GET}, {path: "/studies/.*"}, {method: POST, path: /studies}]
purpose: Studies to the archive
dataClass: PHI
startsAt: "2030-01-01T00:00:00Z"
expiresAt: "2030-01-01T00:00:01Z"
riskAcceptance: "CISO, 2026-01-12, until the new modality arrives"
`},
		"every inline protocol":         {spec: services(`[{protocol: TCP, port: 1}, {protocol: UDP, port: 65535}, {protocol: SCTP, port: 9, endPort: 10}, {protocol: ICMP, icmpType: 0}]`)},
		"the least that can be said":    {spec: conduit("")},
		"an end without a beginning":    {spec: conduit(`expiresAt: "2020-01-01T00:00:00Z"`)},
		"a beginning without an end":    {spec: conduit(`startsAt: "2020-01-01T00:00:00Z"`)},
		"a zone joined to itself":       {spec: `{from: {zones: [lab]}, to: {zones: [lab]}, services: [{name: dicom}], purpose: Analysers to their line}`},
		"the same port in TCP and UDP":  {spec: services(`[{protocol: TCP, port: 53}, {protocol: UDP, port: 53}]`)},
		"http over a catalogue service": {spec: conduit(`http: [{path: "/.*"}]`)},

		"nothing but a purpose": {spec: `{purpose: Studies to the archive}`, want: []string{
			"spec.from: Required value",
			"spec.services: Required value",
			"spec.to: Required value",
			unchecked,
		}},
		"no purpose": {spec: `{from: {zones: [lab]}, to: {zones: [lab]}, services: [{name: dicom}]}`, want: []string{
			"spec.purpose: Required value",
			unchecked,
		}},
		"a purpose that says nothing": {spec: `{from: {zones: [lab]}, to: {zones: [lab]}, services: [{name: dicom}], purpose: needed}`, want: []string{
			"spec.purpose: spec.purpose in body should be at least 10 chars long",
		}},
		"a risk accepted in a word": {spec: conduit(`riskAcceptance: ok`), want: []string{
			"spec.riskAcceptance: spec.riskAcceptance in body should be at least 10 chars long",
		}},
		"a zone named twice on a side": {spec: `{from: {zones: [lab, lab]}, to: {zones: [pacs]}, services: [{name: dicom}], purpose: Studies to the archive}`, want: []string{
			`spec.from.zones[1]: Duplicate value: "lab"`,
		}},
		"empty deviceSelectors": {
			spec: `{from: {zones: [a], deviceSelector: {}}, to: {zones: [b], deviceSelector: {matchLabels: {}}}, services: [{name: dicom}], purpose: Studies to the archive}`, want: []string{
				"spec.from.deviceSelector: deviceSelector is empty and would select every device: name at least one label, or remove it: without deviceSelector all devices and cidrs of the zones are meant",
				"spec.to.deviceSelector: deviceSelector is empty and would select every device: name at least one label, or remove it: without deviceSelector all devices and cidrs of the zones are meant",
			}},
		"deviceSelectors of more than 32 labels": {
			spec: `{from: {zones: [a], deviceSelector: {matchLabels: {` + labels(33) + `}}}, to: {zones: [b], deviceSelector: {matchExpressions: [` + expressions(33) + `]}}, services: [{name: dicom}], purpose: Studies to the archive}`, want: []string{
				"spec.from.deviceSelector: deviceSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that",
				"spec.to.deviceSelector: deviceSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that",
			}},
		"a service without name and protocol": {spec: services(`[{port: 104}]`), want: []string{
			"spec.services[0]: a service is a name of the catalogue, such as dicom, or a protocol with its port: give name or protocol",
		}},
		"a service with name and protocol": {spec: services(`[{name: dicom, protocol: TCP, port: 104}]`), want: []string{
			"spec.services[0].protocol: Forbidden: the catalogue knows the protocol of a named service: remove protocol, or remove name and describe the service by protocol and port",
		}},
		"TCP without a port": {spec: services(`[{protocol: TCP}]`), want: []string{
			"spec.services[0].port: Required value: port is required with TCP, UDP and SCTP: give the port on which the pod or device listens, not that of a Service",
		}},
		"ICMP with a port": {spec: services(`[{protocol: ICMP, port: 7, icmpType: 8}]`), want: []string{
			"spec.services[0].port: Forbidden: ICMP has no ports: remove port and give icmpType, such as 8 for an IPv4 echo request or 128 for an IPv6 one",
		}},
		"ICMP without a type": {spec: services(`[{protocol: ICMP}]`), want: []string{
			"spec.services[0].icmpType: Required value: icmpType is required with ICMP: 8 is an IPv4 echo request, 128 an IPv6 one",
		}},
		"an ICMP type with UDP": {spec: services(`[{protocol: UDP, port: 161, icmpType: 8}]`), want: []string{
			"spec.services[0].icmpType: Forbidden: icmpType is for protocol ICMP only: remove it",
		}},
		"an ICMP type with a name": {spec: services(`[{name: dicom, icmpType: 8}]`), want: []string{
			"spec.services[0].icmpType: Forbidden: icmpType is for protocol ICMP only: remove it",
		}},
		"an endPort without a port": {spec: services(`[{name: dicom, endPort: 104}]`), want: []string{
			"spec.services[0].endPort: endPort ends a range that begins at port: give port too, or remove endPort",
		}},
		"a range that runs backwards": {spec: services(`[{protocol: TCP, port: 2010, endPort: 2000}]`), want: []string{
			"spec.services[0].endPort: endPort is lower than port: write the lower port in port and the higher in endPort",
		}},
		"encrypted beside a name": {spec: services(`[{name: dicom, encrypted: "Yes"}]`), want: []string{
			"spec.services[0].encrypted: Forbidden: the catalogue knows whether a named service encrypts its traffic: remove encrypted, or choose the encrypted service of the catalogue, such as dicom-tls",
		}},
		"a port out of range": {spec: services(`[{protocol: TCP, port: 65536}]`), want: []string{
			"spec.services[0].port: spec.services[0].port in body should be less than or equal to 65535",
		}},
		"a service listed twice": {spec: services(`[{name: dicom, port: 104}, {name: hl7-mllp}, {port: 104, name: dicom}]`), want: []string{
			"spec.services: a service is listed twice: keep one of the two",
		}},
		"http beside UDP": {spec: services(`[{name: dicomweb}, {protocol: UDP, port: 443}]`) + "\nhttp: [{method: GET}]", want: []string{
			"spec.http: http narrows TCP services only: move the UDP, SCTP and ICMP services to a conduit of their own",
		}},
		"an empty http rule": {spec: conduit(`http: [{}]`), want: []string{
			"spec.http[0]: an empty rule permits every request: give method, path or both, or remove http from the conduit",
		}},
		"an http rule listed twice": {spec: conduit(`http: [{method: GET}, {method: GET}]`), want: []string{
			"spec.http: a request is listed twice: keep one of the two",
		}},
		"two methods in one": {spec: conduit(`http: [{method: "GET|POST"}]`), want: []string{
			"spec.http[0].method: write one method in capital letters, such as GET; each further method is a rule of its own",
		}},
		"an end before the beginning": {spec: conduit("startsAt: 2030-01-02T00:00:00Z\nexpiresAt: 2030-01-01T00:00:00Z"), want: []string{
			"spec.expiresAt: the conduit would end before it begins: set expiresAt to a time after startsAt, such as 2030-01-31T18:00:00Z",
		}},
		"an end at the beginning, in another zone of time": {spec: conduit("startsAt: \"2030-01-02T00:00:00Z\"\nexpiresAt: \"2030-01-02T01:00:00+01:00\""), want: []string{
			"spec.expiresAt: the conduit would end before it begins: set expiresAt to a time after startsAt, such as 2030-01-31T18:00:00Z",
		}},
	}
}

func TestNothingOfAConduitIsImmutable(t *testing.T) {
	obj := manifest(t, "Conduit", "changing", conduit(`expiresAt: "2030-01-01T00:00:00Z"`))
	create(t, obj)
	obj.Object["spec"] = manifest(t, "Conduit", "changing",
		`{from: {zones: [lab]}, to: {zones: [ehr]}, services: [{protocol: TCP, port: 1}], purpose: Results to the record, startsAt: "2031-01-01T00:00:00Z"}`).Object["spec"]
	if diff := cmp.Diff([]string(nil), complaints(t, newClient(t).Update(t.Context(), obj))); diff != "" {
		t.Errorf("answer of the API server (-want +got):\n%s", diff)
	}
}
