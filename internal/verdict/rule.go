package verdict

import "strings"

// A spec is one part of a policy object that has a selector of its own: the
// whole of a NetworkPolicy, or one of the specs of a Cilium policy.
type spec struct {
	policy Policy
	// order is the place of the policy among all, for sorted steps.
	order int
	path  string
	// namespace is that of the pods which it selects; empty is every one.
	namespace string
	subject   selector
	rules     []rule
	// closes are the directions in which it switches default deny on.
	closes map[Direction]bool
	// opaque says what is not understood; the spec may then do anything to what
	// it may select.
	opaque string
	// overrules is true for an opaque spec that may beat a deny rule.
	overrules bool
}

// A rule is one rule of a spec.
type rule struct {
	direction Direction
	deny      bool
	path      string
	// peers is empty where the rule selects nobody.
	peers []peer
	// ports is empty for every protocol and port, unless noPorts is set: a list
	// of ports with no port in it.
	ports   []port
	noPorts bool
	// doubt says why the rule may not apply although it matches.
	doubt string
}

// A match is how a rule matches a flow.
type match struct {
	truth tri
	// paths are the ports that match, or the rule itself.
	path string
	// content is the most lenient thing that a proxy asks for; empty is nothing.
	content  string
	voidable bool
}

// match returns the best match among the rule's ports: the surest, and of equal
// ones that which looks into nothing.
func (r rule) match(q *query) match {
	if r.noPorts {
		return match{}
	}
	peers, direct := r.matchPeers(q)
	if peers == no || len(r.ports) == 0 {
		return match{truth: peers, path: r.path}
	}
	best := match{}
	for _, p := range r.ports {
		m := match{and(peers, p.matches(q, direct)), r.path + "." + p.path, p.content, p.voidable}
		if m.truth > best.truth || m.truth == best.truth && best.content != "" && m.content == "" {
			best = m
		}
	}
	return best
}

// matchPeers reports whether the peer of the flow is among the rule's, and
// whether it is so by itself and not by its class alone.
func (r rule) matchPeers(q *query) (peers, direct tri) {
	for _, p := range r.peers {
		m := p.matches(q)
		d := m
		if s, ok := p.(director); ok {
			d = s.direct(q)
		}
		peers, direct = or(peers, m), or(direct, d)
	}
	if r.doubt != "" {
		return and(peers, maybe), and(direct, maybe)
	}
	return peers, direct
}

// peerWords names the peers of the rule.
func (r rule) peerWords() string {
	const most = 3
	var parts []string
	for i, p := range r.peers {
		if i == most {
			parts = append(parts, "others")
			break
		}
		parts = append(parts, p.String())
	}
	return strings.Join(parts, " or ")
}
