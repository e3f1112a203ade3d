package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// An Answer is what becomes of a flow.
type Answer string

// The answers.
const (
	// Permitted: a conduit permits it.
	Permitted Answer = "Permitted"
	// Refused: an enforced Device zone denies it.
	Refused Answer = "Denied"
	// PassesObserved: no conduit permits it, and it passes while the zone is in
	// Observe.
	PassesObserved Answer = "PassesObserved"
	// NetworkDecides: no conduit permits it, and no end is a pod that the cluster
	// could isolate.
	NetworkDecides Answer = "NetworkDecides"
	// NotRestricted: no Device zone is concerned.
	NotRestricted Answer = "NotRestricted"
)

// Yes reports whether the flow is permitted, or passes for no one forbids it.
func (a Answer) Yes() bool { return a == Permitted || a == NotRestricted }

// Denied reports whether the policies themselves, whoever wrote them, surely stop
// the flow.
func (e *Explanation) Denied() bool {
	return e.Effective != nil && e.Effective.Decision == string(verdict.Deny)
}

// Unclear reports whether nobody can tell what the policies do with the flow.
func (e *Explanation) Unclear() bool {
	return e.Effective != nil && e.Effective.Decision == string(verdict.Unknown)
}

// Passes reports whether the policies themselves surely let the flow pass.
func (e *Explanation) Passes() bool {
	return e.Effective != nil && e.Effective.Decision == string(verdict.Allow)
}

// An Explanation says what becomes of a flow, and why.
type Explanation struct {
	From, To *Place
	Packet   Packet
	Answer   Answer
	// Reasons are plain sentences, the one that decides first.
	Reasons []string
	// Through are the conduits that permit it.
	Through []Grant
	// Missing is the conduit that would permit it, as YAML; empty where none can
	// or none is needed.
	Missing string
	// Effective is what the policies themselves say; nil where nobody asked them.
	Effective *Effective
}

// Effective is the judge's word on the policies, whoever wrote them.
type Effective struct {
	// Decision is Allow, Deny or Unknown.
	Decision string
	// Egress and Ingress are the decisions of both sides.
	Egress, Ingress string
	// Steps are the policies that had a say, in sentences.
	Steps []string
}

// Explain says what becomes of a packet between two places.
func (r *Reach) Explain(from, to *Place, packet Packet) *Explanation {
	e := &Explanation{From: from, To: to, Packet: packet}
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		if !c.Permits() || !r.connects(c, from, to) {
			continue
		}
		if slices.ContainsFunc(c.Services, packet.passes) {
			e.Through = append(e.Through, grant(c))
		}
	}
	r.answer(e)
	for _, p := range []*Place{from, to} {
		if p.Zone != "" && !p.Unregistered && r.nowhere(p) {
			e.say("%s has neither pods nor addresses that a conduit could name; give it one of the two.", capital(p.Text))
		}
	}
	e.Effective = r.effective(from, to, packet)
	if !e.Answer.Yes() {
		e.Reasons = append(e.Reasons, r.nearMisses(e)...)
		e.Missing = r.proposal(e)
	}
	return e
}

// connects reports whether a conduit joins two places in this direction.
func (r *Reach) connects(c *plan.Conduit, from, to *Place) bool {
	return slices.ContainsFunc(c.Pairs(), func(p plan.Pair) bool {
		return from.has(c.Name, From, p.From.Zone) && to.has(c.Name, To, p.To.Zone)
	})
}

func (r *Reach) answer(e *Explanation) {
	switch {
	case len(e.Through) > 0:
		r.sayPermitted(e)
	case !r.Segmented(e.From.Zone) && !r.Segmented(e.To.Zone):
		e.Answer = NotRestricted
		e.say("Neither end is in a Device zone: Medfence restricts only what comes from devices or goes to them.")
	case r.stopped(e.From, e.To):
		r.sayDenied(e)
	case r.watched(e.From) || r.watched(e.To):
		e.Answer = PassesObserved
		for _, p := range []*Place{e.From, e.To} {
			if r.watched(p) {
				e.say("No conduit permits it, but zone %s is in Observe: it passes now, and would be dropped once the zone is set to Enforce.", p.Zone)
			}
		}
	default:
		e.Answer = NetworkDecides
		e.say("No conduit permits it, and neither end is a pod of an enforced Device zone, which alone the cluster isolates: the hospital's switches must deny it.")
	}
}

// say adds a sentence.
func (e *Explanation) say(format string, args ...any) {
	e.Reasons = append(e.Reasons, fmt.Sprintf(format, args...))
}

// watched reports whether the place has pods in a Device zone in Observe.
func (r *Reach) watched(p *Place) bool {
	return r.Segmented(p.Zone) && !r.Enforced(p.Zone) && r.runs(p)
}

func (r *Reach) sayPermitted(e *Explanation) {
	e.Answer = Permitted
	for _, g := range e.Through {
		e.say("Conduit %s permits it: %s.", g.Conduit, strings.TrimSuffix(g.Purpose, "."))
	}
	if e.From.Whole || e.To.Whole {
		e.say("A zone stands for those of its members that take part in the conduit.")
	}
	r.sayPoint(e)
}

func (r *Reach) sayDenied(e *Explanation) {
	e.Answer = Refused
	e.say("No conduit permits it, and a Device zone denies what no conduit permits.")
	for _, p := range []*Place{e.From, e.To} {
		if p.Unregistered {
			e.say("%s is registered by nobody, so no conduit is for it; register it as a MedicalDevice first.", capital(p.Text))
		}
	}
	if r.closed(e.From) {
		e.say("It is dropped as it leaves %s: zone %s is enforced.", e.From.Text, e.From.Zone)
	}
	if r.closed(e.To) {
		e.say("It is dropped as it arrives at %s: zone %s is enforced.", e.To.Text, e.To.Zone)
	}
	for _, p := range [][2]*Place{{e.From, e.To}, {e.To, e.From}} {
		if r.moated(p[0], p[1]) && !r.closed(p[1]) {
			e.say("It is dropped at %s: the moat of zone %s keeps the cluster's pods from its addresses.", p[1].Text, p[0].Zone)
		}
	}
}

// sayPoint says who lets a permitted flow pass, on each side.
func (r *Reach) sayPoint(e *Explanation) {
	for _, p := range []*Place{e.From, e.To} {
		switch {
		case r.closed(p) && !p.Whole:
			e.say("%s: zone %s is enforced, and lets this through.", capital(p.Text), p.Zone)
		case r.Segmented(p.Zone) && !r.Enforced(p.Zone):
			e.say("%s: zone %s is in Observe and denies nothing yet.", capital(p.Text), p.Zone)
		case r.Segmented(p.Zone) && !p.inCluster():
			e.say("%s is no pod: on its own side the hospital's switches must permit this, and deny the rest.", capital(p.Text))
		}
	}
}

// nearMisses says which conduits nearly permit a flow.
func (r *Reach) nearMisses(e *Explanation) []string {
	var out []string
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		if text := r.nearMiss(c, e); text != "" {
			out = append(out, text)
		}
	}
	if r.Segmented(e.To.Zone) && !e.To.Unregistered {
		out = append(out, fmt.Sprintf("What may open a connection to %s: %s.", e.To.Text, contactWords(r.Contacts(e.To, From))))
	}
	if r.Segmented(e.From.Zone) && !e.From.Unregistered {
		out = append(out, fmt.Sprintf("What %s may open a connection to: %s.", e.From.Text, contactWords(r.Contacts(e.From, To))))
	}
	return out
}

// contactWords returns "zone infusion by TCP 3613 (conduit gateway-to-pumps)".
func contactWords(list []Contact) string {
	var out []string
	for _, c := range list {
		text := fmt.Sprintf("zone %s by %s (conduit %s)", c.Zone, PermissionOf(c.Grant.Services), c.Grant.Conduit)
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return "nothing, by any conduit"
	}
	return clipped(out, 4)
}

func (r *Reach) nearMiss(c *plan.Conduit, e *Explanation) string {
	if r.connects(c, e.From, e.To) {
		return outOfTime(c, e)
	}
	passes := slices.ContainsFunc(c.Services, e.Packet.passes)
	switch {
	case !c.Permits() || !passes:
		return ""
	case r.connects(c, e.To, e.From):
		return fmt.Sprintf("Conduit %s permits the opposite direction; whoever opens the connection decides.", c.Name)
	case joins(c, e.From.Zone, e.To.Zone) && !e.From.Unregistered && !e.To.Unregistered:
		return fmt.Sprintf("Conduit %s joins the two zones for this service, but it does not select %s.", c.Name, r.unselected(c, e))
	}
	return ""
}

// outOfTime says why a conduit that joins both places does not permit the flow.
func outOfTime(c *plan.Conduit, e *Explanation) string {
	switch {
	case c.State == plan.Expired && c.Spec.ExpiresAt != nil:
		return fmt.Sprintf("Conduit %s joined them until %s.", c.Name, c.Spec.ExpiresAt.UTC().Format(timeFormat))
	case c.State == plan.Scheduled && c.Spec.StartsAt != nil:
		return fmt.Sprintf("Conduit %s will join them from %s on.", c.Name, c.Spec.StartsAt.UTC().Format(timeFormat))
	case len(c.Services) == 0:
		return fmt.Sprintf("Conduit %s joins them, but for nothing that can be enforced here.", c.Name)
	case !slices.ContainsFunc(c.Services, e.Packet.passes):
		return fmt.Sprintf("Conduit %s joins them, but for %s only.", c.Name, PermissionOf(c.Services))
	}
	return ""
}

// timeFormat is how times are written, in UTC.
const timeFormat = "2006-01-02 15:04 MST"

// unselected names the end that a conduit does not select.
func (r *Reach) unselected(c *plan.Conduit, e *Explanation) string {
	var out []string
	if !e.From.member(c.Name, From) {
		out = append(out, e.From.Text)
	}
	if !e.To.member(c.Name, To) {
		out = append(out, e.To.Text)
	}
	if len(out) == 0 {
		return "both at once"
	}
	return strings.Join(out, " nor ")
}

// capital returns the text as the beginning of a sentence.
func capital(text string) string {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// A Contact is a zone or device that can reach a place, or that it can reach.
type Contact struct {
	Zone string
	// Devices are those of the zone that take part; empty where it has none.
	Devices []*plan.Device
	// Part says which part of the zone it is.
	Part  Part
	Grant Grant
}

// Contacts returns what a place reaches (To), or what reaches it (From).
func (r *Reach) Contacts(p *Place, side Side) []Contact {
	var out []Contact
	for _, e := range p.ends {
		c := r.conduits[e.conduit]
		if e.side == side || c == nil || !c.Permits() {
			continue
		}
		for _, joined := range c.Pairs() {
			near, far := joined.From, joined.To
			if e.side == To {
				near, far = far, near
			}
			if near.Zone != e.zone || far.Empty() {
				continue
			}
			out = append(out, r.parts(c, far.Zone, side)...)
		}
	}
	return out
}

// parts returns the parts of a zone that take part in a conduit on a side.
func (r *Reach) parts(c *plan.Conduit, zone string, side Side) []Contact {
	byPart := map[Part]*Contact{}
	var order []Part
	for i := range r.classes[zone] {
		class := &r.classes[zone][i]
		if !class.has(c.Name, side) {
			continue
		}
		at := byPart[class.Part]
		if at == nil {
			at = &Contact{Zone: zone, Part: class.Part, Grant: grant(c)}
			byPart[class.Part] = at
			order = append(order, class.Part)
		}
		at.Devices = append(at.Devices, class.Devices...)
	}
	out := make([]Contact, 0, len(order))
	for _, part := range order {
		out = append(out, *byPart[part])
	}
	return out
}

// RestOf says in sentences what becomes of all that no conduit is about.
func (r *Reach) RestOf(p *Place, side Side) []string {
	what := "reach it"
	if side == To {
		what = "be reached"
	}
	switch {
	case !r.Segmented(p.Zone):
		return []string{fmt.Sprintf("Nothing else in a Device zone can %s where that zone is enforced. Other zones are not restricted.", what)}
	case p.Unregistered:
		return []string{"It is registered by nobody, so no conduit is for it; register it as a MedicalDevice."}
	case r.closed(p):
		return []string{fmt.Sprintf("All else is denied: zone %s is enforced.", p.Zone)}
	case r.Enforced(p.Zone) && r.Plan.Target == snapshot.Cilium:
		return []string{
			fmt.Sprintf("All else is denied to and from every pod of the cluster: zone %s is enforced, and has a moat.", p.Zone),
			"It is no pod: towards what is outside the cluster the hospital's switches must deny all else.",
		}
	case r.Enforced(p.Zone):
		return []string{
			fmt.Sprintf("All else is denied to and from the pods of every enforced zone, since zone %s is one.", p.Zone),
			"It is no pod: towards what is outside the cluster the hospital's switches must deny all else.",
		}
	}
	return []string{fmt.Sprintf("All else passes for now: zone %s is in Observe. Once it is set to Enforce, all else is denied.", p.Zone)}
}
