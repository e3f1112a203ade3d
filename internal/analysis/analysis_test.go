package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/hospital"
)

const seeds = 60

func random(seed uint64, sound bool) *snapshot.Snapshot {
	return hospital.Random(seed, hospital.Options{Sound: sound})
}

// Every question has an answer, whatever is wrong with a hospital.
func TestEveryQuestionIsAnswered(_ *testing.T) {
	for seed := range uint64(seeds) {
		r := analysis.New(random(seed, false))
		r.Lint()
		r.Matrix().Cells()
		r.Rows()
		r.Chart()
		for _, text := range places(r) {
			p, err := r.Find(text)
			if err != nil {
				continue
			}
			r.Contacts(p, analysis.From)
			r.RestOf(p, analysis.To)
		}
	}
}

// places names every zone, device and pod, and some addresses.
func places(r *analysis.Reach) []string {
	out := []string{"world", "10.1.1.1", "10.1.1.9", "10.2.0.1", "2001:db8:1::1"}
	for _, z := range r.Plan.Zones {
		out = append(out, "zone/"+z.Name)
	}
	for _, d := range r.Plan.Devices {
		out = append(out, "device/"+d.Namespace+"/"+d.Name)
	}
	for _, p := range r.Snapshot.Pods {
		out = append(out, "pod/"+p.Namespace+"/"+p.Name)
	}
	return out
}

// A flow is permitted exactly where a conduit of the plan holds both ends: asked
// of the plan itself, without classes and indexes.
func TestExplainAgreesWithThePlan(t *testing.T) {
	packets := []analysis.Packet{{Protocol: flow.TCP, Port: 443}, {Protocol: flow.TCP, Port: 8005}, {Protocol: flow.UDP, Port: 53}, {Protocol: flow.ICMP, ICMPType: 8}}
	yes := 0
	for seed := range uint64(10 * seeds) {
		r := analysis.New(random(seed, true))
		for _, from := range r.Plan.Devices {
			for _, to := range r.Plan.Devices {
				a, errA := r.Find("device/" + from.Namespace + "/" + from.Name)
				b, errB := r.Find("device/" + to.Namespace + "/" + to.Name)
				if errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				for _, packet := range packets {
					want := permitted(r.Plan, from, to, packet)
					got := r.Explain(a, b, packet).Answer == analysis.Permitted
					if got != want {
						t.Fatalf("seed %d: %s to %s %s: %t, want %t", seed, a.Text, b.Text, packet, got, want)
					}
					if got {
						yes++
					}
				}
			}
		}
	}
	if yes < 20 {
		t.Errorf("only %d flows were permitted: the test says little", yes)
	}
}

func permitted(p *plan.Plan, from, to plan.Device, packet analysis.Packet) bool {
	for _, c := range p.Conduits {
		if !c.Permits() || !serves(c, packet) {
			continue
		}
		for _, joined := range c.Pairs() {
			if holds(p, joined.From, from) && holds(p, joined.To, to) {
				return true
			}
		}
	}
	return false
}

func serves(c plan.Conduit, packet analysis.Packet) bool {
	for _, s := range c.Services {
		if s.Protocol != packet.Protocol {
			continue
		}
		if s.Ports.Contains(packet.Port) && s.Protocol != flow.ICMP {
			return true
		}
		if slices.Contains(s.ICMPTypes, packet.ICMPType) {
			return true
		}
	}
	return false
}

func holds(p *plan.Plan, e plan.End, d plan.Device) bool {
	if e.Zone != d.Zone || d.Standing == plan.Absent {
		return false
	}
	if slices.Contains(e.Workloads, d.Workload) {
		return true
	}
	for _, name := range e.Groups {
		for _, g := range p.Groups {
			for _, prefix := range g.Prefixes {
				if g.Name == name && flow.Overlaps(d.Prefixes, prefix) {
					return true
				}
			}
		}
	}
	return false
}

// What explain proposes permits the flow, once its texts are written.
func TestTheProposedConduitPermitsTheFlow(t *testing.T) {
	proposed := 0
	for seed := range uint64(seeds) {
		s := random(seed, true)
		s.Target = snapshot.Target{Kind: snapshot.Cilium, ICMP: true, DNSProxy: true}
		r := analysis.New(s)
		for _, to := range r.Plan.Devices {
			for _, from := range append(places(r), "zone/z0") {
				a, err := r.Find(from)
				if err != nil || a.Whole {
					continue
				}
				b, err := r.Find("device/" + to.Namespace + "/" + to.Name)
				if err != nil {
					t.Fatal(err)
				}
				packet := analysis.Packet{Protocol: flow.TCP, Port: 22}
				e := r.Explain(a, b, packet)
				if e.Missing == "" || to.Workload.Namespace == "" && len(to.Prefixes) == 0 {
					continue
				}
				proposed++
				if got := apply(t, s, e.Missing, from, "device/"+to.Namespace+"/"+to.Name, packet); got != "" {
					t.Fatalf("seed %d: from %s to %s: %s\n%s", seed, a.Text, b.Text, got, e.Missing)
				}
			}
		}
	}
	if proposed < 20 {
		t.Errorf("only %d conduits were proposed", proposed)
	}
}

// apply says why a proposal does not permit a flow, or "".
func apply(t *testing.T, s *snapshot.Snapshot, text, from, to string, packet analysis.Packet) string {
	t.Helper()
	var c medfencev1alpha1.Conduit
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		return err.Error()
	}
	after := *s
	after.Conduits = append(append([]snapshot.Conduit{}, s.Conduits...), snapshot.FromConduit(&c))
	r := analysis.New(&after)
	for _, p := range r.Problems {
		if p.Name == c.Name && p.Kind == plan.KindConduit && p.Severity() == medfencev1alpha1.SeverityRefuse {
			return p.Reason + ": " + p.Message
		}
	}
	a, err := r.Find(from)
	if err != nil {
		return err.Error()
	}
	b, err := r.Find(to)
	if err != nil {
		return err.Error()
	}
	if e := r.Explain(a, b, packet); e.Answer != analysis.Permitted {
		return fmt.Sprintf("still %s: %s", e.Answer, strings.Join(e.Reasons, " "))
	}
	return ""
}

// Nothing changes where nothing changed, and what a change opens its undoing
// cuts.
func TestADifferenceTurnsAround(t *testing.T) {
	opened := 0
	for seed := range uint64(seeds) {
		s := random(seed, true)
		before := analysis.New(s)
		same, err := analysis.Compare(before, analysis.New(s))
		if err != nil {
			t.Fatal(err)
		}
		if !same.Kept() || len(same.Cut)+len(same.Closes)+len(same.Created)+len(same.Changed)+len(same.Deleted)+len(same.Problems) > 0 {
			t.Fatalf("seed %d: a hospital differs from itself: %+v", seed, same)
		}
		if len(s.Conduits) == 0 {
			continue
		}
		less := *s
		less.Conduits = s.Conduits[1:]
		without := analysis.New(&less)
		there, err := analysis.Compare(without, before)
		if err != nil {
			t.Fatal(err)
		}
		back, err := analysis.Compare(before, without)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := words(there.Opened), words(back.Cut); a != b {
			t.Fatalf("seed %d: opened\n%s\ncut\n%s", seed, a, b)
		}
		if len(there.Cut) > 0 {
			t.Fatalf("seed %d: a conduit that is added cuts %s", seed, words(there.Cut))
		}
		opened += len(there.Opened)
	}
	if opened < 10 {
		t.Errorf("only %d flows opened: the test says little", opened)
	}
}

func words(list []*analysis.FlowChange) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s %v %v to %s %v %v: %s", c.From.Zone(), c.From.Pods, c.From.Prefixes, c.To.Zone(), c.To.Pods, c.To.Prefixes, c.Permission))
	}
	return strings.Join(out, "\n")
}
