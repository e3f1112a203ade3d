package laws

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

const kind = "apiVersion: medfence.io/v1alpha1\nkind: "

// ward is an enforced zone with one device, which each case joins to peers.
const ward = kind + `DeviceZone
metadata: {name: infusion}
spec: {role: Device, enforcement: Enforce, members: {namespaces: [infusion], cidrs: [10.20.0.0/24]}}
---
` + kind + `MedicalDevice
metadata: {name: gateway, namespace: infusion, labels: {kind: gateway}}
spec: {zone: infusion, criticality: Therapeutic, workload: {podSelector: {matchLabels: {app: gateway}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway-0, namespace: infusion, labels: {app: gateway}}
---
`

func peer(name, members string) string {
	return kind + "DeviceZone\nmetadata: {name: " + name + "}\nspec: {role: Infrastructure, members: {" + members + "}}\n---\n"
}

func conduit(name, from, to, service string) string {
	return kind + "Conduit\nmetadata: {name: " + name + "}\nspec:\n  from: {zones: [" + from + "]}\n  to: {zones: [" + to + "]}\n" +
		"  services: [{" + service + ", encrypted: \"Yes\"}]\n  purpose: A flow that this case is about\n---\n"
}

// pod is one of the namespace of peers, shared.
func pod(name, labels string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: shared, labels: {" + labels + "}}\n---\n"
}

// several is a selector of several requirements.
func several(prefix string) string {
	out := "podSelector: {matchExpressions: ["
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		out += "{key: " + prefix + k + ", operator: In, values: [x]}, "
	}
	return out + "]}"
}

// TestTheGuardIsExactInEveryCase: what Cilium's engine lets pass beside every
// adversary is what the conduits permit, but for what the notes name.
func TestTheGuardIsExactInEveryCase(t *testing.T) {
	nodes := peer("nodes", "entities: [Nodes]")
	api := peer("api", "entities: [KubeAPIServer]")
	inShared := "namespaces: [shared], podSelector: {matchLabels: "
	overlap := peer("a", inShared+"{app: a}}") + peer("b", inShared+"{tier: b}}") +
		pod("a-0", "app: a") + pod("b-0", "tier: b") + pod("ab-0", "app: a, tier: b")
	for name, tc := range map[string]struct {
		manifest string
		change   func(*snapshot.Snapshot)
		want     []guard.NoteKind
	}{
		"nodes, both ways": {manifest: nodes + conduit("up", "infusion", "nodes", "protocol: TCP, port: 9100") +
			conduit("down", "nodes", "infusion", "protocol: TCP, port: 8443")},
		"the API server alone": {manifest: api + conduit("up", "infusion", "api", "protocol: TCP, port: 6443")},
		"the API server and nodes": {manifest: nodes + api + conduit("nodes", "infusion", "nodes", "protocol: TCP, port: 9100") +
			conduit("api", "infusion", "api", "protocol: TCP, port: 6443")},
		"the API server, which calls in": {manifest: api + conduit("down", "api", "infusion", "protocol: TCP, port: 9443")},
		"the API server and addresses": {manifest: api + peer("pacs", "cidrs: [198.51.100.0/30]") +
			conduit("api", "infusion", "api", "protocol: TCP, port: 6443") + conduit("pacs", "infusion", "pacs", "protocol: TCP, port: 104")},
		"peers that share pods": {manifest: overlap + conduit("a", "infusion", "a", "protocol: TCP, port: 1001") +
			conduit("b", "infusion", "b", "protocol: TCP, port: 1002"),
			want: []guard.NoteKind{guard.NoteMoatShared}},
		"a peer within another": {manifest: peer("all", "namespaces: [shared]") + peer("b", inShared+"{tier: b}}") +
			pod("b-0", "tier: b") + pod("c-0", "tier: c") +
			conduit("all", "infusion", "all", "protocol: TCP, port: 1001") + conduit("b", "b", "infusion", "protocol: UDP, port: 1002"),
			want: []guard.NoteKind{guard.NoteMoatShared}},
		"an address behind a name": {manifest: peer("vendor", "fqdns: [updates.vendor.example]") + peer("pacs", "cidrs: [198.51.100.0/28]") +
			conduit("vendor", "infusion", "vendor", "protocol: TCP, port: 443") + conduit("pacs", "infusion", "pacs", "protocol: TCP, port: 104")},
		"ICMP": {manifest: peer("pacs", "cidrs: [198.51.100.8/31]") + conduit("pacs", "infusion", "pacs", "protocol: ICMP, icmpType: 8"),
			want: []guard.NoteKind{guard.NoteICMPTypes}},
		"peers that no 16 requirements tell apart": {manifest: peer("a", "namespaces: [shared], "+several("a")) + peer("b", "namespaces: [shared], "+several("b")) +
			pod("a-0", "aa: x, ab: x, ac: x, ad: x, ae: x") + pod("c-0", "app: c") +
			pod("b-0", "ba: x, bb: x, bc: x, bd: x, be: x") + conduit("a", "infusion", "a", "protocol: TCP, port: 1001") + conduit("b", "infusion", "b", "protocol: TCP, port: 1002"),
			want: []guard.NoteKind{guard.NoteManyPeers, guard.NoteMoatShared}},
		"names with wildcards": {manifest: peer("vendor", "fqdns: ['*.vendor.example']") + peer("pacs", "cidrs: [198.51.100.8/31]") +
			conduit("vendor", "infusion", "vendor", "protocol: TCP, port: 443") + conduit("pacs", "infusion", "pacs", "protocol: TCP, port: 104"),
			want: []guard.NoteKind{guard.NotePatterns}},
		"a cluster of no known name": {manifest: peer("ehr", "namespaces: [shared]") + pod("a-0", "app: a") +
			conduit("ehr", "infusion", "ehr", "protocol: TCP, port: 1001"),
			change: func(s *snapshot.Snapshot) { s.Target.Cluster = "" },
			want:   []guard.NoteKind{guard.NoteOtherClusters}},
		"a Cilium that takes no ICMP": {manifest: peer("ehr", "namespaces: [shared]") + pod("a-0", "app: a") +
			conduit("ehr", "infusion", "ehr", "protocol: TCP, port: 1001"),
			change: func(s *snapshot.Snapshot) { s.Target.ICMP = false },
			want:   []guard.NoteKind{guard.NoteNoICMP}},
		"a DNS cache on the node": {manifest: peer("ehr", "namespaces: [shared]") + conduit("ehr", "infusion", "ehr", "protocol: TCP, port: 1001"),
			change: func(s *snapshot.Snapshot) {
				s.Cluster.DNS.NodeLocal = []netip.Addr{netip.MustParseAddr("169.254.20.10")}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshotOf(t, ward+tc.manifest)
			if tc.change != nil {
				tc.change(s)
			}
			w := sealedWorld(t, s, "all at once", object.StageMoat)
			var got []guard.NoteKind
			for _, n := range w.notes() {
				got = append(got, n.Kind)
			}
			if diff := cmp.Diff(tc.want, slices.Compact(got)); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			for i, leak := range w.leaks(t, name) {
				if i < 5 && !(len(s.Cluster.DNS.NodeLocal) > 0 && isNodeLocal(leak)) {
					t.Error(leak)
				}
			}
		})
	}
}

// isNodeLocal reports whether a leak is a query to the own node's cache, which
// the plan of this package does not know.
func isNodeLocal(leak string) bool {
	return strings.Contains(leak, " to host") && strings.Contains(leak, " 53/0: the engine says true")
}

func snapshotOf(t *testing.T, text string) *snapshot.Snapshot {
	t.Helper()
	objects, faults := manifest.Read([]manifest.File{{Name: "ward", Data: []byte(text)}})
	if len(faults) > 0 {
		t.Fatal(faults[0])
	}
	return objects.Snapshot(scenarios.Setting(snapshot.Cilium))
}

// TestAMatchModeLeavesNoComplementOfAddresses: there, "every address but these"
// takes in nodes or pods, and cuts the probes of kubelets.
func TestAMatchModeLeavesNoComplementOfAddresses(t *testing.T) {
	s := snapshotOf(t, ward+peer("pacs", "cidrs: [10.40.0.0/24]")+conduit("pacs", "infusion", "pacs", "protocol: TCP, port: 104"))
	s.Target.CIDRMatch = true
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	g := guard.Of(object.NewIndex(w.plan), "infusion")
	if len(g.Notes) != 1 || g.Notes[0].Kind != guard.NoteCIDRMatch {
		t.Errorf("notes %v", g.Notes)
	}
	for _, spec := range slices.Concat(g.Specs, g.Moat) {
		for _, d := range slices.Concat(spec.Ingress, spec.Egress) {
			for _, a := range d.Addresses {
				if a.Has == nil {
					t.Errorf("%+v is a complement", a)
				}
			}
		}
	}
}
