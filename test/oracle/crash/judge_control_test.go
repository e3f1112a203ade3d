package crash

import (
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
)

// rendered returns all policies of a plan, as a watcher sees them.
func rendered(t *testing.T, p *plan.Plan) policySet {
	t.Helper()
	out := policySet{}
	for _, z := range p.Zones {
		for _, o := range render.Zone(p, z.Name) {
			u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o.KubeObject)
			if err != nil {
				t.Fatal(err)
			}
			out.put(&unstructured.Unstructured{Object: u})
		}
	}
	return out
}

// without leaves out the policies whose key has all the words.
func (s policySet) without(t *testing.T, words ...string) policySet {
	t.Helper()
	out := maps.Clone(s)
	maps.DeleteFunc(out, func(key string, _ *unstructured.Unstructured) bool {
		for _, w := range words {
			if !strings.Contains(key, w) {
				return false
			}
		}
		return true
	})
	if len(out) == len(s) {
		t.Fatalf("no policy is named %v in %v", words, maps.Collect(maps.All(s)))
	}
	return out
}

// unguarded leaves out the guard of a zone, if it has one.
func (s policySet) unguarded(zone string) policySet {
	out := maps.Clone(s)
	maps.DeleteFunc(out, func(key string, _ *unstructured.Unstructured) bool { return strings.Contains(key, "guard-"+zone) })
	return out
}

func (s policySet) with(t *testing.T, manifest string) policySet {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &u.Object); err != nil {
		t.Fatal(err)
	}
	out := maps.Clone(s)
	out.put(u)
	return out
}

const wideNetpol = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide, namespace: infusion}
spec: {podSelector: {matchLabels: {app: gateway}}, policyTypes: [Ingress], ingress: [{from: []}]}`

const wideCilium = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: wide, namespace: infusion}
spec: {endpointSelector: {matchLabels: {app: gateway}}, ingress: [{fromEntities: [all]}]}`

// TestTheJudgeSeesWhatIsWrong: a check that cannot fail is none.
func TestTheJudgeSeesWhatIsWrong(t *testing.T) {
	wide := map[snapshot.TargetKind]string{snapshot.Netpol: wideNetpol, snapshot.Cilium: wideCilium}
	for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
		t.Run(string(target), func(t *testing.T) {
			j := newJudge(t, target)
			hospital := readObjects(t, "hospital.yaml")
			p := hospital.plan(t, target)
			changed := hospital.changed(readObjects(t, "change.yaml")).plan(t, target)
			full := rendered(t, p)
			after := rendered(t, changed)
			cases := map[string]struct {
				passage passage
				trace   []policySet
				want    string // a law, and a flow of which it is broken
			}{
				"nothing happens": {passage{p, p}, []policySet{full, full}, ""},
				"a zone is without its baseline": {
					passage{p, p}, []policySet{full, full.unguarded("infusion").without(t, "baseline-infusion"), full},
					lawOpen + ": guests/laptop > infusion/stray TCP/445",
				},
				"a pod that no device selects is free": {
					passage{p, p}, []policySet{full, full.unguarded("laboratory").without(t, "baseline-laboratory"), full},
					lawOpen + ": laboratory/stray > address [203.0.113.9] TCP/445",
				},
				"an allow goes before it comes again": {
					passage{p, p}, []policySet{full, full.without(t, "NetworkPolicy/infusion/medfence-gateway"), full},
					lawCut + ": infusion/gateway > integration/engine TCP/6660",
				},
				"somebody opens a pod to all": {
					passage{p, p}, []policySet{full, full.unguarded("infusion").with(t, wide[target]), full},
					lawOpen + ": address [203.0.113.9] > infusion/gateway TCP/445",
				},
				"the end is not what was declared": {
					passage{p, changed}, []policySet{full, full},
					lawUnlike + ": integration/engine > laboratory/middleware TCP/8443",
				},
				"what was opened is closed again": {
					passage{p, changed}, []policySet{full, after, full, after},
					lawBack + ": infusion/gateway > integration/engine TCP/6671",
				},
				"a zone is closed before its conduits are there": {
					passage{nil, p}, []policySet{{}, full.without(t, "NetworkPolicy/infusion/medfence-gateway"), full},
					lawCut + ": infusion/gateway > address [10.20.1.11] TCP/3613",
				},
			}
			if target == snapshot.Cilium {
				closed := cases["nothing happens"]
				closed.trace, closed.want = []policySet{full, full.unguarded("infusion"), full}, lawOpen+": address [203.0.113.9] > infusion/gateway TCP/445 beside an allow-all"
				cases["a guard is gone"] = closed
				closed.trace, closed.want = []policySet{full, full.without(t, "moat-infusion"), full}, lawOpen+": guests/laptop > address [10.20.1.11] TCP/445"
				cases["a moat is gone"] = closed
			}
			for name, tc := range cases {
				t.Run(name, func(t *testing.T) {
					found, err := j.check(tc.passage, tc.trace)
					if err != nil {
						t.Fatal(err)
					}
					var texts strings.Builder
					for _, f := range found {
						texts.WriteString(f.String() + "\n")
					}
					if tc.want == "" && len(found) > 0 || !strings.Contains(texts.String(), tc.want) {
						t.Errorf("want %q in\n%.3000s", tc.want, texts.String())
					}
				})
			}
		})
	}
}
