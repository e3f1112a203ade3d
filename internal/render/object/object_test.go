package object_test

import (
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

func some(stage object.Stage, kind, namespace, name string) object.Object {
	return object.Object{Stage: stage, KubeObject: &ciliumv2.CiliumNetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
	}}
}

func TestObjectsAreOrderedAsTheyAreWritten(t *testing.T) {
	objects := []object.Object{
		some(object.StageMoat, "A", "", "moat"),
		some(object.StageBaseline, "B", "a", "b"),
		some(object.StageAllow, "B", "b", "a"),
		some(object.StageAllow, "B", "a", "z"),
		some(object.StageAllow, "B", "a", "y"),
		some(object.StageAllow, "A", "z", "z"),
		some(object.StageGuard, "A", "", "guard"),
		some(object.StageGroup, "Z", "", "group"),
	}
	object.Sort(objects)
	var got []string
	for _, o := range objects {
		got = append(got, o.Kind()+" "+o.GetNamespace()+"/"+o.GetName())
	}
	want := []string{"Z /group", "A z/z", "B a/y", "B a/z", "B b/a", "B a/b", "A /guard", "A /moat"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAManifestHoldsNoStatus(t *testing.T) {
	got, err := object.Manifest([]object.Object{some(0, "A", "n", "x"), some(0, "A", "n", "y")})
	if err != nil {
		t.Fatal(err)
	}
	want := "apiVersion: v1\nkind: A\nmetadata:\n  name: x\n  namespace: \"n\"\n" +
		"---\napiVersion: v1\nkind: A\nmetadata:\n  name: \"y\"\n  namespace: \"n\"\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamespacesThatShareASelectorAreOnePeer(t *testing.T) {
	named := func(app string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
	var keys []plan.WorkloadKey
	p := &plan.Plan{Target: snapshot.Cilium}
	for _, w := range []plan.Workload{
		{WorkloadKey: plan.WorkloadKey{Namespace: "ward-b", Selector: "app=x"}, Selector: named("x")},
		{WorkloadKey: plan.WorkloadKey{Namespace: "icu", Selector: "app=x"}, Selector: named("x")},
		{WorkloadKey: plan.WorkloadKey{Namespace: "icu", Selector: "app=a"}, Selector: named("a")},
		{WorkloadKey: plan.WorkloadKey{Namespace: "ehr"}},
	} {
		p.Workloads, keys = append(p.Workloads, w), append(keys, w.WorkloadKey)
	}
	keys = append(keys, keys[0], plan.WorkloadKey{Namespace: "unknown"})
	want := []object.Pods{
		{Namespaces: []string{"ehr"}},
		{Namespaces: []string{"icu"}, Selector: named("a")},
		{Namespaces: []string{"icu", "ward-b"}, Selector: named("x")},
	}
	got := object.NewIndex(p).Pods(keys)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got[0].Every() || got[1].Every() {
		t.Error("only the pods without a selector are all of their namespace")
	}
}
