package verdict

import (
	"net/netip"
	"strings"

	"github.com/medfence/medfence/internal/flow"
)

// A Set is a set of words.
type Set map[string]bool

func (s Set) add(values ...string) {
	for _, v := range values {
		s[v] = true
	}
}

// A Vocabulary is what rules can tell endpoints apart by. Two pods that agree on
// all of it are the same to every rule that it was made of.
type Vocabulary struct {
	// Labels and NamespaceLabels are keys with the values that are asked for.
	Labels, NamespaceLabels map[string]Set
	// Namespaces are names.
	Namespaces Set
	// Accounts are service accounts.
	Accounts Set
	// Prefixes part the addresses.
	Prefixes map[netip.Prefix]bool
	// Names are DNS names, and one name for each pattern.
	Names Set
}

// NewVocabulary returns an empty one.
func NewVocabulary() *Vocabulary {
	return &Vocabulary{
		Labels: map[string]Set{}, NamespaceLabels: map[string]Set{}, Namespaces: Set{}, Accounts: Set{},
		Prefixes: map[netip.Prefix]bool{}, Names: Set{},
	}
}

// A Rule is one rule of a policy, for whoever looks for what it lets pass.
type Rule struct {
	Policy    Policy
	Path      string
	Direction Direction
	Deny      bool
	// Why is set for a policy that is not understood, which is one rule without a
	// path for each direction.
	Why  string
	spec *spec
	rule *rule
}

// Rules returns every rule, in order.
func (j *Judge) Rules() []Rule {
	var out []Rule
	for _, s := range j.specs {
		if s.opaque != "" {
			for _, d := range []Direction{Ingress, Egress} {
				out = append(out, Rule{Policy: s.policy, Direction: d, Why: s.opaque, spec: s})
			}
			continue
		}
		for i := range s.rules {
			r := &s.rules[i]
			out = append(out, Rule{Policy: s.policy, Path: r.path, Direction: r.direction, Deny: r.deny, spec: s, rule: r})
		}
	}
	return out
}

// Touches reports whether the rule may be about pods of one of the namespaces.
func (r Rule) Touches(namespaces Set) bool {
	if r.spec.namespace != "" {
		return namespaces[r.spec.namespace]
	}
	names, bound := r.spec.subject.namespaces()
	if !bound {
		return true
	}
	for _, n := range names {
		if namespaces[n] {
			return true
		}
	}
	return false
}

// Selects reports whether the rule may be about an endpoint: whether it is, or
// may be, one of the pods of its policy.
func (r Rule) Selects(j *Judge, e Endpoint) bool {
	is4, _ := family(e, e, flow.Flow{})
	p, _, ok := j.party(e, netip.Addr{}, is4)
	return ok && r.spec.subject.matches(p.labels) != no
}

// Peers names the peers of the rule.
func (r Rule) Peers() string {
	if r.rule == nil {
		return "everyone"
	}
	return r.rule.peerWords()
}

// Subject adds what the rule selects its own pods by.
func (r Rule) Subject(v *Vocabulary) { v.add(r.spec.subject) }

// Far adds what the rule selects its peers by.
func (r Rule) Far(j *Judge, v *Vocabulary) {
	if r.rule == nil {
		return
	}
	for _, p := range r.rule.peers {
		v.addPeer(j, p)
	}
}

// Select adds labels that something else selects pods by.
func (v *Vocabulary) Select(key string, values ...string) {
	if v.Labels[key] == nil {
		v.Labels[key] = Set{}
	}
	v.Labels[key].add(values...)
}

func (v *Vocabulary) addPeer(j *Judge, p peer) {
	switch x := p.(type) {
	case pods:
		v.add(x.selector)
	case selected:
		v.add(x.pods)
		if x.namespaces == nil {
			v.Namespaces.add(x.namespace)
			return
		}
		for _, t := range *x.namespaces {
			v.addNamespaceLabel(t.key, t.values)
		}
	case block:
		v.Prefixes[x.prefix] = true
		v.addPrefixes(x.except)
	case groupRef:
		v.addPrefixes(x.except)
		v.addGroups(j)
	case groupSelector:
		v.addPrefixes(x.except)
		v.addGroups(j)
		for _, t := range x.selector {
			if t.source == sourceFQDN {
				v.Names.add(example(t.key))
			}
		}
	case name:
		v.Names.add(example(x.selector.MatchName + x.selector.MatchPattern))
	}
}

// example returns a name that matches a name or a pattern.
func example(pattern string) string {
	return strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(pattern, "**.", "any.of."), "*", "any"), ".")
}

func (v *Vocabulary) addPrefixes(list []netip.Prefix) {
	for _, p := range list {
		v.Prefixes[p] = true
	}
}

func (v *Vocabulary) addGroups(j *Judge) {
	for p := range j.groups.byPrefix {
		v.Prefixes[p] = true
	}
}

// add adds the terms of a selector, by what they are about.
func (v *Vocabulary) add(s selector) {
	for _, t := range s {
		switch {
		case t.source != sourceK8s && t.source != sourceAny:
		case t.key == namespaceKey:
			v.Namespaces.add(t.values...)
		case t.key == clusterKey:
		case t.key == serviceAccountKey:
			v.Accounts.add(t.values...)
		case strings.HasPrefix(t.key, namespaceLabels):
			v.addNamespaceLabel(strings.TrimPrefix(t.key, namespaceLabels), t.values)
		default:
			v.Select(t.key, t.values...)
		}
	}
}

func (v *Vocabulary) addNamespaceLabel(key string, values []string) {
	if key == metadataName {
		v.Namespaces.add(values...)
		return
	}
	if v.NamespaceLabels[key] == nil {
		v.NamespaceLabels[key] = Set{}
	}
	v.NamespaceLabels[key].add(values...)
}
