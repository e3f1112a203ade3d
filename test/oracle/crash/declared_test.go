package crash

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A declaration is all that people declared, in the order in which they did.
type declaration []*unstructured.Unstructured

// crossedOut marks an object of a change that goes.
const crossedOut = "crossed-out"

// going marks an object that is deleted and that the operator does not let go
// yet.
const going = "going"

func readObjects(t testing.TB, file string) declaration {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out declaration
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	for {
		o := &unstructured.Unstructured{}
		switch err := decoder.Decode(o); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		case len(o.Object) > 0:
			out = append(out, o)
		}
	}
}

func same(a, b *unstructured.Unstructured) bool {
	return a.GetKind() == b.GetKind() && a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}

// changed returns the declaration after a change.
func (d declaration) changed(change declaration) declaration {
	out := slices.Clone(d)
	for _, o := range change {
		gone := o.GetAnnotations()[crossedOut] != ""
		i := slices.IndexFunc(out, func(x *unstructured.Unstructured) bool { return same(x, o) })
		switch {
		case gone:
			out = slices.Delete(out, i, i+1)
		case i < 0:
			out = append(out, o)
		default:
			out[i] = o
		}
	}
	return out
}

// plan is what a declaration permits in the cluster, whatever the operator did
// of it.
func (d declaration) plan(t testing.TB, target snapshot.TargetKind) *plan.Plan {
	t.Helper()
	return d.planAt(t, target, time.Now())
}

// planAt is what it permits at a time.
func (d declaration) planAt(t testing.TB, target snapshot.TargetKind, now time.Time) *plan.Plan {
	t.Helper()
	var text bytes.Buffer
	for _, o := range slices.Concat(readObjects(t, "cluster.yaml"), d) {
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n" + string(raw) + "\n")
	}
	objects, faults := manifest.Read([]manifest.File{{Name: "declared", Data: text.Bytes()}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in := objects.Snapshot(manifest.Setting{
		Now:       now,
		Target:    snapshot.Target{Kind: target, ICMP: true, DNSProxy: true, Cluster: "default"},
		Catalogue: catalog.Embedded(),
		Cluster: snapshot.Cluster{DNS: snapshot.DNS{
			Namespace: "kube-system", Selector: map[string]string{"k8s-app": "kube-dns"}, Domain: "cluster.local",
			Ports: []snapshot.DNSPort{{Protocol: flow.TCP, Port: 53}, {Protocol: flow.UDP, Port: 53}},
		}},
	})
	return compile.Compile(in).Plan
}
