package opening

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// An Input is what is to be judged. Nothing in it is modified.
type Input struct {
	Semantics verdict.Semantics
	Plan      *plan.Plan
	// Zone is the name of an enforced Device zone of the plan.
	Zone string
	// Own are Medfence's objects as they are live: those of the zone, and those
	// of other zones that may select its pods.
	Own []*unstructured.Unstructured
	// Foreign are the policies and CIDR groups of everybody else that may touch
	// pods of the zone or, for closures, of its peers. Others do no harm.
	Foreign []*unstructured.Unstructured
	// Namespaces are those that exist, with their labels. One that is missing is
	// taken to have any labels.
	Namespaces []snapshot.Namespace
	// Pods and Services are those of the zone's namespaces.
	Pods     []snapshot.Pod
	Services []snapshot.Service
	// Memory, which may be nil, keeps what Own and Foreign say for the next time.
	Memory *verdict.Memory
}

// A Result is what was found, sorted.
type Result struct {
	Openings []Opening
	Closures []Closure
	Ways     []Way
}

// An Opening is what one rule of somebody else's lets pass to or from the zone's
// pods although no conduit permits it.
type Opening struct {
	Policy verdict.Policy
	// Path is the rule: "spec.ingress[0]". It is empty for a policy that is not
	// understood.
	Path      string
	Direction verdict.Direction
	// Peers says in words who is let in or reached, Pods which pods of the zone.
	Peers, Pods string
	// Traffic is what passes, over all of these pairs.
	Traffic verdict.Traffic
	// Blocked is true where deny rules stop all of Traffic: nothing is open. A
	// rule of which only a part is stopped is listed twice.
	Blocked bool
	// BlockedBy are the policies of those deny rules.
	BlockedBy []verdict.Policy
	// Unsure says why it may be no opening after all; empty where it is sure.
	Unsure string
}

// A Closure is what somebody else's policy stops although a conduit permits it.
type Closure struct {
	Policy verdict.Policy
	// Path is the deny rule, or the spec that denies by default.
	Path string
	// Direction is the side of the flow that it stops.
	Direction verdict.Direction
	// Conduits are the names of the conduits concerned, sorted.
	Conduits []string
	// Peers says in words between whom.
	Peers   string
	Traffic verdict.Traffic
	// Unsure says why it may be no closure after all; empty where it is sure.
	Unsure string
}

// A finder looks for openings and closures of one zone.
type finder struct {
	Input
	judge   *verdict.Judge
	zone    *plan.Zone
	spaces  verdict.Set // the zone's namespaces
	own     map[verdict.Policy]bool
	permits permits
	known   map[string]map[string]string // labels of the namespaces that exist
	rules   []verdict.Rule
	// left is how much may still be looked at.
	left int
}

const (
	// mostWork is how many rules are looked at for a zone, each for each pair of
	// classes, before what is left is reported whole: a second or two. Who may write
	// policies in a namespace of a zone could otherwise keep the operator busy for
	// hours, with a few rules on many labels.
	mostWork = 1_000_000
	// mostWorkOfRule is how much of that one rule may take, so that it does not
	// take the judgement from the others.
	mostWorkOfRule = mostWork / 6
)

// affords reports whether so many rules may be looked at, and counts them: at
// most so many at a time.
func (f *finder) affords(work, most int) bool {
	if work > min(most, f.left) {
		return false
	}
	f.left -= work
	return true
}

// Find returns the openings, closures and ways round of one zone. A zone that is
// not in the plan, or is not enforced, has none.
func Find(in Input) Result {
	f, ok := newFinder(in)
	if !ok {
		return Result{}
	}
	out := Result{Ways: f.ways()}
	for _, r := range f.rules {
		if !f.own[r.Policy] && !r.Deny && r.Touches(f.spaces) {
			out.Openings = append(out.Openings, f.open(r)...)
		}
	}
	out.Closures = f.closures()
	slices.SortStableFunc(out.Openings, func(a, b Opening) int {
		return cmp.Or(comparePolicies(a.Policy, b.Policy), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Direction, b.Direction))
	})
	return out
}

func newFinder(in Input) (*finder, bool) {
	f := &finder{Input: in, spaces: verdict.Set{}, own: map[verdict.Policy]bool{}, known: map[string]map[string]string{}, left: mostWork}
	for i := range in.Plan.Zones {
		if z := &in.Plan.Zones[i]; z.Name == in.Zone && z.Enforce {
			f.zone = z
		}
	}
	if f.zone == nil {
		return nil, false
	}
	for _, n := range f.zone.Namespaces {
		f.spaces[n.Name] = true
	}
	for _, n := range in.Namespaces {
		f.known[n.Name] = n.Labels
		if n.Labels == nil {
			f.known[n.Name] = map[string]string{}
		}
	}
	for _, o := range in.Own {
		f.own[verdict.Policy{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}] = true
	}
	f.judge = in.Memory.New(in.Semantics, slices.Concat(in.Own, in.Foreign)...)
	f.permits = newPermits(in.Plan, f.zone)
	f.rules = f.judge.Rules()
	return f, true
}

func comparePolicies(a, b verdict.Policy) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
