package verdict

import (
	"github.com/medfence/medfence/internal/flow"
)

// A Reach is what every rule at one side of a pair of endpoints says, for all
// flows between them at once.
type Reach struct {
	// Free is true where no policy is enforced at this side.
	Free bool
	// Closers are the policies that make the side deny what no rule allows.
	Closers []Closer
	// Rules are those that are about the pair.
	Rules []RuleReach
}

// A Closer is a policy that switches default deny on.
type Closer struct {
	Policy Policy
	Path   string
	// Sure is false for one that is not understood.
	Sure bool
}

// A RuleReach is one rule and the flows of the pair that it is about.
type RuleReach struct {
	Policy Policy
	// Path is the rule: "spec.ingress[0]"; empty for a policy that is not
	// understood.
	Path string
	Deny bool
	// Sure are the flows that the rule is about, Maybe those that it may be about
	// besides: an address with a name, a port by its name, a content.
	Sure, Maybe Traffic
	// Peers names the peers of the rule.
	Peers string
	// Why says what is not understood; empty for a rule.
	Why string
	// Overrules is true where what is not understood may beat a deny rule.
	Overrules bool
}

// Reach returns what the rules at one side of a pair say. An Address needs an
// address; for other endpoints the family of ICMP types is left open, and both
// are answered.
func (j *Judge) Reach(from, to Endpoint, d Direction) Reach {
	q, free := j.ask(from, to, d)
	if free || q == nil {
		return Reach{Free: free}
	}
	var out Reach
	for _, s := range j.index.candidates(q.self) {
		out.add(q, s)
	}
	return out
}

// ReachOf is Reach as far as it matters to what one rule allows: that rule, deny
// rules, and what is not understood. It is empty where the rule is not about the
// pair.
func (j *Judge) ReachOf(r Rule, from, to Endpoint) Reach {
	q, free := j.ask(from, to, r.Direction)
	if free || q == nil {
		return Reach{Free: free}
	}
	var out Reach
	if r.rule != nil {
		out.addRule(q, r.spec, r.rule, r.spec.subject.matches(q.self.labels))
		if len(out.Rules) == 0 {
			return out
		}
	}
	for _, s := range j.index.candidates(q.self) {
		subject := s.subject.matches(q.self.labels)
		switch {
		case subject == no:
		case s.opaque != "":
			out.add(q, s)
		default:
			for i := range s.rules {
				if s.rules[i].deny {
					out.addRule(q, s, &s.rules[i], subject)
				}
			}
		}
	}
	return out
}

// ask returns the query of one side of a pair, nil where an address is missing.
// It is free where no policy is enforced at that side.
func (j *Judge) ask(from, to Endpoint, d Direction) (q *query, free bool) {
	is4, _ := family(from, to, flow.Flow{})
	source, sourceIP, ok := j.party(from, flow.Flow{}.Source, is4)
	destination, destinationIP, ok2 := j.party(to, flow.Flow{}.Destination, is4)
	if !ok || !ok2 {
		return nil, false
	}
	q = &query{direction: d, self: source, peer: destination, is4: is4, address: destinationIP}
	if d == Ingress {
		q.self, q.peer, q.address = destination, source, sourceIP
	}
	_, free = j.outOfReach(q)
	return q, free || !j.enforced(q)
}

func (r *Reach) add(q *query, s *spec) {
	subject := s.subject.matches(q.self.labels)
	if subject == no {
		return
	}
	if s.opaque != "" {
		r.Closers = append(r.Closers, Closer{Policy: s.policy})
		r.Rules = append(r.Rules, RuleReach{
			Policy: s.policy, Maybe: EveryTraffic(), Peers: "everyone", Why: s.opaque, Overrules: s.overrules,
		})
		return
	}
	if s.closes[q.direction] {
		r.Closers = append(r.Closers, Closer{Policy: s.policy, Path: s.path, Sure: subject == yes})
	}
	for i := range s.rules {
		r.addRule(q, s, &s.rules[i], subject)
	}
}

func (r *Reach) addRule(q *query, s *spec, x *rule, subject tri) {
	if x.direction != q.direction {
		return
	}
	sure, possible := x.traffic(q, subject)
	if !sure.Empty() || !possible.Empty() {
		r.Rules = append(r.Rules, RuleReach{
			Policy: s.policy, Path: x.path, Deny: x.deny, Sure: sure, Maybe: possible, Peers: x.peerWords(), Why: x.doubt,
		})
	}
}

// traffic returns the flows that the rule is about, surely and possibly.
func (r rule) traffic(q *query, subject tri) (sure, possible Traffic) {
	if r.noPorts {
		return nil, nil
	}
	peers, _ := r.matchPeers(q)
	truth := and(peers, subject)
	if truth == no {
		return nil, nil
	}
	sure, possible = Traffic{}, Traffic{}
	if len(r.ports) == 0 {
		possible = EveryTraffic()
	}
	for _, p := range r.ports {
		if p.name == "" && p.content == "" {
			possible = possible.Union(p.traffic())
		}
	}
	if truth == yes {
		sure, possible = possible, Traffic{}
	}
	for _, p := range r.ports {
		if p.name != "" || p.content != "" {
			possible = possible.Union(p.traffic())
		}
	}
	return sure, possible
}

// traffic returns the flows of a port. A name may be any port.
func (p port) traffic() Traffic {
	if p.icmp != nil {
		set := every(icmpv4)
		if !p.icmp.every {
			set = flow.PortSet{{Port: uint16(p.icmp.kind), End: uint16(p.icmp.kind)}}
		}
		return Traffic{icmpOfFamily(!p.icmp.is6): set}
	}
	protocols := []flow.Protocol{flow.TCP, flow.UDP, flow.SCTP}
	if p.protocol != "" {
		protocols = []flow.Protocol{p.protocol}
	}
	out := Traffic{}
	for _, x := range protocols {
		out[x] = every(x)
		if p.name == "" && p.first != 0 {
			out[x] = flow.PortSet{{Port: p.first, End: p.last}}
		}
	}
	return out
}
