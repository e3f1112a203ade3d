package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/snapshot"
)

const complaintZones = `
zone pumps   {role: Device, enforcement: Enforce, members: {namespaces: [pumps], cidrs: [10.20.0.0/16]}}
zone lab     {role: Device, enforcement: Enforce, encryption: Required, members: {namespaces: [lab]}}
zone engine  {role: Clinical, members: {namespaces: [engine]}}
zone pacs    {role: Clinical, members: {namespaces: [pacs]}}
zone vendor  {role: External, members: {fqdns: [updates.vendor.example]}}
zone mixed   {role: External, members: {fqdns: [b.vendor.example], cidrs: [203.0.113.0/28]}}
zone broken  {role: Device}
zone going   {role: Clinical, members: {namespaces: [going]}} | deleting
device pumps/gateway {zone: pumps, workload: {podSelector: {matchLabels: {app: gateway}}}} | labels {model: gw}
device lab/middleware {zone: lab, workload: {podSelector: {matchLabels: {app: middleware}}}}
`

func TestAConduitHearsWhatToChange(t *testing.T) {
	for name, tc := range map[string]struct {
		conduit string
		want    []string
	}{
		"no zones": {
			`conduit c {from: {}, to: {zones: [engine]}, services: [{name: https}]}`,
			[]string{`FieldRequired spec.from.zones: name at least one zone on each side`},
		},
		"an empty name": {
			`conduit c {from: {zones: [""]}, to: {zones: [engine]}, services: [{name: https}]}`,
			[]string{`FieldRequired spec.from.zones[0]: name the zone, such as infusion`},
		},
		"zones that cannot be used": {
			`conduit c {from: {zones: [pumps, broken]}, to: {zones: [engnie, going]}, services: [{name: https}]}`,
			[]string{
				`UnknownZone spec.from.zones[1]: zone broken has a problem and was never accepted; mend the zone first`,
				`UnknownZone spec.to.zones[0]: there is no zone "engnie"; did you mean "engine"?`,
				`UnknownZone spec.to.zones[1]: zone going is being deleted; name another zone`,
			},
		},
		"a device selector on a peer": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine, pacs], deviceSelector: {matchLabels: {a: b}}}, services: [{name: https}]}`,
			[]string{
				`DeviceSelectorOnPeer spec.to.deviceSelector: zone engine has the role Clinical and no devices to select; remove deviceSelector, or move the zone to a conduit of its own`,
				`DeviceSelectorOnPeer spec.to.deviceSelector: zone pacs has the role Clinical and no devices to select; remove deviceSelector, or move the zone to a conduit of its own`,
			},
		},
		"an empty device selector": {
			`conduit c {from: {zones: [pumps], deviceSelector: {}}, to: {zones: [engine]}, services: [{name: https}]}`,
			[]string{
				`SelectorInvalid spec.from.deviceSelector: an empty selector would match everything; name the labels that it shall match`,
			},
		},
		"names that open connections": {
			`conduit c {from: {zones: [vendor]}, to: {zones: [pumps]}, services: [{name: https}]}`,
			[]string{`NameInitiator spec.from.zones[0]: zone vendor has only fqdns, and a packet does not tell the name of who sent it; give the zone cidrs, or make it the responder`},
		},
		"names beside addresses that open connections": {
			`conduit c {from: {zones: [mixed]}, to: {zones: [pumps]}, services: [{name: https}]}`, nil,
		},
		"two peers": {
			`conduit c {from: {zones: [pacs]}, to: {zones: [engine]}, services: [{name: https}]}`,
			[]string{`UnsegmentedConduit spec: neither side is a Device zone, so nothing stops this flow; delete the conduit`},
		},
		"a peer with itself": {
			`conduit c {from: {zones: [pacs]}, to: {zones: [pacs]}, services: [{name: https}]}`,
			[]string{`UnsegmentedConduit spec: neither side is a Device zone, so nothing stops this flow; delete the conduit`},
		},
		"a peer with itself, written twice": {
			`conduit c {from: {zones: [pacs, pacs]}, to: {zones: [pacs]}, services: [{name: https}]}`,
			[]string{`UnsegmentedConduit spec: neither side is a Device zone, so nothing stops this flow; delete the conduit`},
		},
		"a pair of peers among others": {
			`conduit c {from: {zones: [pumps, pacs]}, to: {zones: [engine]}, services: [{name: https}]}`,
			[]string{`UnsegmentedPair spec: nothing stops the flow from pacs to engine, since neither is a Device zone; name these zones in no common conduit`},
		},
		"an end before the beginning": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], startsAt: "2026-07-01T00:00:00Z", expiresAt: "2026-06-30T00:00:00Z"}`,
			[]string{`WindowInvalid spec.expiresAt: expiresAt must be later than startsAt; correct one of the two`},
		},
		"an end at the beginning": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], startsAt: "2026-07-01T00:00:00Z", expiresAt: "2026-07-01T00:00:00Z"}`,
			[]string{`WindowInvalid spec.expiresAt: expiresAt must be later than startsAt; correct one of the two`},
		},
		"no purpose, and nothing else": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], purpose: ""}`,
			[]string{`FieldRequired spec.purpose: purpose is required: say in one sentence why this flow is needed`},
		},
		"a purpose that says nothing": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], purpose: needed}`,
			[]string{`FieldRequired spec.purpose: purpose has 6 characters; say in 10 to 256 why this flow is needed`},
		},
		"a risk that nobody accepts": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], riskAcceptance: ok}`,
			[]string{`FieldRequired spec.riskAcceptance: riskAcceptance has 2 characters; say in 10 to 512 who accepts the risk, until when and why`},
		},
		"no services": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}}`,
			[]string{`FieldRequired spec.services: name at least one service`},
		},
		"a service that there is not": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: hl7-mlpp}, {name: quux-service}]}`,
			[]string{
				`UnknownService spec.services[0].name: the catalogue has no service "hl7-mlpp"; did you mean "hl7-mllp"?`,
				`UnknownService spec.services[1].name: the catalogue has no service "quux-service"; name one of the catalogue, or give protocol and port`,
			},
		},
		"one port for several protocols": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: dns, port: 5353}, {name: ping, port: 7}]}`,
			[]string{
				`PortOverride spec.services[0].port: service dns has several protocols, so one port cannot replace its ports; give protocol and port without a name`,
				`PortOverride spec.services[1].port: service ping has no ports, so none can replace them; remove port`,
			},
		},
		"services that make no sense": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{}, {protocol: TCP}, {protocol: TCP, port: 70000}, {protocol: TCP, endPort: 9}, {protocol: TCP, port: 9, endPort: 3}, {protocol: ICMP}, {protocol: ICMP, icmpType: 300}, {protocol: ICMP, icmpType: 8, port: 8}, {protocol: UDP, port: 8, icmpType: 8}, {protocol: tcp, port: 80}, {name: https, protocol: TCP}, {protocol: TCP, port: 80, encrypted: "true"}]}`,
			[]string{
				`ServiceInvalid spec.services[0].protocol: give the name of a service, or one of the protocols TCP, UDP, SCTP and ICMP`,
				`ServiceInvalid spec.services[10]: a service has either a name or a protocol; remove protocol, icmpType and encrypted, or the name`,
				`ServiceInvalid spec.services[11].encrypted: "true" is neither Yes nor No; correct it`,
				`ServiceInvalid spec.services[1]: TCP takes a port and no icmpType; correct the service`,
				`ServiceInvalid spec.services[2].port: a port lies between 1 and 65535; correct it`,
				`ServiceInvalid spec.services[3].endPort: endPort needs port beside it; add port`,
				`ServiceInvalid spec.services[4].endPort: endPort must not be less than port; correct one of the two`,
				`ServiceInvalid spec.services[5]: ICMP takes an icmpType between 0 and 255 and no port, such as icmpType: 8 for ping; correct the service`,
				`ServiceInvalid spec.services[6]: ICMP takes an icmpType between 0 and 255 and no port, such as icmpType: 8 for ping; correct the service`,
				`ServiceInvalid spec.services[7]: ICMP takes an icmpType between 0 and 255 and no port, such as icmpType: 8 for ping; correct the service`,
				`ServiceInvalid spec.services[8]: UDP takes a port and no icmpType; correct the service`,
				`ServiceInvalid spec.services[9].protocol: give the name of a service, or one of the protocols TCP, UDP, SCTP and ICMP`,
			},
		},
		"what ransomware uses": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: smb}, {protocol: TCP, port: 3000, endPort: 4000}]}`,
			[]string{
				`DangerousService spec.services[0]: smb:139,445 (Windows file shares) is a way by which ransomware spreads; use another service, or say in riskAcceptance who accepts the risk, until when and why`,
				`DangerousService spec.services[1]: TCP:3000-4000 (Windows remote desktop) is a way by which ransomware spreads; use another service, or say in riskAcceptance who accepts the risk, until when and why`,
				`Plaintext spec.services[0]: smb:139,445 is not encrypted; use its encrypted form where the devices can`,
				`Plaintext spec.services[1]: TCP:3000-4000 is not encrypted; use its encrypted form where the devices can`,
			},
		},
		"what ransomware uses, answered for": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: smb}], riskAcceptance: "CISO until 2027-01-31, it knows nothing newer"}`,
			[]string{
				`DangerousAccepted spec.services[0]: smb:139,445 (Windows file shares) is dangerous; accepted: CISO until 2027-01-31, it knows nothing newer`,
				`PlaintextAccepted spec.services[0]: smb:139,445 is not encrypted; accepted: CISO until 2027-01-31, it knows nothing newer`,
			},
		},
		"plaintext into a zone that forbids it": {
			`conduit c {from: {zones: [lab]}, to: {zones: [engine]}, services: [{name: hl7-mllp}, {name: hl7-mllp-tls}, {name: ping}]}`,
			[]string{`EncryptionRequired spec.services[0]: hl7-mllp:2575 is not encrypted and zone lab requires encryption; use the encrypted service, or say in riskAcceptance who accepts the risk and why`},
		},
		"plaintext into a zone that forbids it, answered for": {
			`conduit c {from: {zones: [lab]}, to: {zones: [engine]}, services: [{name: hl7-mllp}], riskAcceptance: CISO until 2027}`,
			[]string{`PlaintextAccepted spec.services[0]: hl7-mllp:2575 is not encrypted; accepted: CISO until 2027`},
		},
		"requests of what is not TCP, and rules that are none": {
			`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: http}, {name: ntp}], http: [{}, {method: get}, {path: "/fhir/(Observation"}]}`,
			[]string{
				`HTTPNotTCP spec.services[1]: ntp:123 does not run over TCP, so http rules cannot narrow it; give it a conduit of its own`,
				`Plaintext spec.services[0]: http:80 is not encrypted; use its encrypted form where the devices can`,
				`Plaintext spec.services[1]: ntp:123 is not encrypted; use its encrypted form where the devices can`,
				`ServiceInvalid spec.http[0]: an empty rule would let every request pass; give method or path, or remove http`,
				`ServiceInvalid spec.http[1].method: "get" is not a request method; write one in capital letters, such as GET`,
				`ServiceInvalid spec.http[2].path: "/fhir/(Observation" is not a regular expression (missing closing )); correct it`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := compile.Compile(ward(t, complaintZones+tc.conduit))
			if diff := cmp.Diff(tc.want, said(r, "Conduit/c"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatATargetCannotEnforceIsNotOpened(t *testing.T) {
	const all = complaintZones + `
zone api    {role: Infrastructure, members: {entities: [KubeAPIServer], cidrs: [10.50.0.1/32]}}
zone silent {role: Device, enforcement: Enforce, dns: None, members: {namespaces: [silent]}}
device silent/d {zone: silent, workload: {podSelector: {matchLabels: {app: x}}}}
`
	cilium := snapshot.Target{Kind: snapshot.Cilium, HTTP: true, ICMP: true, DNSProxy: true}
	bare := snapshot.Target{Kind: snapshot.Cilium}
	netpol := snapshot.Target{Kind: snapshot.Netpol, HTTP: true, ICMP: true, DNSProxy: true}
	const (
		names    = `{from: {zones: [pumps]}, to: {zones: [mixed]}, services: [{name: https}]}`
		entities = `{from: {zones: [pumps]}, to: {zones: [api]}, services: [{name: https}]}`
		icmp     = `{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}, {protocol: ICMP, icmpType: 8}]}`
		requests = `{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: http, port: 8080}, {name: https}], http: [{method: GET}]}`
		plain    = "Plaintext spec.services[0]: http:8080 is not encrypted; use its encrypted form where the devices can"
		silent   = `{from: {zones: [silent]}, to: {zones: [mixed]}, services: [{name: https}]}`
	)
	for name, tc := range map[string]struct {
		target  snapshot.Target
		conduit string
		flow    string
		says    []string
	}{
		"names":                 {cilium, names, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> mixed[203.0.113.0/28 b.vendor.example] https:443", nil},
		"names without a proxy": {bare, names, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> mixed[203.0.113.0/28] https:443", []string{"Unenforceable spec.to: names need Cilium with its DNS proxy; the fqdns of zone mixed stay closed here"}},
		"names on netpol":       {netpol, names, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> mixed[203.0.113.0/28] https:443", []string{"Unenforceable spec.to: names need Cilium with its DNS proxy; the fqdns of zone mixed stay closed here"}},
		"names without DNS":     {cilium, silent, "c: silent[silent{app=x}] -> mixed[203.0.113.0/28 b.vendor.example] https:443", []string{"Unenforceable spec.to: zone silent has dns: None, so its pods never learn the addresses of zone mixed's fqdns; set dns: Names there, or give mixed cidrs"}},
		"entities":              {cilium, entities, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> api[10.50.0.1/32 KubeAPIServer] https:443", nil},
		"entities on netpol":    {netpol, entities, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> api[10.50.0.1/32] https:443", []string{"Unenforceable spec.to: entities need Cilium; those of zone api stay closed here"}},
		"ICMP":                  {cilium, icmp, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> engine[engine{}] https:443 ICMP:8", nil},
		"ICMP switched off":     {bare, icmp, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> engine[engine{}] https:443", []string{"Unenforceable spec.services: ICMP rules need Cilium; ICMP:8 stays closed here"}},
		"ICMP on netpol":        {netpol, icmp, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> engine[engine{}] https:443", []string{"Unenforceable spec.services: ICMP rules need Cilium; ICMP:8 stays closed here"}},
		"requests":              {cilium, requests, "c: pumps[pumps{app=gateway} 10.20.0.0/16] -> engine[engine{}] http:8080", []string{plain, "Unenforceable spec.http: http rules cannot look inside an encrypted service; https:443 stays closed"}},
		"requests without Envoy": {bare, requests, "", []string{
			plain,
			"Unenforceable spec.http: http rules cannot look inside an encrypted service; https:443 stays closed",
			"Unenforceable spec.http: http rules need Cilium with its Envoy proxy; http:8080 stays closed here",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := ward(t, all+"conduit c "+tc.conduit)
			s.Target = tc.target
			r := compile.Compile(s)
			if got := strings.Join(flows(r.Plan), "; "); got != tc.flow {
				t.Errorf("flows: got %s\nwant %s", got, tc.flow)
			}
			if diff := cmp.Diff(tc.says, said(r, "Conduit/c"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if got := r.Plan.Conduits[0].Partly; got != (tc.says != nil) {
				t.Errorf("partly is %t", got)
			}
		})
	}
}

// said returns what a result says of an object, or of all, sorted.
func said(r compile.Result, object string) []string {
	var out []string
	for _, p := range r.Problems {
		if object == "" || p.Object() == object {
			out = append(out, fmt.Sprintf("%s %s: %s", p.Reason, p.Path, p.Message))
		}
	}
	slices.Sort(out)
	return out
}
