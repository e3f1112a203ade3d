package laws

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
	"github.com/medfence/medfence/test/oracle"
	"github.com/medfence/medfence/test/scenarios"
)

// crowdOf counts the identities of a world's pods, as CiliumIdentities tell.
func crowdOf(endpoints []oracle.Endpoint, groups int) *snapshot.Crowd {
	seen, counts := map[string]bool{}, map[string]int{}
	for _, e := range endpoints {
		if id := e.Namespace + fmt.Sprint(e.Labels); e.Kind == oracle.Pod && !seen[id] {
			seen[id] = true
			counts[e.Namespace]++
		}
	}
	out := &snapshot.Crowd{Groups: groups}
	for n, c := range counts {
		out.Pods = append(out.Pods, snapshot.NamespaceCount{Namespace: n, Count: c})
	}
	slices.SortFunc(out.Pods, func(a, b snapshot.NamespaceCount) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return out
}

// strangers are pods of nobody's zone, each with an identity of its own.
func strangers(n int) []oracle.Endpoint {
	var out []oracle.Endpoint
	for i := range n {
		out = append(out, oracle.Endpoint{
			Namespace: "crowd", Name: fmt.Sprint("p", i), Labels: map[string]string{"number": fmt.Sprint("n", i)},
			IPs: podAddresses(byte(100+i>>8), byte(i)),
		})
	}
	return out
}

// TestTheBudgetIsNoLessThanWhatCiliumMakes compares the estimate for each zone
// with the policy maps that Cilium's engine makes of the same policies.
func TestTheBudgetIsNoLessThanWhatCiliumMakes(t *testing.T) {
	var snapshots []*snapshot.Snapshot
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		snapshots = append(snapshots, s.Snapshot(snapshot.Cilium))
	}
	for seed := range uint64(40) {
		snapshots = append(snapshots, hospital.Random(seed, hospital.Options{Sound: true, Kind: snapshot.Cilium}))
	}
	zones, estimated, made := 0, 0, 0
	for i, s := range snapshots {
		s.Pods = plainPods(s.Pods)
		first, err := newWorld(s)
		if err != nil {
			t.Fatal(err)
		}
		crowd := strangers(300)
		s.Target.Crowd = crowdOf(append(first.endpoints, crowd...), len(first.plan.Groups))
		w, err := newWorld(s, crowd...)
		if err != nil {
			t.Fatal(err)
		}
		z, e, m := checkBudget(t, fmt.Sprint("hospital ", i), w)
		zones, estimated, made = zones+z, estimated+e, made+m
	}
	t.Logf("%d zones: estimated %d entries, Cilium made %d", zones, estimated, made)
	if zones < 50 || estimated > 2*made {
		t.Errorf("%d zones: estimated %d entries, Cilium made %d: the estimate says little", zones, estimated, made)
	}
}

func checkBudget(t *testing.T, name string, w *world) (zones, estimated, made int) {
	t.Helper()
	ix := object.NewIndex(w.plan)
	for _, z := range w.plan.Zones {
		budget := guard.Of(ix, z.Name).Budget
		most := 0
		for _, e := range w.endpoints {
			in := slices.ContainsFunc(z.Namespaces, func(n plan.Namespace) bool { return n.Name == e.Namespace })
			if e.Kind != oracle.Pod || !z.Enforce || !in {
				continue
			}
			n, err := w.judge.(*oracle.CiliumJudge).Entries(e)
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, n)
		}
		if most == 0 {
			continue
		}
		if !budget.Known || most > budget.Written {
			t.Errorf("%s, zone %s: estimated %+v entries, Cilium makes %d", name, z.Name, budget, most)
		}
		zones, estimated, made = zones+1, estimated+budget.Written, made+most
	}
	return zones, estimated, made
}

func TestAGuardAboveItsBudgetIsCoarse(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		peers, others int
		want          []guard.NoteKind
		within        bool
	}{
		"few":                      {10, 10, nil, true},
		"many peers":               {1000, 10, []guard.NoteKind{guard.NoteBudgetPeers}, false},
		"many others":              {10, 10_000, []guard.NoteKind{guard.NoteBudgetPods}, false},
		"as many others as may be": {10, 3300, nil, true},
		"nobody knows how many":    {-1, 0, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := list[0].Snapshot(snapshot.Cilium) // one conduit of one gateway
			if tc.peers >= 0 {
				s.Target.Crowd = &snapshot.Crowd{Pods: []snapshot.NamespaceCount{
					{Namespace: "crowd", Count: tc.others}, {Namespace: "engine", Count: tc.peers},
					{Namespace: "kube-system", Count: 10},
				}}
			}
			p := compile.Compile(s).Plan
			for _, z := range p.Zones {
				if !z.Enforce {
					continue
				}
				g := guard.Of(object.NewIndex(p), z.Name)
				var got []guard.NoteKind
				for _, n := range g.Notes {
					got = append(got, n.Kind)
				}
				if !slices.Equal(got, tc.want) || g.Budget.Within() != tc.within {
					t.Errorf("notes %v, budget %+v; want notes %v, within %t", got, g.Budget, tc.want, tc.within)
				}
				if g.Budget.Written > g.Budget.Max/2 {
					t.Errorf("wrote %d entries", g.Budget.Written)
				}
			}
		})
	}
}
