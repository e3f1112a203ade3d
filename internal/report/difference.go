package report

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/plan"
)

// most is how many names of devices or addresses are listed before they are
// counted.
const most = 4

// partyWords returns "zone infusion: pump-icu-07 (LifeSustaining), 10.20.1.17".
func partyWords(p *analysis.Party) string {
	var parts []string
	add := func(names []string, noun string) {
		if len(names) > 0 {
			parts = append(parts, listed(names, noun))
		}
	}
	if len(p.Devices) > 0 {
		add(devicesWords(p.Devices), "devices")
	} else {
		add(prefixed("pods ", p.Pods), "workloads")
		add(prefixesWords(p.Prefixes), "prefixes")
	}
	add(p.Names, "names")
	zone := cmp.Or(p.After, p.Before, "no zone")
	if p.Before != p.After && p.Before != "" && p.After != "" {
		zone = p.Before + ", then " + p.After
	}
	return zone + ": " + strings.Join(parts, "; ")
}

// prefixed puts a word before the first name.
func prefixed(word string, names []string) []string {
	out := slices.Clone(names)
	if len(out) > 0 {
		out[0] = word + out[0]
	}
	return out
}

func prefixesWords(list []netip.Prefix) []string {
	out := make([]string, 0, len(list))
	for _, one := range list {
		if one.IsSingleIP() {
			out = append(out, one.Addr().String())
			continue
		}
		out = append(out, one.String())
	}
	return out
}

func devicesWords(list []*plan.Device) []string {
	out := make([]string, 0, len(list))
	for _, d := range list {
		out = append(out, deviceWords(d))
	}
	return out
}

func deviceWords(d *plan.Device) string {
	return fmt.Sprintf("%s/%s (%s)", d.Namespace, d.Name, d.Spec.Criticality)
}

// listed joins a few names, and counts the others.
func listed(names []string, noun string) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more %s", strings.Join(names[:most], ", "), len(names)-most, noun)
}

func headline(d *analysis.Difference) string {
	parts := []string{}
	add := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	cuts := 0
	for _, i := range d.Intruders {
		if i.Cuts() {
			cuts++
		}
	}
	add(len(d.Opened)+len(d.Opens)+len(d.Intruders)-cuts, "opening", "openings")
	add(len(d.Cut)+len(d.Closes)+cuts, "cut", "cuts")
	add(len(d.Gone), "opening or cut of others gone", "openings or cuts of others gone")
	add(len(d.Created), "policy created", "policies created")
	add(len(d.Changed), "policy changed", "policies changed")
	add(len(d.Deleted), "policy deleted", "policies deleted")
	add(len(d.Problems), "new problem", "new problems")
	if len(parts) == 0 {
		return "nothing changes: no flow opens or is cut, and no policy is written"
	}
	return strings.Join(parts, ", ")
}

// via returns "by conduit a, b: purpose".
func via(c *analysis.FlowChange) string {
	text := "by conduit " + strings.Join(c.Conduits, ", ")
	if c.Purpose != "" {
		text += ": " + c.Purpose
	}
	return text
}

// DifferenceText writes a difference for a terminal.
func DifferenceText(w io.Writer, s Style, d *analysis.Difference) error {
	var b strings.Builder
	b.WriteString(s.Paint(Bold, headline(d)) + "\n")
	flows(&b, s, section{"Opened", "+", Red, "passes already, since the zone is in Observe"}, d.Opened, d.Opens)
	flows(&b, s, section{"Cut", "-", Yellow, "still passes, since the zone is in Observe"}, d.Cut, d.Closes)
	b.WriteString(othersChanges(s, d))
	if losers := d.Losers(); len(losers) > 0 {
		b.WriteString("\n" + s.Paint(Bold, "Devices that lose a flow") + "\n")
		for _, one := range losers {
			b.WriteString("  " + Clean(deviceWords(one)) + "\n")
		}
	}
	b.WriteString(policies(s, d))
	if len(d.Problems) > 0 {
		b.WriteString("\n" + s.Paint(Bold, "New problems") + "\n")
		for _, p := range d.Problems {
			b.WriteString("  " + Clean(fmt.Sprintf("%s %s %s: %s", p.Reason, p.Object(), p.Path, p.Message)) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A section is one half of a difference.
type section struct {
	title, mark string
	tint        Tint
	passes      string
}

func flows(b *strings.Builder, s Style, at section, changes []*analysis.FlowChange, isolation []analysis.IsolationChange) {
	if len(changes)+len(isolation) == 0 {
		return
	}
	b.WriteString("\n" + s.Paint(Bold, at.title) + "\n")
	for _, c := range isolation {
		b.WriteString("  " + s.Paint(at.tint, at.mark+" "+Clean(c.What)) + "\n")
		if len(c.Devices) > 0 {
			b.WriteString("      devices: " + Clean(listed(devicesWords(c.Devices), "devices")) + "\n")
		}
	}
	for _, c := range changes {
		b.WriteString("  " + s.Paint(at.tint, at.mark+" "+Clean(c.Permission.String())) + "\n")
		b.WriteString("      from " + Clean(partyWords(c.From)) + "\n")
		b.WriteString("      to   " + Clean(partyWords(c.To)) + "\n")
		b.WriteString("      " + Clean(via(c)) + "\n")
		if c.Passes {
			b.WriteString("      (" + at.passes + ")\n")
		}
		for _, note := range c.Notes {
			b.WriteString("      " + s.Paint(Yellow, "("+Clean(note)+")") + "\n")
		}
	}
}

func policies(s Style, d *analysis.Difference) string {
	var b strings.Builder
	if len(d.Created)+len(d.Changed)+len(d.Deleted) == 0 {
		return ""
	}
	b.WriteString("\n" + s.Paint(Bold, "Policies") + "\n")
	for _, group := range []struct {
		mark string
		tint Tint
		list []analysis.PolicyChange
	}{{"+ created", Green, d.Created}, {"~ changed", Yellow, d.Changed}, {"- deleted", Red, d.Deleted}} {
		for _, p := range group.list {
			b.WriteString("  " + s.Paint(group.tint, group.mark) + " " + Clean(p.String()) + "\n")
		}
	}
	return b.String()
}

// DifferenceMarkdown writes a difference as a comment for a pull request.
func DifferenceMarkdown(w io.Writer, d *analysis.Difference) error {
	var b strings.Builder
	b.WriteString("### Medfence: what this change does\n\n**" + md(headline(d)) + "**\n")
	markdownFlows(&b, "Opened", d.Opened, d.Opens)
	markdownFlows(&b, "Cut", d.Cut, d.Closes)
	markdownOthers(&b, "Policies of others: new", d.Intruders)
	markdownOthers(&b, "Policies of others: gone", d.Gone)
	if losers := d.Losers(); len(losers) > 0 {
		b.WriteString("\n#### Devices that lose a flow\n\n| device | criticality | zone |\n|---|---|---|\n")
		for _, one := range losers {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", md(one.Namespace+"/"+one.Name), md(string(one.Spec.Criticality)), md(one.Zone))
		}
	}
	if n := len(d.Created) + len(d.Changed) + len(d.Deleted); n > 0 {
		fmt.Fprintf(&b, "\n<details><summary>%d policies</summary>\n\n", n)
		for _, group := range []struct {
			mark string
			list []analysis.PolicyChange
		}{{"created", d.Created}, {"changed", d.Changed}, {"deleted", d.Deleted}} {
			for _, p := range group.list {
				fmt.Fprintf(&b, "- %s `%s`\n", group.mark, strings.ReplaceAll(Clean(p.String()), "`", "'"))
			}
		}
		b.WriteString("\n</details>\n")
	}
	if len(d.Problems) > 0 {
		b.WriteString("\n#### New problems\n\n")
		for _, p := range d.Problems {
			fmt.Fprintf(&b, "- **%s** %s %s: %s\n", md(p.Reason), md(p.Object()), md(p.Path), md(p.Message))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownFlows(b *strings.Builder, title string, changes []*analysis.FlowChange, isolation []analysis.IsolationChange) {
	if len(changes)+len(isolation) == 0 {
		return
	}
	b.WriteString("\n#### " + title + "\n\n")
	for _, c := range isolation {
		b.WriteString("- " + md(c.What) + "\n")
	}
	if len(changes) == 0 {
		return
	}
	if len(isolation) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("| | from | to | traffic | conduit | purpose |\n|---|---|---|---|---|---|\n")
	for _, c := range changes {
		mark := ""
		if c.LifeSustaining() {
			mark = "life-sustaining"
		}
		purpose := c.Purpose
		if c.Passes {
			purpose += " (the zone is in Observe: it passes either way)"
		}
		if len(c.Notes) > 0 {
			purpose += " (" + strings.Join(c.Notes, "; ") + ")"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", mark, md(partyWords(c.From)), md(partyWords(c.To)),
			md(c.Permission.String()), md(strings.Join(c.Conduits, ", ")), md(purpose))
	}
}

// DifferenceJSON writes a difference for programs.
func DifferenceJSON(w io.Writer, d *analysis.Difference) error {
	names := func(list []analysis.PolicyChange) []string {
		out := []string{}
		for _, p := range list {
			out = append(out, p.String())
		}
		return out
	}
	problems := []map[string]any{}
	for _, p := range d.Problems {
		problems = append(problems, map[string]any{"reason": p.Reason, "severity": p.Severity(), "object": p.Object(), "path": p.Path, "message": p.Message})
	}
	return JSON(w, map[string]any{
		"opened": flowsJSON(d.Opened), "cut": flowsJSON(d.Cut),
		"opens": isolationJSON(d.Opens), "closes": isolationJSON(d.Closes),
		"policies": map[string]any{"created": names(d.Created), "changed": names(d.Changed), "deleted": names(d.Deleted)},
		"problems": problems, "cutsLifeSustaining": d.CutsLifeSustaining(),
		"others": map[string]any{"new": append([]analysis.Intruder{}, d.Intruders...), "gone": append([]analysis.Intruder{}, d.Gone...)},
	})
}

func devicesJSON(list []*plan.Device) []map[string]any {
	out := []map[string]any{}
	for _, d := range list {
		out = append(out, map[string]any{"name": d.Namespace + "/" + d.Name, "criticality": d.Spec.Criticality, "zone": d.Zone})
	}
	return out
}

func partyJSON(p *analysis.Party) map[string]any {
	prefixes := []string{}
	for _, one := range p.Prefixes {
		prefixes = append(prefixes, one.String())
	}
	return map[string]any{
		"zoneBefore": p.Before, "zoneAfter": p.After, "devices": devicesJSON(p.Devices),
		"pods": append([]string{}, p.Pods...), "prefixes": prefixes, "names": append([]string{}, p.Names...),
	}
}

func flowsJSON(list []*analysis.FlowChange) []map[string]any {
	out := []map[string]any{}
	for _, c := range list {
		out = append(out, map[string]any{
			"from": partyJSON(c.From), "to": partyJSON(c.To), "traffic": c.Permission.Words(), "conduits": c.Conduits,
			"purpose": c.Purpose, "passesEitherWay": c.Passes, "lifeSustaining": c.LifeSustaining(), "notes": append([]string{}, c.Notes...),
		})
	}
	return out
}

func isolationJSON(list []analysis.IsolationChange) []map[string]any {
	out := []map[string]any{}
	for _, c := range list {
		out = append(out, map[string]any{"zone": c.Zone, "namespace": c.Namespace, "what": c.What, "devices": devicesJSON(c.Devices)})
	}
	return out
}
