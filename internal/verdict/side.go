package verdict

import (
	"fmt"

	"github.com/medfence/medfence/internal/flow"
)

// A tally is what the specs that select an endpoint say of a flow.
type tally struct {
	deny, allow tri
	// closed is whether the endpoint denies what no rule allows.
	closed tri
	// content is whether a proxy looks into the connection before it passes.
	content tri
	// voided is whether a rule allows the flow without looking into it.
	voided tri
	// ruled is whether any rule of this direction is about the endpoint: only then
	// does Cilium add the one that lets the host in.
	ruled tri
	// overruled is true where something unknown may beat a deny rule.
	overruled bool

	denying, allowing, isolating, unclear []Step
}

// side judges a flow at one of its ends.
func (j *Judge) side(q *query) (Decision, []Step) {
	if !j.enforced(q) {
		return Allow, nil
	}
	if step, free := j.outOfReach(q); free {
		return Allow, []Step{step}
	}
	t := &tally{}
	if j.semantics.Engine == Cilium && q.self.labels.has("init") {
		t.closed = yes
		t.isolating = append(t.isolating, q.step(Policy{}, "", Isolates,
			"Cilium denies whatever no rule allows to a pod whose labels it does not know yet, or that has a label with the key init."))
	}
	for _, s := range j.index.candidates(q.self) {
		t.add(q, s)
	}
	j.adjust(q, t)
	return t.decide(q)
}

// enforced reports whether this side has policies at all.
func (j *Judge) enforced(q *query) bool {
	if j.semantics.Engine == NetworkPolicy {
		return q.self.Kind == Pod && q.self.Cluster == ""
	}
	return q.self.restricted()
}

// outOfReach names what is outside every policy.
func (j *Judge) outOfReach(q *query) (Step, bool) {
	switch {
	case j.semantics.Engine == NetworkPolicy && q.direction == Ingress && q.peer.Kind == Host:
		return q.step(Policy{}, "", Open, "The node of a pod always reaches it."), true
	case j.semantics.Engine == Cilium && q.self.Kind == Pod && q.self.labels.has("host"):
		return q.step(Policy{}, "", Open, "Cilium enforces no policy at a pod that has a label with the key host."), true
	}
	return Step{}, false
}

// add counts one spec.
func (t *tally) add(q *query, s *spec) {
	subject := s.subject.matches(q.self.labels)
	if subject == no {
		return
	}
	if s.opaque != "" {
		t.overruled = t.overruled || s.overrules
		t.deny, t.allow, t.closed = or(t.deny, maybe), or(t.allow, maybe), or(t.closed, maybe)
		t.ruled = or(t.ruled, maybe)
		t.unclear = append(t.unclear, q.step(s.policy, "", Unclear, fmt.Sprintf("%s may decide this flow and is not understood: %s.", s.policy, s.opaque)))
		return
	}
	if s.closes[q.direction] {
		t.closed, t.ruled = or(t.closed, subject), or(t.ruled, subject)
		t.isolating = append(t.isolating, q.step(s.policy, s.path, Isolates,
			fmt.Sprintf("%s makes %s deny the %s that no rule allows.", s.policy, q.self, q.direction)))
	}
	for _, r := range s.rules {
		if r.direction == q.direction {
			t.ruled = or(t.ruled, subject)
			t.count(q, s, r, subject)
		}
	}
}

// count adds one rule.
func (t *tally) count(q *query, s *spec, r rule, subject tri) {
	m := r.match(q)
	truth := and(m.truth, subject)
	if truth == no {
		return
	}
	step := q.step(s.policy, m.path, Allows, q.sentence(s, r))
	switch {
	case truth == maybe:
		step.Effect = Unclear
		step.Text = q.doubt(s, r)
		t.unclear = append(t.unclear, step)
	case r.deny:
		step.Effect = Denies
		t.denying = append(t.denying, step)
	case m.content != "":
		step.Effect = Unclear
		step.Text = fmt.Sprintf("%s lets it pass only after a look at its content: %s.", s.policy, m.content)
		t.unclear = append(t.unclear, step)
	default:
		t.allowing = append(t.allowing, step)
	}
	switch {
	case r.deny:
		t.deny = or(t.deny, truth)
	case m.content == "":
		t.allow, t.voided = or(t.allow, truth), or(t.voided, truth)
	case m.voidable:
		t.allow, t.content = or(t.allow, maybe), or(t.content, maybe)
	default:
		t.allow, t.content = or(t.allow, maybe), yes
	}
}

// adjust applies what holds whatever the policies are.
func (j *Judge) adjust(q *query, t *tally) {
	if j.semantics.Engine == Cilium || t.closed == no {
		return
	}
	switch {
	case q.flow.Protocol == flow.ICMP:
		t.closed, t.allow = maybe, no
		t.unclear = append(t.unclear, q.step(Policy{}, "", Unclear, "NetworkPolicy does not say what becomes of ICMP at an isolated pod: plugins differ."))
	case q.direction == Egress && q.peer.Kind == Host && t.allow != yes:
		t.closed = maybe
		t.unclear = append(t.unclear, q.step(Policy{}, "", Unclear, "Plugins differ on whether an isolated pod reaches its own node."))
	}
}

// decide returns the decision that the tally leads to, and the steps to it.
func (t *tally) decide(q *query) (Decision, []Step) {
	own := q.direction == Ingress && q.peer.Kind == Host // the host reaches its pods where no rule denies it
	closed := t.closed
	if own {
		closed = and(closed, not(t.ruled))
	}
	mayAllow, mayDeny := t.outcomes(closed)
	switch {
	case mayAllow && mayDeny:
		steps := append(t.denying, t.allowing...)
		return Unknown, append(append(steps, t.isolating...), t.unclear...)
	case mayDeny && t.deny == yes:
		return Deny, t.denying
	case mayDeny:
		return Deny, t.isolating
	case len(t.allowing) > 0:
		return Allow, t.allowing
	case closed != t.closed:
		return Allow, []Step{q.step(Policy{}, "", Open, "The node of a pod always reaches it, unless a rule denies it.")}
	}
	return Allow, []Step{q.step(Policy{}, "", Open, fmt.Sprintf("No policy makes %s deny %s by default.", q.self, q.direction))}
}

// outcomes tells which decisions some reading of every maybe leads to.
func (t *tally) outcomes(closed tri) (mayAllow, mayDeny bool) {
	if t.overruled {
		return true, true
	}
	looked := t.content == yes || t.content == maybe && t.voided != yes
	mayAllow = t.deny != yes && (t.allow != no || closed != yes)
	mayDeny = t.deny != no || looked || closed != no && t.allow != yes
	return mayAllow, mayDeny
}

func (q *query) step(p Policy, path string, effect Effect, text string) Step {
	return Step{Direction: q.direction, Policy: p, Path: path, Effect: effect, Text: text}
}

// sentence says what a rule does.
func (q *query) sentence(s *spec, r rule) string {
	verb := "lets"
	if r.deny {
		verb = "denies"
	}
	switch {
	case q.direction == Egress && r.deny:
		return fmt.Sprintf("%s %s %s the way to %s on %s.", s.policy, verb, q.self, r.peerWords(), describe(q.flow))
	case q.direction == Egress:
		return fmt.Sprintf("%s %s %s reach %s on %s.", s.policy, verb, q.self, r.peerWords(), describe(q.flow))
	case r.deny:
		return fmt.Sprintf("%s %s %s the way to %s on %s.", s.policy, verb, r.peerWords(), q.self, describe(q.flow))
	}
	return fmt.Sprintf("%s %s %s reach %s on %s.", s.policy, verb, r.peerWords(), q.self, describe(q.flow))
}

// doubt says why a rule may or may not match.
func (q *query) doubt(s *spec, r rule) string {
	why := "whether " + q.peer.String() + " is among " + r.peerWords() + " is not known"
	if r.doubt != "" {
		why = r.doubt
	}
	return fmt.Sprintf("%s may decide this flow: %s.", s.policy, why)
}
