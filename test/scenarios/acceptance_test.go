package scenarios

import (
	"net/netip"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// TestPlansAgreeWithThePublishedMatrices: what a plan permits is what the
// vendor's or authority's document says. The judges of test/oracle ask the same
// of the rendered policies.
func TestPlansAgreeWithThePublishedMatrices(t *testing.T) {
	rows, err := Acceptance()
	if err != nil {
		t.Fatal(err)
	}
	plans := map[string]*plan.Plan{}
	for _, s := range all(t) {
		plans[s.Name] = compile.Compile(s.Snapshot(snapshot.Cilium)).Plan
	}
	decided := 0
	for _, r := range rows {
		if r.Undecidable != "" {
			t.Logf("undecidable: %s: %s", r, r.Undecidable)
			continue
		}
		decided++
		for _, from := range r.Sources {
			for _, to := range r.Targets {
				for _, f := range r.Flows {
					if got := permitted(plans[r.Scenario], from, to, f); got != r.Allow {
						t.Errorf("%s: from %v to %v %s %d: permitted %v, the document says %v", r, from, to, f.Protocol, f.Port, got, r.Allow)
					}
				}
			}
		}
	}
	if decided < 20 {
		t.Errorf("decided %d rows, want at least 20", decided)
	}
}

// permitted reads a plan as a person would: is there a conduit with a pair of
// ends that hold the two, and a service with the port?
func permitted(p *plan.Plan, from, to Endpoint, f flow.Flow) bool {
	for _, c := range p.Conduits {
		if !c.Permits() || !slices.ContainsFunc(c.Services, func(s flow.Service) bool {
			return s.Protocol == f.Protocol && s.Ports.Contains(f.Port)
		}) {
			continue
		}
		for _, pair := range c.Pairs() {
			if holds(p, pair.From, from) && holds(p, pair.To, to) {
				return true
			}
		}
	}
	return false
}

func holds(p *plan.Plan, e plan.End, party Endpoint) bool {
	if !party.Pod() {
		return slices.ContainsFunc(p.Groups, func(g plan.Group) bool {
			return slices.Contains(e.Groups, g.Name) && slices.ContainsFunc(g.Prefixes, func(x netip.Prefix) bool { return x.Contains(party.Address) })
		})
	}
	return slices.ContainsFunc(p.Workloads, func(w plan.Workload) bool {
		selector, err := metav1.LabelSelectorAsSelector(&w.Selector)
		return err == nil && slices.Contains(e.Workloads, w.WorkloadKey) && w.Namespace == party.Namespace && selector.Matches(labels.Set(party.Labels))
	})
}
