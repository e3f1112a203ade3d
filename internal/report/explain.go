package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/medfence/medfence/internal/analysis"
)

// verb is the answer in a word.
func verb(a analysis.Answer) (string, Tint) {
	switch a {
	case analysis.Permitted:
		return "YES", Green
	case analysis.NotRestricted:
		return "YES, unrestricted", Green
	case analysis.PassesObserved:
		return "NOT PERMITTED, but passes now", Yellow
	case analysis.NetworkDecides:
		return "NOT PERMITTED, up to the switches", Yellow
	}
	return "NO", Red
}

// ExplanationsText writes explanations in plain sentences.
func ExplanationsText(w io.Writer, s Style, list []*analysis.Explanation) error {
	var b strings.Builder
	for i, e := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		explanation(&b, s, e)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// conclusion is the answer beside what the policies themselves do.
func conclusion(e *analysis.Explanation) (string, Tint) {
	answer, tint := verb(e.Answer)
	switch {
	case e.Answer == analysis.Refused && e.Passes():
		return answer + ", but the policies let it pass", tint
	case e.Answer == analysis.Permitted && e.Denied():
		return "PERMITTED, but the policies deny it", Red
	case e.Answer == analysis.NotRestricted && e.Denied():
		return "NOT RESTRICTED by Medfence, but the policies deny it", Red
	case e.Answer == analysis.PassesObserved && e.Denied():
		return "NOT PERMITTED, and the policies of others deny it", Red
	case e.Unclear():
		return answer + ", as far as one can tell: the policies are unclear", Yellow
	}
	return answer, tint
}

func explanation(b *strings.Builder, s Style, e *analysis.Explanation) {
	fmt.Fprintf(b, "From %s\nto   %s,\n%s:", Clean(e.From.Words()), Clean(e.To.Words()), e.Packet)
	answer, tint := conclusion(e)
	b.WriteString(" " + s.Paint(tint, answer) + "\n\n")
	for _, line := range e.Reasons {
		paragraph(b, s, line)
	}
	if e.Effective != nil {
		fmt.Fprintf(b, "\nThe policies themselves say: %s (as it leaves: %s, as it arrives: %s)\n", e.Effective.Decision, e.Effective.Egress, e.Effective.Ingress)
		for _, line := range e.Effective.Steps {
			paragraph(b, s, line)
		}
	}
	if e.Missing != "" {
		b.WriteString("\nThis conduit would permit it. Write its texts, let security review it, and apply it:\n\n")
		for line := range strings.Lines(e.Missing) {
			b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
}

// paragraph writes a sentence, indented and wrapped.
func paragraph(b *strings.Builder, s Style, text string) {
	lines := []string{Clean(text)}
	if s.Width > 0 {
		lines = Wrap(Clean(text), max(s.Width-4, narrowest))
	}
	for i, line := range lines {
		if i == 0 {
			b.WriteString("  - " + line + "\n")
			continue
		}
		b.WriteString("    " + line + "\n")
	}
}

// ExplanationsJSON writes explanations for programs.
func ExplanationsJSON(w io.Writer, list []*analysis.Explanation) error {
	out := []map[string]any{}
	for _, e := range list {
		through := []map[string]any{}
		for _, g := range e.Through {
			through = append(through, map[string]any{"conduit": g.Conduit, "purpose": g.Purpose})
		}
		one := map[string]any{
			"from": placeJSON(e.From), "to": placeJSON(e.To), "traffic": e.Packet.String(), "answer": e.Answer,
			"reasons": e.Reasons, "conduits": through,
		}
		if e.Missing != "" {
			one["proposal"] = e.Missing
		}
		if e.Effective != nil {
			one["effective"] = map[string]any{"decision": e.Effective.Decision, "egress": e.Effective.Egress, "ingress": e.Effective.Ingress, "steps": e.Effective.Steps}
		}
		out = append(out, one)
	}
	return JSON(w, map[string]any{"explanations": out})
}

func placeJSON(p *analysis.Place) map[string]any {
	out := map[string]any{"text": p.Text, "zone": p.Zone}
	if p.Device != nil {
		out["device"], out["criticality"] = p.Device.Namespace+"/"+p.Device.Name, p.Device.Spec.Criticality
	}
	return out
}

// Contacts are all that a place reaches, or all that reach it.
type Contacts struct {
	Place *analysis.Place
	// Side is the side of the contacts: From are those that reach the place.
	Side analysis.Side
	List []analysis.Contact
	// Rest says what becomes of all else.
	Rest []string
}

// ContactsText writes contacts as a table.
func ContactsText(w io.Writer, s Style, c Contacts) error {
	var b strings.Builder
	head, verb := "What may reach ", "FROM"
	if c.Side == analysis.To {
		head, verb = "What may be reached by ", "TO"
	}
	b.WriteString(s.Paint(Bold, head+Clean(c.Place.Words())) + "\n\n")
	table := Table{Head: []string{verb, "MEMBERS", "PERMITTED", "CONDUIT", "PURPOSE"}}
	for _, one := range c.List {
		table.Rows = append(table.Rows, []string{one.Zone, members(one), ports([]analysis.Grant{one.Grant}), one.Grant.Conduit, one.Grant.Purpose})
	}
	if len(table.Rows) == 0 {
		b.WriteString("Nothing, by any conduit.\n")
	} else {
		b.WriteString(table.String(s))
	}
	b.WriteString("\n")
	for _, line := range c.Rest {
		paragraph(&b, s, line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// members says who of a zone takes part.
func members(c analysis.Contact) string {
	switch c.Part {
	case analysis.Members:
		return "all of the zone"
	case analysis.Addresses:
		return "its addresses without a device"
	case analysis.Unregistered:
		return "pods registered by nobody"
	}
	names := make([]string, 0, len(c.Devices))
	for _, d := range c.Devices {
		names = append(names, d.Namespace+"/"+d.Name)
	}
	return listed(names, "devices")
}

// ContactsJSON writes contacts for programs.
func ContactsJSON(w io.Writer, c Contacts) error {
	list := []map[string]any{}
	for _, one := range c.List {
		list = append(list, map[string]any{
			"zone": one.Zone, "part": one.Part, "devices": devicesJSON(one.Devices), "conduit": one.Grant.Conduit,
			"purpose": one.Grant.Purpose, "permitted": analysis.PermissionOf(one.Grant.Services).Words(),
		})
	}
	direction := "from"
	if c.Side == analysis.To {
		direction = "to"
	}
	return JSON(w, map[string]any{"of": placeJSON(c.Place), "direction": direction, "contacts": list, "allElse": c.Rest})
}
