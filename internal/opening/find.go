package opening

import (
	"maps"
	"slices"

	"github.com/medfence/medfence/internal/verdict"
)

// open returns what one rule of somebody else's opens: what is open, and what
// would be if no deny rule stopped it.
func (f *finder) open(r verdict.Rule) []Opening {
	near, far := f.vocabularies(r)
	pods, ok := f.selfPods(near)
	peers, ok2 := f.peers(far)
	pods = slices.DeleteFunc(pods, func(e verdict.Endpoint) bool { return !r.Selects(f.judge, e) })
	if !ok || !ok2 || !f.affords(f.workOf(r, pods, peers), mostWorkOfRule) {
		return []Opening{f.whole(r)}
	}
	o, b := newGathered(), newGathered()
	for _, self := range pods {
		for _, peer := range peers {
			if sameHost(r.Direction, peer) {
				continue
			}
			f.pair(r, pair{self, peer}, o, b)
		}
	}
	var out []Opening
	if !o.traffic.Empty() {
		out = append(out, o.opening(r))
	}
	if !b.traffic.Empty() {
		x := b.opening(r)
		x.Blocked = true
		x.BlockedBy = slices.SortedFunc(maps.Keys(b.by), comparePolicies)
		out = append(out, x)
	}
	return out
}

// workOf returns how many rules are looked at to tell what one opens.
func (f *finder) workOf(r verdict.Rule, pods, peers []verdict.Endpoint) int {
	denies, within := 1, 0
	for _, x := range f.rules {
		if x.Direction == r.Direction && (x.Deny || x.Why != "") {
			denies++
		}
	}
	for _, p := range peers {
		if f.inZone(p) {
			within++
		}
	}
	return len(pods) * (len(peers)*denies + within*len(f.rules))
}

// sameHost: the node of a pod reaches it whatever anybody writes.
func sameHost(d verdict.Direction, peer verdict.Endpoint) bool {
	return d == verdict.Ingress && peer.Kind == verdict.Host
}

// vocabularies returns what near and far ends can be told apart by, as far as it
// matters to the rule: by itself, by deny rules, and by the plan.
func (f *finder) vocabularies(r verdict.Rule) (near, far *verdict.Vocabulary) {
	near, far = verdict.NewVocabulary(), verdict.NewVocabulary()
	r.Subject(near)
	r.Far(f.judge, far)
	for _, x := range f.rules {
		if x.Deny && x.Direction == r.Direction && x.Touches(f.spaces) {
			x.Subject(near)
			x.Far(f.judge, far)
		}
	}
	for k := range f.permits.workloads {
		if k.Zone == f.zone.Name {
			f.permits.learnWorkload(near, k)
		}
	}
	f.permits.learn(far)
	return near, far
}

// whole is the opening of a rule of which more would have to be looked at than is.
func (f *finder) whole(r verdict.Rule) Opening {
	return Opening{
		Policy: r.Policy, Path: r.Path, Direction: r.Direction, Peers: r.Peers(), Pods: "pods of the zone",
		Traffic: verdict.EveryTraffic(), Unsure: "its selectors, with those of the plan, part pods into too many classes to look at each",
	}
}

// A pair is a pod of the zone and a peer.
type pair struct{ self, peer verdict.Endpoint }

// flow returns the pair in the order of a flow.
func (p pair) flow(d verdict.Direction) (from, to verdict.Endpoint) {
	if d == verdict.Ingress {
		return p.peer, p.self
	}
	return p.self, p.peer
}

// pair adds what the rule opens between two endpoints.
func (f *finder) pair(r verdict.Rule, p pair, open, blocked *gathered) {
	from, to := p.flow(r.Direction)
	reach := f.judge.ReachOf(r, from, to)
	allowed, why := allowedBy(reach, r)
	if allowed.Empty() {
		return
	}
	allowed = inFamily(allowed.Minus(f.permits.between(from, to)), from, to)
	if f.inZone(p.peer) && !allowed.Empty() {
		allowed = allowed.And(passes(f.judge.Reach(from, to, opposite(r.Direction))))
	}
	if allowed.Empty() {
		return
	}
	left := allowed
	if !overruled(reach) {
		left = allowed.Minus(denied(reach))
	}
	if !left.Empty() {
		open.add(p, left, why)
	}
	if stopped := allowed.Minus(left); !stopped.Empty() {
		blocked.add(p, stopped, why)
		for _, x := range reach.Rules {
			if x.Deny && !x.Sure.And(stopped).Empty() {
				blocked.by[x.Policy] = true
			}
		}
	}
}

// inZone reports whether an endpoint is a pod of the zone: its side of the flow
// is known too.
func (f *finder) inZone(e verdict.Endpoint) bool {
	return e.Kind == verdict.Pod && e.Cluster == "" && f.spaces[e.Namespace]
}

func opposite(d verdict.Direction) verdict.Direction {
	if d == verdict.Ingress {
		return verdict.Egress
	}
	return verdict.Ingress
}

// allowedBy returns what the rule allows in a reach, and why that is unsure.
func allowedBy(reach verdict.Reach, r verdict.Rule) (allowed verdict.Traffic, unsure string) {
	for _, x := range reach.Rules {
		if x.Policy != r.Policy || x.Path != r.Path || x.Deny {
			continue
		}
		allowed = allowed.Union(x.Sure).Union(x.Maybe)
		if !x.Sure.Empty() {
			continue
		}
		unsure = "the objects do not tell whether it applies"
		if x.Why != "" {
			unsure = "it is not understood: " + x.Why
		}
	}
	return allowed, unsure
}

// denied returns what deny rules surely stop.
func denied(reach verdict.Reach) verdict.Traffic {
	out := verdict.Traffic{}
	for _, x := range reach.Rules {
		if x.Deny {
			out = out.Union(x.Sure)
		}
	}
	return out
}

// overruled reports whether something that is not understood may beat the deny
// rules.
func overruled(reach verdict.Reach) bool {
	return slices.ContainsFunc(reach.Rules, func(x verdict.RuleReach) bool { return x.Overrules })
}

// passes returns what may pass at a side.
func passes(reach verdict.Reach) verdict.Traffic {
	closed := slices.ContainsFunc(reach.Closers, func(c verdict.Closer) bool { return c.Sure })
	if reach.Free || overruled(reach) {
		return verdict.EveryTraffic()
	}
	out := verdict.EveryTraffic()
	if closed {
		out = verdict.Traffic{}
		for _, x := range reach.Rules {
			if !x.Deny {
				out = out.Union(x.Sure).Union(x.Maybe)
			}
		}
	}
	return out.Minus(denied(reach))
}

// gathered collects the pairs of one rule.
type gathered struct {
	traffic verdict.Traffic
	pods    verdict.Set
	peers   peerWords
	by      map[verdict.Policy]bool
	// sure is set by one pair of which there is no doubt.
	sure   bool
	unsure string
}

func newGathered() *gathered {
	return &gathered{traffic: verdict.Traffic{}, pods: verdict.Set{}, peers: peerWords{}, by: map[verdict.Policy]bool{}}
}

func (g *gathered) add(p pair, t verdict.Traffic, unsure string) {
	g.traffic = g.traffic.Union(t)
	g.pods[podWords(p.self)] = true
	g.peers.add(p.peer)
	if unsure == "" {
		g.sure = true
	}
	g.unsure = unsure
}

func (g *gathered) opening(r verdict.Rule) Opening {
	out := Opening{
		Policy: r.Policy, Path: r.Path, Direction: r.Direction, Peers: g.peers.String(),
		Pods: list(slices.Sorted(maps.Keys(g.pods))), Traffic: g.traffic, Unsure: g.unsure,
	}
	if g.sure {
		out.Unsure = ""
	}
	return out
}
