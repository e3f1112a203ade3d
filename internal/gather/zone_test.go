package gather_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
)

// hospitals is how many random hospitals are tried.
const hospitals = 400

// What is gathered for one zone is enough: it compiles and renders to the same
// as the whole hospital does, as far as the zone, its devices and its conduits
// are concerned.
func TestWhatIsGatheredForAZoneIsEnough(t *testing.T) {
	for seed := range uint64(hospitals) {
		whole := hospital.Random(seed, hospital.Options{Sound: seed%2 == 0})
		reader, err := gathertest.New(whole)
		if err != nil {
			t.Fatal(err)
		}
		g := &gather.Gatherer{Reader: reader, Kinds: gathertest.Trusting{}, Closures: closures{}}
		if seed%3 == 0 {
			g.Closures = forgetBaselines(reader, whole)
		}
		all := compile.Compile(whole)
		for _, zone := range append(zoneNames(whole), "zz") {
			part, err := g.Zone(t.Context(), zone, whole.Now)
			if err != nil {
				t.Fatal(err)
			}
			part.Cluster, part.Target, part.Catalogue = whole.Cluster, whole.Target, whole.Catalogue
			one := compile.Compile(part.Snapshot)
			if diff := cmp.Diff(about(t, zone, whole, all), about(t, zone, part.Snapshot, one)); diff != "" {
				t.Fatalf("hospital %d, zone %s (-whole +gathered):\n%s", seed, zone, diff)
			}
		}
	}
}

// closures are namespaces by the UID of the zone that keeps them closed.
type closures map[string][]string

func (c closures) Of(zone string) []string { return c[zone] }

func (c closures) In(namespace string) []string {
	var out []string
	for uid, namespaces := range c {
		if slices.Contains(namespaces, namespace) {
			out = append(out, uid)
		}
	}
	return out
}

// forgetBaselines makes the statuses of zones older than their baselines: the cache
// has some of these, and others are told by who wrote them.
func forgetBaselines(m *gathertest.Memory, whole *snapshot.Snapshot) closures {
	told := closures{}
	for i := range whole.Zones {
		zone := &whole.Zones[i]
		var kept []medfencev1alpha1.NamespaceStatus
		for j, n := range zone.Closed {
			switch {
			case !n.Held && !n.Baseline:
				kept = append(kept, n)
			case (i+j)%2 == 0:
				told[zone.UID] = append(told[zone.UID], n.Name)
			default:
				m.Objects = append(m.Objects, baseline(zone.UID, n.Name))
			}
		}
		for _, o := range m.Objects {
			if z, ok := o.(*medfencev1alpha1.DeviceZone); ok && z.Name == zone.Name {
				z.Status.Namespaces = kept
			}
		}
	}
	return told
}

func baseline(uid, namespace string) client.Object {
	return ours("networking.k8s.io/v1", "NetworkPolicy", uid, map[string]any{
		"name": "medfence-baseline", "namespace": namespace, "labels": map[string]any{medfencev1alpha1.LabelComponent: "baseline"},
	}, nil)
}

// ours is an object of ours without a type.
func ours(version, kind, uid string, metadata, spec map[string]any) client.Object {
	labels, _ := metadata["labels"].(map[string]any)
	all := map[string]any{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy}
	maps.Copy(all, labels)
	metadata["labels"], metadata["annotations"] = all, map[string]any{medfencev1alpha1.AnnotationZoneUID: uid}
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}}
}

func zoneNames(s *snapshot.Snapshot) []string {
	var names []string
	for _, z := range s.Zones {
		names = append(names, z.Name)
	}
	return names
}

// about writes down all of a result that concerns a zone.
func about(t *testing.T, zone string, in *snapshot.Snapshot, result compile.Result) []string {
	t.Helper()
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	mine := map[string]bool{plan.Problem{Kind: plan.KindZone, Name: zone}.Object(): true}
	for _, d := range in.Devices {
		if d.Spec.Zone == zone || d.Accepted != nil && d.Accepted.Spec.Zone == zone {
			mine[plan.Problem{Kind: plan.KindDevice, Namespace: d.Namespace, Name: d.Name}.Object()] = true
		}
	}
	for _, c := range in.Conduits {
		if slices.Contains(gather.ConduitZones(conduitOf(c)), zone) {
			mine[plan.Problem{Kind: plan.KindConduit, Name: c.Name}.Object()] = true
		}
	}
	for _, p := range result.Problems {
		if mine[p.Object()] {
			add("problem %s %s %s: %s", p.Object(), p.Reason, p.Path, p.Message)
		}
	}
	for _, z := range result.Plan.Zones {
		if z.Name == zone {
			add("zone %s", text(t, z))
		}
	}
	for _, d := range result.Plan.Devices {
		if mine[plan.Problem{Kind: plan.KindDevice, Namespace: d.Namespace, Name: d.Name}.Object()] {
			add("device %s", text(t, d))
		}
	}
	for _, c := range result.Plan.Conduits {
		if mine[plan.Problem{Kind: plan.KindConduit, Name: c.Name}.Object()] {
			add("conduit %s", text(t, c))
		}
	}
	for _, o := range render.Zone(result.Plan, zone) {
		add("object %s", text(t, o.KubeObject))
	}
	return out
}

func conduitOf(c snapshot.Conduit) *medfencev1alpha1.Conduit {
	out := &medfencev1alpha1.Conduit{Spec: c.Spec}
	out.Status.Accepted = c.Accepted
	return out
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
