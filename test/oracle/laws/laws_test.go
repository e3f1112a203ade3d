package laws

import (
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
	"github.com/medfence/medfence/test/oracle"
	"github.com/medfence/medfence/test/scenarios"
)

var targets = []snapshot.TargetKind{snapshot.Netpol, snapshot.Cilium}

// TestEnginesAgreeWithThePlansOfTheCorpus is the fourth law, faithful, as far as
// policies without guard and moat go.
func TestEnginesAgreeWithThePlansOfTheCorpus(t *testing.T) {
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, s := range list {
		for _, kind := range targets {
			asked += askAll(t, s.Name+" on "+string(kind), s.Snapshot(kind))
		}
	}
	t.Logf("asked about %d flows", asked)
	if asked < 10_000 {
		t.Errorf("asked about %d flows, too few to mean anything", asked)
	}
}

func TestEnginesAgreeWithThePlansOfRandomHospitals(t *testing.T) {
	const seeds = 300
	asked, hospitals := 0, 0
	for seed := range uint64(seeds) {
		for _, kind := range targets {
			s := hospital.Random(seed, hospital.Options{Sound: seed%2 == 0, Kind: kind})
			if n := askAll(t, seedName(seed, kind), s); n > 0 {
				asked += n
				hospitals++
			}
		}
	}
	t.Logf("asked about %d flows in %d hospitals", asked, hospitals)
	if asked < 50_000 || hospitals < seeds/2 {
		t.Errorf("asked about %d flows in %d hospitals, too few to mean anything", asked, hospitals)
	}
}

// askAll returns 0 for a world that the judge does not take: cyclonus gets NotIn
// wrong, and says so.
func askAll(t *testing.T, name string, s *snapshot.Snapshot) int {
	t.Helper()
	s.Pods = plainPods(s.Pods)
	w, err := newWorld(s)
	if err != nil {
		if s.Target.Kind == snapshot.Netpol && strings.Contains(err.Error(), "NotIn") {
			return 0
		}
		t.Fatalf("%s: %v", name, err)
	}
	for i := range w.plan.Conduits {
		if len(w.plan.Conduits[i].Spec.HTTP) > 0 {
			return 0
		}
	}
	return w.check(t, name, s.Target.Kind == snapshot.Cilium)
}

// plainPods leaves out pods with label keys that Cilium reads as its own: such a
// pod is outside every policy, which a fact of this module shows and the
// compiler reports (PodReservedLabel).
func plainPods(pods []snapshot.Pod) []snapshot.Pod {
	var out []snapshot.Pod
	for _, p := range pods {
		if _, ok := p.Labels["host"]; !ok {
			out = append(out, p)
		}
	}
	return out
}

// TestEnginesAgreeWithThePublishedMatrices: connectivity matrices of vendors and
// authorities, judged on the rendered policies.
func TestEnginesAgreeWithThePublishedMatrices(t *testing.T) {
	rows, err := scenarios.Acceptance()
	if err != nil {
		t.Fatal(err)
	}
	list, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range targets {
		decided := 0
		for _, s := range list {
			decided += checkMatrix(t, s, kind, rows)
		}
		if decided < 100 {
			t.Errorf("%s decided %d flows, too few to mean anything", kind, decided)
		}
	}
}

func checkMatrix(t *testing.T, s scenarios.Scenario, kind snapshot.TargetKind, rows []scenarios.Row) (decided int) {
	t.Helper()
	for _, row := range rows {
		if row.Scenario != s.Name {
			continue
		}
		sources, targets := parties(row.Sources, "from"), parties(row.Targets, "to")
		w, err := newWorld(s.Snapshot(kind), append(sources, targets...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range sources {
			for _, to := range targets {
				for _, f := range row.Flows {
					got, err := w.judge.Allowed(from, to, f)
					if err != nil {
						t.Fatalf("%s: %v", row, err)
					}
					decided++
					w.agree(t, row.String(), question{from, to, f, got})
					if want := row.Allow || row.Undecidable != ""; got != want {
						t.Errorf("%s on %s: from %s to %s %s %d: the engine says %v, the document %v", row, kind, from, to, f.Protocol, f.Port, got, want)
					}
				}
			}
		}
	}
	return decided
}

func parties(in []scenarios.Endpoint, side string) []oracle.Endpoint {
	var out []oracle.Endpoint
	for i, e := range in {
		if !e.Pod() {
			out = append(out, address(e))
			continue
		}
		out = append(out, podParty(e, side, i))
	}
	return out
}
