package opening

import (
	"cmp"
	"maps"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/verdict"
)

// closures returns what other people's policies stop of the conduits that touch
// the zone, at either end.
func (f *finder) closures() []Closure {
	foreign := verdict.NewVocabulary()
	spaces := f.permits.namespaces()
	for _, r := range f.rules {
		if !f.own[r.Policy] && r.Touches(spaces) {
			r.Subject(foreign)
			r.Far(f.judge, foreign)
		}
	}
	if len(f.Foreign) == 0 {
		return nil
	}
	f.permits.learn(foreign)
	ends, ok := f.peers(foreign)
	tooMany := []Closure{{Unsure: "the policies of others part pods into too many classes to look at each"}}
	if !ok {
		return tooMany
	}
	f.left = mostWork // openings have had theirs
	found := map[closureKey]*closing{}
	for _, l := range f.permits.links {
		from, to := f.members(ends, l.from), f.members(ends, l.to)
		if !f.affords(2*len(from)*len(to)*(1+len(f.rules)), mostWork) {
			return tooMany
		}
		for _, a := range from {
			for _, b := range to {
				f.stopped(l, a, b, found)
			}
		}
	}
	var out []Closure
	for k, c := range found {
		out = append(out, Closure{
			Policy: k.policy, Path: k.path, Direction: k.direction, Conduits: slices.Sorted(maps.Keys(c.conduits)),
			Peers: c.words(), Traffic: c.traffic, Unsure: c.unsure,
		})
	}
	slices.SortFunc(out, func(a, b Closure) int {
		return cmp.Or(comparePolicies(a.Policy, b.Policy), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Direction, b.Direction))
	})
	return out
}

// members returns the endpoints of one end.
func (f *finder) members(all []verdict.Endpoint, end plan.End) []verdict.Endpoint {
	var out []verdict.Endpoint
	for _, e := range all {
		asAddress := e.Kind == verdict.Address && e.APIServer && !slices.Contains(end.Entities, medfencev1alpha1.EntityKubeAPIServer)
		if f.permits.holds(end, e) && !asAddress {
			out = append(out, e)
		}
	}
	return out
}

type closureKey struct {
	policy    verdict.Policy
	path      string
	direction verdict.Direction
}

// A closing collects what one rule stops.
type closing struct {
	conduits verdict.Set
	from, to peerWords
	traffic  verdict.Traffic
	unsure   string
}

func (c *closing) words() string { return c.from.String() + " to " + c.to.String() }

// stopped adds what is stopped of a link between two endpoints.
func (f *finder) stopped(l link, from, to verdict.Endpoint, found map[closureKey]*closing) {
	for _, d := range []verdict.Direction{verdict.Egress, verdict.Ingress} {
		reach := f.judge.Reach(from, to, d)
		if reach.Free {
			continue
		}
		blame := func(p verdict.Policy, path, unsure string, t verdict.Traffic) {
			if f.own[p] || t.Empty() {
				return
			}
			k := closureKey{p, path, d}
			if found[k] == nil {
				found[k] = &closing{conduits: verdict.Set{}, from: peerWords{}, to: peerWords{}, unsure: unsure}
			}
			c := found[k]
			c.conduits[l.conduit] = true
			c.from.add(from)
			c.to.add(to)
			c.traffic = c.traffic.Union(t)
			if unsure == "" {
				c.unsure = ""
			}
		}
		f.blame(reach, inFamily(l.traffic, from, to), blame)
	}
}

// blame tells who stops which part of the traffic at one side: deny rules, and,
// for what no rule allows, those who deny by default.
func (f *finder) blame(reach verdict.Reach, traffic verdict.Traffic, blame func(verdict.Policy, string, string, verdict.Traffic)) {
	allowed := verdict.Traffic{}
	for _, x := range reach.Rules {
		switch {
		case x.Why != "" && x.Path == "":
			blame(x.Policy, "", "it is not understood: "+x.Why, traffic)
		case x.Deny:
			blame(x.Policy, x.Path, "", x.Sure.And(traffic))
			blame(x.Policy, x.Path, "the objects do not tell whether it applies", x.Maybe.And(traffic))
		default:
			allowed = allowed.Union(x.Sure).Union(x.Maybe)
		}
	}
	for _, c := range reach.Closers {
		if c.Sure {
			blame(c.Policy, c.Path, "", traffic.Minus(allowed))
		}
	}
}
