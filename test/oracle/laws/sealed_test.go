package laws

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
	"github.com/medfence/medfence/test/oracle"
	"github.com/medfence/medfence/test/scenarios"
)

// clusterPolicy is a policy of another team on every pod.
func clusterPolicy(name, rules string) string {
	return "kind: CiliumClusterwideNetworkPolicy\nmetadata: {name: " + name + "}\nspec:\n  endpointSelector: {}\n" + rules
}

// everywhere are what another team may add to the whole cluster, by its kind.
var everywhere = map[string]string{
	"entities all": clusterPolicy("all", "  ingress: [{fromEntities: [all]}]\n  egress: [{toEntities: [all]}]\n"),
	"entities one by one": clusterPolicy("one-by-one",
		"  ingress: [{fromEntities: [world, cluster, host, remote-node, kube-apiserver, health, init, unmanaged]}]\n"+
			"  egress: [{toEntities: [world, cluster, host, remote-node, kube-apiserver, health, init, unmanaged]}]\n"),
	"pods of every cluster": clusterPolicy("clusters",
		"  ingress: [{fromEndpoints: [{matchExpressions: [{key: \"k8s:io.cilium.k8s.policy.cluster\", operator: Exists}]}]}]\n"+
			"  egress: [{toEndpoints: [{matchExpressions: [{key: \"k8s:io.cilium.k8s.policy.cluster\", operator: Exists}]}]}]\n"),
	"every prefix": clusterPolicy("prefixes",
		"  ingress: [{fromCIDR: [0.0.0.0/0, \"::/0\"]}]\n  egress: [{toCIDR: [0.0.0.0/0, \"::/0\"]}]\n"),
	"ports alone": clusterPolicy("ports",
		"  ingress: [{toPorts: [{ports: [{port: \"0\", protocol: ANY}]}]}]\n  egress: [{toPorts: [{ports: [{port: \"0\", protocol: ANY}]}]}]\n"),
	"every kind of ICMP": clusterPolicy("icmp",
		"  ingress: [{icmps: [{fields: [{family: IPv4, type: 0}, {family: IPv6, type: 0}]}]}]\n"+
			"  egress: [{icmps: [{fields: [{family: IPv4, type: 0}, {family: IPv6, type: 0}]}]}]\n"),
	"every name": clusterPolicy("names", "  egress: [{toFQDNs: [{matchPattern: \"**.example\"}, {matchPattern: \"*\"}]}]\n"),
	"a group with our labels": "kind: CiliumCIDRGroup\nmetadata:\n  name: theirs\n" +
		"  labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: infusion, medfence.io/component: group}\n" +
		"spec: {externalCIDRs: [0.0.0.0/1, 128.0.0.0/1, \"::/0\", 198.51.100.7/32, 10.9.9.9/32]}\n---\n" +
		clusterPolicy("theirs", "  ingress: [{fromCIDRSet: [{cidrGroupRef: theirs}]}]\n  egress: [{toCIDRSet: [{cidrGroupRef: theirs}]}]\n"),
}

// inside is what a team may add to one namespace.
func inside(namespace string) string {
	return "kind: NetworkPolicy\nmetadata: {name: allow-all, namespace: " + namespace + "}\n" +
		"spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}\n---\n" +
		"kind: CiliumNetworkPolicy\nmetadata: {name: allow-all, namespace: " + namespace + "}\nspec:\n  endpointSelector: {}\n" +
		"  ingress: [{fromEndpoints: [{}]}, {fromEntities: [all]}]\n  egress: [{toEndpoints: [{}]}, {toEntities: [all]}]\n"
}

func adversary(t *testing.T, manifest string) []unstructured.Unstructured {
	t.Helper()
	var out []unstructured.Unstructured
	for doc := range strings.SplitSeq(manifest, "---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}

// all returns every adversary at once: allows add up.
func allAdversaries(t *testing.T, namespaces []string) []unstructured.Unstructured {
	t.Helper()
	var out []unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(everywhere)) {
		out = append(out, adversary(t, everywhere[name])...)
	}
	for _, n := range namespaces {
		out = append(out, adversary(t, inside(n))...)
	}
	return out
}

// parties beside the pods and addresses of a world: nodes, API servers, what
// has no labels of pods, addresses behind names, and pods of another cluster
// with the labels of peers.
func outsiders(in []oracle.Endpoint) []oracle.Endpoint {
	at := func(text string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(text)} }
	out := []oracle.Endpoint{
		{Kind: oracle.Host, IPs: at("192.168.77.1")},
		{Kind: oracle.RemoteNode, IPs: at("192.168.77.2")},
		{Kind: oracle.RemoteNode, IPs: at("192.168.77.3"), APIServer: true},
		{Kind: oracle.Address, IPs: at("198.51.100.1"), APIServer: true},
		{Kind: oracle.Address, IPs: at("198.51.100.8"), Names: []string{"updates.vendor.example"}},
		{Kind: oracle.Address, IPs: at("198.51.100.9"), Names: []string{"eu.vendor.example"}},
		{Kind: oracle.Health}, {Kind: oracle.Ingress}, {Kind: oracle.Init}, {Kind: oracle.Unmanaged},
	}
	for _, e := range in {
		if e.Kind == oracle.Pod && len(e.Labels) > 0 && len(out) < 18 {
			e.Cluster = "east"
			e.IPs = podAddresses(250, byte(len(out)))
			out = append(out, e)
		}
	}
	return out
}

func TestNothingMorePassesWhateverAnotherTeamAdds(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, s := range list {
		asked += askSealed(t, s.Name, s.Snapshot(snapshot.Cilium), "all at once")
	}
	t.Logf("asked about %d flows", asked)
	if asked < 100_000 {
		t.Errorf("asked about %d flows, too few to mean anything", asked)
	}
}

func TestNothingMorePassesWhicheverPolicyAnotherTeamAdds(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range slices.Sorted(maps.Keys(everywhere)) {
		for k, s := range list {
			if k%len(everywhere) == i { // each kind on an eighth of the corpus
				askSealed(t, s.Name, s.Snapshot(snapshot.Cilium), name)
			}
		}
	}
}

func TestNothingMorePassesInRandomHospitals(t *testing.T) {
	const seeds = 60
	asked, noted := 0, map[guard.NoteKind]int{}
	for seed := range uint64(seeds) {
		s := hospital.Random(seed, hospital.Options{Sound: seed%4 != 0, Kind: snapshot.Cilium})
		asked += askSealed(t, seedName(seed, snapshot.Cilium), s, "all at once")
		w, err := newWorld(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range w.notes() {
			noted[n.Kind]++
		}
	}
	t.Logf("asked about %d flows; noted %v", asked, noted)
	if asked < 100_000 {
		t.Errorf("asked about %d flows, too few to mean anything", asked)
	}
}

// TestWithoutTheGuardAllIsOpen keeps the law from passing for nothing.
func TestWithoutTheGuardAllIsOpen(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	w := sealedWorld(t, list[0].Snapshot(snapshot.Cilium), "all at once", object.StageBaseline)
	if open := w.leaks(t, "without a guard"); len(open) < 100 {
		t.Errorf("only %d flows are open without a guard", len(open))
	}
}

func askSealed(t *testing.T, name string, s *snapshot.Snapshot, what string) (asked int) {
	t.Helper()
	s.Pods = plainPods(s.Pods)
	w := sealedWorld(t, s, what, object.StageMoat)
	if w == nil {
		return 0
	}
	for _, leak := range w.leaks(t, name) {
		t.Fatalf("%s, %s: %s", name, what, leak)
	}
	return w.asked
}

// sealedWorld returns a world with the policies of another team, and ours up to
// a stage. It is nil for one with HTTP rules, which no lookup of ports tells.
func sealedWorld(t *testing.T, s *snapshot.Snapshot, what string, last object.Stage) *world {
	t.Helper()
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.plan.Conduits {
		if len(w.plan.Conduits[i].Spec.HTTP) > 0 {
			return nil
		}
	}
	w.besiege(t, what, last)
	return w
}

// besiege lets the engine read the policies of another team beside ours.
func (w *world) besiege(t *testing.T, what string, last object.Stage) {
	t.Helper()
	closed := slices.Sorted(maps.Keys(w.closed))
	theirs := allAdversaries(t, closed)
	if what != "all at once" {
		// One kind alone closes far sides by the default deny that it brings.
		theirs, w.gentle = adversary(t, everywhere[what]), true
	}
	w.endpoints = append(w.endpoints, outsiders(w.endpoints)...)
	if err := w.judgeWith(theirs, last); err != nil {
		t.Fatal(err)
	}
}

// leaks returns the flows on which the engine and the plan differ, but for what
// the guard says that it leaves open.
func (w *world) leaks(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	notes := w.notes()
	for _, from := range w.endpoints {
		for _, to := range w.endpoints {
			if from.Kind == oracle.Host || !w.sealed(from, to) {
				continue
			}
			for _, f := range slices.Concat(w.flows(), sealedPings(from, to)) {
				w.asked++
				got, err := w.judge.Allowed(from, to, f)
				if err != nil {
					t.Fatalf("%s: %s to %s %+v: %v", name, from, to, f, err)
				}
				want := w.permitsAny(from, to, f)
				if cut := !got && w.gentle; got != want && !cut && (!got || !w.noted(notes, from, to, f)) {
					out = append(out, fmt.Sprintf("%s to %s %s %d/%d: the engine says %v, the plan %v", from, to, f.Protocol, f.Port, f.ICMPType, got, want))
				}
			}
		}
	}
	return out
}

func sealedPings(from, to oracle.Endpoint) []flow.Flow {
	v4, v6 := flow.Flow{Protocol: flow.ICMP, ICMPType: 8}, flow.Flow{Protocol: flow.ICMP, ICMPType: 128}
	for _, e := range []oracle.Endpoint{from, to} {
		if len(e.IPs) == 1 && e.IPs[0].Is6() {
			return []flow.Flow{v6}
		}
	}
	return []flow.Flow{v4, {Protocol: flow.ICMP, ICMPType: 13}}
}

// sealed reports whether guard or moat decide between two parties: a pod of an
// enforced zone and anybody, or a pod and an address of an enforced zone.
func (w *world) sealed(from, to oracle.Endpoint) bool {
	own := func(e oracle.Endpoint) bool { return e.Kind == oracle.Pod && e.Cluster == "" }
	if from.String() == to.String() || !own(from) && !own(to) {
		return false
	}
	if own(from) && w.closed[from.Namespace] || own(to) && w.closed[to.Namespace] {
		return true
	}
	moated := func(e oracle.Endpoint) bool {
		return e.Kind == oracle.Address && slices.ContainsFunc(w.plan.Zones, func(z plan.Zone) bool {
			return z.Enforce && slices.ContainsFunc(z.Prefixes, func(p netip.Prefix) bool { return p.Contains(e.IPs[0]) })
		})
	}
	return own(from) && moated(to) || own(to) && moated(from)
}

func (w *world) permitsAny(from, to oracle.Endpoint, f flow.Flow) bool {
	if from.Cluster+to.Cluster != "" {
		return false
	}
	return w.permits(from, to, f) || w.joins(from, to, func(s flow.Service) bool { return carries(s, f) })
}

// joins reports whether a conduit joins the two by a service that counts, names
// and entities among its ends.
func (w *world) joins(from, to oracle.Endpoint, counts func(flow.Service) bool) bool {
	return slices.ContainsFunc(w.plan.Conduits, func(c plan.Conduit) bool {
		return c.Permits() && slices.ContainsFunc(c.Services, counts) && slices.ContainsFunc(c.Pairs(), func(p plan.Pair) bool {
			return w.holdsAny(p.From, from) && w.holdsAny(p.To, to)
		})
	})
}

func (w *world) holdsAny(e plan.End, party oracle.Endpoint) bool {
	if party.Kind == oracle.Pod || party.Kind == oracle.Address {
		if w.holds(e, party) {
			return true
		}
	}
	nodes := party.Kind == oracle.Host || party.Kind == oracle.RemoteNode
	return slices.Contains(e.Entities, medfencev1alpha1.EntityNodes) && nodes ||
		slices.Contains(e.Entities, medfencev1alpha1.EntityKubeAPIServer) && party.APIServer ||
		slices.ContainsFunc(e.FQDNs, func(name string) bool {
			return slices.ContainsFunc(party.Names, func(n string) bool {
				return name == n || strings.HasPrefix(name, "*.") && strings.HasSuffix(n, name[1:])
			})
		})
}

// notes are what the guards of all zones say that they leave open.
func (w *world) notes() []guard.Note {
	ix := object.NewIndex(w.plan)
	var out []guard.Note
	for _, z := range w.plan.Zones {
		out = append(out, guard.Of(ix, z.Name).Notes...)
	}
	return out
}

// noted reports whether one of the notes covers a flow.
func (w *world) noted(notes []guard.Note, from, to oracle.Endpoint, f flow.Flow) bool {
	return slices.ContainsFunc(notes, func(n guard.Note) bool {
		switch n.Kind {
		case guard.NoteICMPTypes:
			return f.Protocol == flow.ICMP && w.joins(from, to, func(s flow.Service) bool { return s.Protocol == flow.ICMP })
		case guard.NoteNoICMP:
			return f.Protocol == flow.ICMP && (w.joins(from, to, func(flow.Service) bool { return true }) || to.Namespace == "kube-system")
		case guard.NotePatterns:
			return to.Kind == oracle.Address && w.asks(from, f)
		case guard.NoteOtherClusters:
			return slices.ContainsFunc([]oracle.Endpoint{from, to}, func(e oracle.Endpoint) bool { return e.Cluster != "" && e.Namespace == n.Namespace })
		case guard.NoteSharedPods, guard.NoteManySelectors, guard.NoteManyPeers, guard.NoteMoatShared:
			return w.asAnother(n.Namespace, from, to, f)
		}
		return false
	})
}

// asks reports whether a conduit lets a party reach names with wildcards so.
func (w *world) asks(from oracle.Endpoint, f flow.Flow) bool {
	return slices.ContainsFunc(w.plan.Conduits, func(c plan.Conduit) bool {
		return c.Permits() && slices.ContainsFunc(c.Services, func(s flow.Service) bool { return carries(s, f) }) &&
			slices.ContainsFunc(c.Pairs(), func(p plan.Pair) bool {
				return w.holdsAny(p.From, from) && slices.ContainsFunc(p.To.FQDNs, object.IsPattern)
			})
	})
}

// asAnother reports whether a flow were permitted if one of its parties, in the
// namespace, were another pod there.
func (w *world) asAnother(namespace string, from, to oracle.Endpoint, f flow.Flow) bool {
	instead := func(e oracle.Endpoint) []oracle.Endpoint {
		out := []oracle.Endpoint{e}
		for _, o := range w.endpoints {
			if e.Kind == oracle.Pod && e.Namespace == namespace && o.Kind == oracle.Pod && o.Namespace == namespace {
				o.Cluster = e.Cluster
				out = append(out, o)
			}
		}
		return out
	}
	for _, a := range instead(from) {
		for _, b := range instead(to) {
			if w.permitsAny(a, b, f) {
				return true
			}
		}
	}
	return false
}
