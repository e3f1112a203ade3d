package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/snapshot"
)

// whole asks the engines every question, whatever was asked before.
func (j *judge) whole(t *testing.T, s policySet) verdict {
	t.Helper()
	alone, beside, err := j.engines(s)
	if err != nil {
		t.Fatal(err)
	}
	out := make(verdict, len(j.questions))
	for i, q := range j.questions {
		judge := alone
		if q.beside {
			judge = beside
		}
		if out[i], err = judge.Allowed(q.from, q.to, q.flow); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// spoilt returns the set after somebody did something to a policy of it.
func (s policySet) spoilt(dice *rand.Rand, full policySet) policySet {
	keys := slices.Sorted(maps.Keys(full))
	key := keys[dice.IntN(len(keys))]
	out := maps.Clone(s)
	u := full[key].DeepCopy()
	other := full[keys[dice.IntN(len(keys))]].DeepCopy()
	switch dice.IntN(8) {
	case 0:
		delete(out, key)
		return out
	case 1: // as it was
	case 2:
		delete(u.Object, "specs")
		u.Object["spec"] = open[u.GetKind()]
	case 3: // what another says, by this name
		if u.GetKind() == other.GetKind() {
			u.Object["spec"], u.Object["specs"] = other.Object["spec"], other.Object["specs"]
			maps.DeleteFunc(u.Object, func(_ string, value any) bool { return value == nil })
		}
	case 4: // for other pods
		if u.GetNamespace() != "" {
			u.SetNamespace([]string{"infusion", "laboratory", "pacs", "biomed-inventory"}[dice.IntN(4)])
		}
	case 5:
		u.SetLabels(map[string]string{"app": "gateway"})
	case 6: // of some namespaces, or of all others
		if u.GetKind() == "CiliumClusterwideNetworkPolicy" {
			delete(u.Object, "specs")
			u.Object["spec"] = chosen([]string{"In", "NotIn"}[dice.IntN(2)], []string{"infusion", "pacs"}[dice.IntN(2)])
		}
	case 7: // an address that a policy elsewhere names
		if u.GetKind() == "CiliumNetworkPolicy" {
			u.Object["spec"] = map[string]any{
				"endpointSelector": map[string]any{},
				"egress":           []any{map[string]any{"toCIDR": []any{[]string{"10.20.1.11/32", "10.0.0.0/8", "203.0.113.0/24"}[dice.IntN(3)]}}},
			}
		}
	}
	out.put(u)
	return out
}

// chosen lets everything in to the pods of a namespace, or of all but one.
func chosen(operator, namespace string) map[string]any {
	return map[string]any{
		"endpointSelector": map[string]any{"matchExpressions": []any{
			map[string]any{"key": "k8s:io.kubernetes.pod.namespace", "operator": operator, "values": []any{namespace}},
		}},
		"ingress": []any{map[string]any{"fromEntities": []any{"all"}}},
	}
}

// TestWhatIsKeptOfASideIsWhatTheEnginesSay: a judge that keeps answers from
// state to state gives those that the engines give to the whole state.
func TestWhatIsKeptOfASideIsWhatTheEnginesSay(t *testing.T) {
	const states = 25
	for _, target := range []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium} {
		t.Run(string(target), func(t *testing.T) {
			j := newJudge(t, target)
			full := rendered(t, readObjects(t, "hospital.yaml").plan(t, target))
			dice := rand.New(rand.NewPCG(3, 0))
			now := full
			for n := range states {
				kept, err := j.ask(now)
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range j.whole(t, now) {
					if kept[i] != want {
						t.Fatalf("state %d: %s: %t, and the engine says %t", n, j.questions[i], kept[i], want)
					}
				}
				now = now.spoilt(dice, full)
			}
			asked := 0
			for _, s := range j.sides {
				asked += len(s.answers)
			}
			if most := states * len(j.sides); asked*4 > most*3 {
				t.Errorf("%d sides were asked of %d: too little is kept to be of use", asked, most)
			}
		})
	}
}

func TestWhichPodsAClusterwidePolicyMayConcern(t *testing.T) {
	kind := "CiliumClusterwideNetworkPolicy"
	infusion, butPacs := chosen("In", "infusion"), chosen("NotIn", "pacs")
	for name, tc := range map[string]struct {
		object map[string]any
		want   []string
	}{
		"of one namespace":          {map[string]any{"kind": kind, "spec": infusion}, []string{"infusion"}},
		"of two, by two rules":      {map[string]any{"kind": kind, "specs": []any{infusion, chosen("In", "pacs")}}, []string{"infusion", "pacs"}},
		"of one, and a wide rule":   {map[string]any{"kind": kind, "spec": infusion, "specs": []any{butPacs}}, []string{"infusion", "pacs", "guests"}},
		"of all but one":            {map[string]any{"kind": kind, "spec": butPacs}, []string{"infusion", "pacs", "guests"}},
		"of all":                    {map[string]any{"kind": kind, "spec": open[kind]}, []string{"infusion", "pacs", "guests"}},
		"without a rule":            {map[string]any{"kind": kind}, []string{"infusion", "pacs", "guests"}},
		"a group":                   {map[string]any{"kind": "CiliumCIDRGroup", "spec": open["CiliumCIDRGroup"]}, []string{"infusion", "pacs", "guests"}},
		"a policy of one namespace": {map[string]any{"kind": "CiliumNetworkPolicy", "metadata": map[string]any{"namespace": "pacs"}, "spec": butPacs}, []string{"pacs"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, n := range []string{"infusion", "pacs", "guests"} {
				if mayConcern(&unstructured.Unstructured{Object: tc.object}, n) {
					got = append(got, n)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}
