package laws

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
	"github.com/medfence/medfence/test/hospital"
	"github.com/medfence/medfence/test/oracle"
	"github.com/medfence/medfence/test/scenarios"
)

// theirSpecs are what another team may add to a namespace: NAMESPACE is one of
// a zone's. Those of Cilium are for its target alone.
var theirSpecs = map[string]string{
	"netpol: allow all": `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}`,
	"netpol: one port":  `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 445}, {port: 80, protocol: UDP}]}]}`,
	"netpol: every pod": `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {}}]}], egress: [{to: [{namespaceSelector: {}}]}]}`,
	"netpol: a prefix":  `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}], egress: [{to: [{ipBlock: {cidr: "::/0"}}]}]}`,
	"netpol: some pods": `{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: a}}, namespaceSelector: {}}], ports: [{port: 1, endPort: 1000}]}]}`,

	"cilium: every entity":        `{endpointSelector: {}, ingress: [{fromEntities: [all]}], egress: [{toEntities: [all]}]}`,
	"cilium: the world and nodes": `{endpointSelector: {}, ingress: [{fromEntities: [world, host, remote-node, kube-apiserver]}], egress: [{toEntities: [world, host]}]}`,
	"cilium: ports alone":         `{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "0", protocol: ANY}]}]}], egress: [{toPorts: [{ports: [{port: "53", protocol: ANY}]}]}]}`,
	"cilium: prefixes":            `{endpointSelector: {}, egress: [{toCIDR: [0.0.0.0/0, "::/0"]}], ingress: [{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}]}`,
	"cilium: every group":         `{endpointSelector: {}, egress: [{toCIDRSet: [{cidrGroupSelector: {matchExpressions: [{key: zone, operator: DoesNotExist}]}}]}], ingress: [{fromCIDRSet: [{cidrGroupSelector: {}}]}]}`,
	"cilium: ICMP":                `{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8}, {family: IPv6, type: 128}]}]}], ingress: [{fromEndpoints: [{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}]}]}]}`,
	"cilium: some pods, without default deny": `{endpointSelector: {matchLabels: {app: a}}, enableDefaultDeny: {ingress: false, egress: false}, ` +
		`ingress: [{fromEndpoints: [{}], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}], egress: [{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": elsewhere}}]}]}`,
	"cilium: a deny": `{endpointSelector: {}, enableDefaultDeny: {ingress: false, egress: false}, ingressDeny: [{fromEntities: [world]}], egressDeny: [{toEntities: [cluster]}]}`,
	"cilium: nobody": `{endpointSelector: {}, ingress: [{fromEndpoints: []}], egress: [{}]}`,
}

func theirPolicy(t *testing.T, name, namespace string) *unstructured.Unstructured {
	t.Helper()
	kind, version := "NetworkPolicy", "networking.k8s.io/v1"
	if strings.HasPrefix(name, "cilium") {
		kind, version = "CiliumNetworkPolicy", "cilium.io/v2"
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("spec: "+theirSpecs[name]), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName("theirs")
	return u
}

// TestNoOpeningIsMissed: after somebody else's policy is added, every flow that
// the engine lets pass and no conduit permits is covered by an opening that is
// reported; and where none is reported, none passes.
func TestNoOpeningIsMissed(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	score := &openings{}
	for _, kind := range targets {
		for i, s := range list {
			score.round(t, s.Name, s.Snapshot(kind), uint64(i))
		}
		for seed := range uint64(60) {
			score.round(t, seedName(seed, kind), hospital.Random(seed, hospital.Options{Sound: true, Kind: kind}), seed)
		}
	}
	t.Logf("%+v", *score)
	if score.zones < 100 || score.passing < 1000 {
		t.Errorf("%+v: too few to mean anything", *score)
	}
}

// openings counts what was looked at.
type openings struct {
	zones, found, blocked, passing int
	took                           time.Duration
}

// round adds two theirSpecs to the first enforced zone of a snapshot.
func (o *openings) round(t *testing.T, name string, s *snapshot.Snapshot, turn uint64) {
	t.Helper()
	s.Pods = plainPods(s.Pods)
	w, err := newWorld(s)
	if err != nil {
		return // cyclonus does not take it
	}
	for _, z := range w.plan.Zones {
		if !z.Enforce || len(z.Namespaces) == 0 || !w.closed[z.Namespaces[0].Name] {
			continue
		}
		for _, theirName := range pickTheirs(s.Target.Kind, turn) {
			theirs := theirPolicy(t, theirName, z.Namespaces[0].Name)
			o.zone(t, name+", "+theirName, s, w.under(t, s, theirs), z.Name, theirs)
		}
		return
	}
}

func pickTheirs(kind snapshot.TargetKind, turn uint64) []string {
	var names []string
	for n := range theirSpecs {
		if kind == snapshot.Cilium || strings.HasPrefix(n, "netpol") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return []string{names[turn%uint64(len(names))], names[(turn*3+1)%uint64(len(names))]}
}

// under returns the world with one object more.
func (w *world) under(t *testing.T, s *snapshot.Snapshot, theirs *unstructured.Unstructured) *world {
	t.Helper()
	out := *w
	in := oracle.World{Endpoints: w.endpoints, Policies: append(slices.Clone(w.policies), client.Object(theirs))}
	engine := verdict.NetworkPolicy
	var err error
	if s.Target.Kind == snapshot.Cilium {
		engine = verdict.Cilium
		out.judge, err = oracle.Cilium(in)
	} else {
		out.judge, err = oracle.Cyclonus(in)
	}
	if err != nil && strings.Contains(err.Error(), "NotIn") {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if out.ours, err = newOurs(engine, in.Policies); err != nil {
		t.Fatal(err)
	}
	return &out
}

// zone compares what is reported of a zone with what passes.
func (o *openings) zone(t *testing.T, name string, s *snapshot.Snapshot, w *world, zone string, theirs *unstructured.Unstructured) {
	t.Helper()
	if w == nil {
		return
	}
	in := opening.Input{
		Semantics: verdict.Semantics{Engine: verdict.NetworkPolicy}, Plan: w.plan, Zone: zone,
		Foreign: []*unstructured.Unstructured{theirs}, Namespaces: s.Namespaces,
	}
	if s.Target.Kind == snapshot.Cilium {
		in.Semantics.Engine = verdict.Cilium
	}
	for _, p := range w.policies {
		own, err := verdict.Unstructured(p)
		if err != nil {
			t.Fatal(err)
		}
		in.Own = append(in.Own, own)
	}
	start := time.Now()
	result := opening.Find(in)
	o.took += time.Since(start)
	o.zones++
	for _, x := range result.Openings {
		o.found++
		if x.Blocked {
			o.blocked++
		}
	}
	spaces := map[string]bool{}
	for _, z := range w.plan.Zones {
		for _, n := range z.Namespaces {
			spaces[n.Name] = spaces[n.Name] || z.Name == zone
		}
	}
	for _, from := range w.endpoints {
		for _, to := range w.endpoints {
			if w.decides(from, to) {
				o.flows(t, name, w, spaces, result, from, to)
			}
		}
	}
}

// flows asks the engine about every flow between two endpoints.
func (o *openings) flows(t *testing.T, name string, w *world, spaces map[string]bool, result opening.Result, from, to oracle.Endpoint) {
	t.Helper()
	all := w.flows()
	if w.plan.Target == snapshot.Cilium {
		all = append(all, pings(to, from)...)
	}
	for _, f := range all {
		allowed, err := w.judge.Allowed(from, to, f)
		if err != nil {
			t.Fatal(err)
		}
		if !allowed || w.permits(from, to, f) {
			continue
		}
		o.passing++
		sides := map[verdict.Direction]bool{
			verdict.Egress:  from.Kind == oracle.Pod && spaces[from.Namespace],
			verdict.Ingress: to.Kind == oracle.Pod && spaces[to.Namespace],
		}
		for d, ours := range sides {
			if ours && !covered(result, d, f, from, to) {
				t.Fatalf("%s: %s to %s %+v passes, which no conduit permits, and no opening of %s is reported: %+v", name, from, to, f, d, result.Openings)
			}
		}
	}
}

func covered(result opening.Result, d verdict.Direction, f flow.Flow, from, to oracle.Endpoint) bool {
	is4 := from.IPs[0].Is4() && to.IPs[0].Is4()
	return slices.ContainsFunc(result.Openings, func(x opening.Opening) bool {
		return !x.Blocked && x.Direction == d && x.Traffic.Contains(f, is4)
	})
}
