package verdict_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/verdict"
)

// stored gives objects what an API server gives them.
func stored(version string, objects ...*unstructured.Unstructured) []*unstructured.Unstructured {
	for _, o := range objects {
		o.SetUID(types.UID(o.GetKind() + "/" + o.GetNamespace() + "/" + o.GetName()))
		o.SetResourceVersion(version)
	}
	return objects
}

// forms are objects, each in several versions; some are not understood.
func forms(t testing.TB) [][]*unstructured.Unstructured {
	t.Helper()
	var out [][]*unstructured.Unstructured
	for _, versions := range [][]string{
		{baseline, "\nkind: CiliumNetworkPolicy\nmetadata: {name: baseline, namespace: infusion}\nspec: {endpointSelector: {}, ingress: [{}], surprise: {}}\n"},
		{allowAll, "\nkind: NetworkPolicy\nmetadata: {name: allow-all, namespace: infusion}\nspec: {podSelector: {matchLabels: {app: nobody}}, ingress: [{}]}\n"},
		{conduit}, {denyPACS},
		{
			"\nkind: CiliumCIDRGroup\nmetadata: {name: archive}\nspec: {externalCIDRs: [192.0.2.0/24]}\n",
			"\nkind: CiliumCIDRGroup\nmetadata: {name: archive}\nspec: {externalCIDRs: [198.51.100.0/24], other: 1}\n",
		},
		{
			"\nkind: CiliumNetworkPolicy\nmetadata: {name: names, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{toFQDNs: [{matchName: vendor.example}]}]}\n",
			"\nkind: CiliumNetworkPolicy\nmetadata: {name: names, namespace: infusion}\nspec: {endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: '*.example'}]}]}\n",
		},
	} {
		var list []*unstructured.Unstructured
		for i, text := range versions {
			list = append(list, stored(fmt.Sprint(i+1), parse(t, text)...)...)
		}
		out = append(out, list)
	}
	return out
}

// answers are all that a judge says about the hospital's ends.
func answers(j *verdict.Judge) map[string]verdict.Verdict {
	out := map[string]verdict.Verdict{}
	for from, a := range hospital {
		for to, b := range hospital {
			out[from+" to "+to] = j.Judge(a, b, testFlow)
		}
	}
	return out
}

// TestAJudgeWithAMemorySaysWhatOneWithoutSays over objects that come, go and
// change, under both semantics by turns.
func TestAJudgeWithAMemorySaysWhatOneWithoutSays(t *testing.T) {
	all := forms(t)
	m := verdict.NewMemory()
	dice := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var objects []*unstructured.Unstructured
		for _, versions := range all {
			if dice.IntN(4) > 0 {
				objects = append(objects, versions[dice.IntN(len(versions))])
			}
		}
		dice.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		s := verdict.Semantics{Engine: []verdict.Engine{verdict.Cilium, verdict.NetworkPolicy}[dice.IntN(2)]}
		if dice.IntN(3) == 0 {
			s.Cluster = "other"
		}
		if diff := cmp.Diff(answers(verdict.New(s, objects...)), answers(m.New(s, objects...))); diff != "" {
			t.Fatalf("with a memory (+):\n%s", diff)
		}
	}
}

// TestAMemoryDoesNotBelieveWhatHasNoVersion, such as a file.
func TestAMemoryDoesNotBelieveWhatHasNoVersion(t *testing.T) {
	m := verdict.NewMemory()
	s := verdict.Semantics{Engine: verdict.Cilium}
	for _, strip := range []func(*unstructured.Unstructured){
		func(o *unstructured.Unstructured) { o.SetUID("") },
		func(o *unstructured.Unstructured) { o.SetResourceVersion("") },
	} {
		open, shut := stored("1", parse(t, allowAll)...), stored("1", parse(t, baseline)...)
		open[0].SetUID(shut[0].GetUID())
		strip(open[0])
		strip(shut[0])
		for _, objects := range [][]*unstructured.Unstructured{open, shut, nil, {nil}} {
			if diff := cmp.Diff(answers(verdict.New(s, objects...)), answers(m.New(s, objects...))); diff != "" {
				t.Errorf("with a memory (+):\n%s", diff)
			}
		}
	}
}

// TestAMemoryHasAnEnd and reads again what it has forgotten.
func TestAMemoryHasAnEnd(t *testing.T) {
	m := verdict.NewMemory()
	s := verdict.Semantics{Engine: verdict.Cilium}
	first := stored("1", parse(t, baseline+"---"+conduit)...)
	want := answers(m.New(s, first...))
	one := parse(t, allowAll)[0]
	for i := range 10_000 {
		o := one.DeepCopy()
		o.SetUID(types.UID(fmt.Sprint(i)))
		o.SetResourceVersion("1")
		m.New(s, o)
	}
	if diff := cmp.Diff(want, answers(m.New(s, first...))); diff != "" {
		t.Errorf("after many others (+):\n%s", diff)
	}
}

func TestAMemoryIsShared(t *testing.T) {
	m := verdict.NewMemory()
	all := forms(t)
	s := verdict.Semantics{Engine: verdict.Cilium}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				var objects []*unstructured.Unstructured
				for k, versions := range all {
					objects = append(objects, versions[(i+k)%len(versions)])
				}
				j := m.New(s, objects...)
				j.Judge(hospital["gateway"], hospital["internet"], testFlow)
			}
		})
	}
	group.Wait()
}

// BenchmarkMemory: a judge of many objects of which one has changed.
func BenchmarkMemory(b *testing.B) {
	var objects []*unstructured.Unstructured
	for i := range 500 {
		o := parse(b, conduit)[0]
		o.SetName(fmt.Sprintf("conduit-%d", i))
		objects = append(objects, o)
	}
	stored("1", objects...)
	s := verdict.Semantics{Engine: verdict.Cilium}
	for _, c := range []struct {
		name   string
		memory *verdict.Memory
	}{{"without", nil}, {"with", verdict.NewMemory()}} {
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				objects[i%len(objects)].SetResourceVersion(fmt.Sprint(i + 2))
				c.memory.New(s, objects...)
			}
		})
	}
}

// What is forgotten is read anew; and nobody minds who forgets what he does not know.
func TestWhatIsForgottenIsReadAnew(t *testing.T) {
	m := verdict.NewMemory()
	list := stored("1", parse(t, allowAll)...)
	judge := func() map[string]verdict.Verdict { return answers(m.New(verdict.Semantics{}, list...)) }
	before := judge()
	other := stored("1", parse(t, "\nkind: NetworkPolicy\nmetadata: {name: allow-all, namespace: infusion}\nspec: {podSelector: {matchLabels: {app: nobody}}, ingress: [{}]}\n")...)
	list[0].Object = other[0].Object
	if diff := cmp.Diff(before, judge()); diff != "" {
		t.Fatalf("nothing was kept (-first +second):\n%s", diff)
	}
	m.Forget("nobody's")
	m.Forget(list[0].GetUID())
	if cmp.Equal(before, judge()) {
		t.Error("what was forgotten was not read anew")
	}
	(*verdict.Memory)(nil).Forget("1")
}
