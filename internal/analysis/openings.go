package analysis

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/opening"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// An Intrusion is what other people's policies do to an enforced Device zone, and
// what leads round every policy. A zone to which nobody does anything has none.
type Intrusion struct {
	Zone string
	opening.Result
}

// Intrusions returns what others do to the enforced zones, by zone. They are
// judged for every endpoint that there could be.
func (r *Reach) Intrusions() []Intrusion {
	if r.judge == nil {
		return nil
	}
	if r.intrusions == nil {
		r.intrusions = []Intrusion{}
		near := r.neighbours()
		for i := range r.Plan.Zones {
			z := &r.Plan.Zones[i]
			if !r.Enforced(z.Name) || z.Released {
				continue
			}
			if one := r.intrusion(z, near[z.Name]); len(one.Openings)+len(one.Closures)+len(one.Ways) > 0 {
				r.intrusions = append(r.intrusions, one)
			}
		}
	}
	return r.intrusions
}

func (r *Reach) intrusion(z *plan.Zone, near map[string]bool) Intrusion {
	spaces := map[string]bool{}
	for zone := range near {
		for _, n := range r.zones[zone].Namespaces {
			spaces[n.Name] = true
		}
	}
	foreign := within(r.judge.foreign, spaces)
	pods, services := r.inhabitants(z)
	if len(foreign) == 0 && !slices.ContainsFunc(pods, oddPod) && len(services) == 0 {
		return Intrusion{}
	}
	in := opening.Input{
		Semantics: r.judge.semantics, Plan: r.Plan, Zone: z.Name, Foreign: foreign,
		Namespaces: r.Snapshot.Namespaces, Pods: pods, Services: services,
	}
	if len(foreign) > 0 {
		in.Own = within(r.judge.own, spaces)
	}
	return Intrusion{z.Name, opening.Find(in)}
}

// oddPod reports whether policies may not reach a pod. Of labels the finder knows
// more: most are not looked at.
func oddPod(p snapshot.Pod) bool {
	return p.HostNetwork || p.Networks != "" || opening.Reserved(p.Labels)
}

// inhabitants returns the pods of a zone, and its services that hide who comes.
func (r *Reach) inhabitants(z *plan.Zone) (pods []snapshot.Pod, services []snapshot.Service) {
	for _, n := range z.Namespaces {
		for _, i := range r.podsIn(n.Name) {
			pods = append(pods, r.Snapshot.Pods[i])
		}
	}
	for _, s := range r.Snapshot.Services {
		if s.HidesSource && slices.ContainsFunc(z.Namespaces, func(n plan.Namespace) bool { return n.Name == s.Namespace }) {
			services = append(services, s)
		}
	}
	return pods, services
}

// within returns the policies of some namespaces, and those of the cluster.
func within(list []*unstructured.Unstructured, spaces map[string]bool) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range list {
		if n := o.GetNamespace(); n == "" || spaces[n] {
			out = append(out, o)
		}
	}
	return out
}

// neighbours returns for each zone itself and those that conduits join to it.
func (r *Reach) neighbours() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for name := range r.zones {
		out[name] = map[string]bool{name: true}
	}
	for i := range r.Plan.Conduits {
		for _, p := range r.Plan.Conduits[i].Pairs() {
			a, b := p.From.Zone, p.To.Zone
			if out[a] != nil && out[b] != nil {
				out[a][b], out[b][a] = true, true
			}
		}
	}
	return out
}

// An Intruder is one thing that others do, as it is listed.
type Intruder struct {
	Zone string `json:"zone"`
	// State is Open, Possible or Blocked (by a guard) for what others let pass,
	// and Closed for what they stop; Round for what no policy reaches.
	State string `json:"state"`
	// Object is the policy, pod or service: "NetworkPolicy/icu/allow-all".
	Object string `json:"object"`
	Rule   string `json:"rule,omitempty"`
	// What says in words what passes, or what does not.
	What string `json:"what"`

	traffic verdict.Traffic
}

// The states of an intruder beside those of an opening.
const (
	StateClosed = "Closed"
	StateRound  = "Round"

	stateBlocked = string(medfencev1alpha1.OpeningBlocked)
)

// Intruders lists what others do, by zone, what is open first.
func (r *Reach) Intruders() []Intruder {
	var out []Intruder
	for _, one := range r.Intrusions() {
		byState := map[string][]Intruder{}
		add := func(state, object, rule, what string, traffic verdict.Traffic) {
			byState[state] = append(byState[state], Intruder{one.Zone, state, object, rule, what, traffic})
		}
		for i := range one.Openings {
			o := &one.Openings[i]
			add(string(o.State()), o.Policy.String(), o.Path, o.Passes(), o.Traffic)
		}
		for _, w := range one.Ways {
			add(StateRound, w.Kind+"/"+w.Namespace+"/"+w.Name, "", w.Text, nil)
		}
		for i := range one.Closures {
			c := &one.Closures[i]
			add(StateClosed, closer(c.Policy), c.Path, c.Stops(), c.Traffic)
		}
		for _, state := range []string{
			string(medfencev1alpha1.OpeningOpen), StateRound, string(medfencev1alpha1.OpeningPossible), StateClosed, string(medfencev1alpha1.OpeningBlocked),
		} {
			out = append(out, byState[state]...)
		}
	}
	return out
}

// closer names a policy, which may not be known.
func closer(p verdict.Policy) string {
	if p == (verdict.Policy{}) {
		return "policies of others"
	}
	return p.String()
}

// Voids says what defeats every policy of the cluster, in sentences.
func (r *Reach) Voids() []string {
	seen := map[string]bool{}
	for _, v := range r.Snapshot.Cluster.Voids {
		seen[v.Message+"."] = true
	}
	return slices.Sorted(maps.Keys(seen))
}
