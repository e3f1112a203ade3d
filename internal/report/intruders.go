package report

import (
	"html"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/analysis"
)

// othersTitle heads the list of what other people's policies do, and of what no
// policy reaches.
const othersTitle = "What others do to enforced zones"

// effectWord is the state of an intruder, as people say it.
func effectWord(state string) string {
	switch state {
	case string(medfencev1alpha1.OpeningOpen):
		return "OPENS"
	case string(medfencev1alpha1.OpeningPossible):
		return "may open"
	case string(medfencev1alpha1.OpeningBlocked):
		return "stopped by the guard"
	case analysis.StateClosed:
		return "CUTS"
	}
	return "PASSES BY"
}

func effectTint(word string) Tint {
	switch word {
	case "OPENS", "CUTS", "PASSES BY":
		return Red
	case "may open":
		return Yellow
	}
	return Dim
}

func intruderCells(i analysis.Intruder) []string {
	return []string{i.Zone, effectWord(i.State), strings.TrimSpace(i.Object + " " + i.Rule), i.What}
}

var intruderHead = []string{"zone", "effect", "whose", "what"}

func intrudersText(s Style, m *analysis.Matrix) string {
	var b strings.Builder
	for _, v := range m.Voids {
		b.WriteString("\n" + s.Paint(Red, "NOTHING IS ENFORCED: "+Clean(v)) + "\n")
	}
	if len(m.Intruders) == 0 {
		return b.String()
	}
	table := Table{Tints: map[int]func(string) Tint{1: effectTint}}
	for _, h := range intruderHead {
		table.Head = append(table.Head, strings.ToUpper(h))
	}
	for _, i := range m.Intruders {
		table.Rows = append(table.Rows, intruderCells(i))
	}
	return b.String() + "\n" + s.Paint(Bold, othersTitle) + "\n" + table.String(s)
}

func intrudersMarkdown(m *analysis.Matrix) string {
	var b strings.Builder
	for _, v := range m.Voids {
		b.WriteString("\n**Nothing is enforced:** " + md(v) + "\n")
	}
	if len(m.Intruders) == 0 {
		return b.String()
	}
	b.WriteString("\n" + othersTitle + ":\n\n| " + strings.Join(intruderHead, " | ") + " |\n|---|---|---|---|\n")
	for _, i := range m.Intruders {
		cells := intruderCells(i)
		for c := range cells {
			cells[c] = md(cells[c])
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

func intrudersHTML(m *analysis.Matrix) string {
	var b strings.Builder
	for _, v := range m.Voids {
		b.WriteString("<p><strong>Nothing is enforced:</strong> " + html.EscapeString(v) + "</p>\n")
	}
	if len(m.Intruders) == 0 {
		return b.String()
	}
	b.WriteString("<h2>" + othersTitle + "</h2>\n<table>\n<thead><tr>")
	for _, h := range intruderHead {
		b.WriteString("<th scope=\"col\">" + h + "</th>")
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, i := range m.Intruders {
		b.WriteString("<tr>")
		for _, c := range intruderCells(i) {
			b.WriteString("<td>" + html.EscapeString(Clean(c)) + "</td>")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table>\n")
	return b.String()
}

// othersChanges writes what others open and cut anew, and what they no longer do.
func othersChanges(s Style, d *analysis.Difference) string {
	var b strings.Builder
	for _, part := range []struct {
		title, mark string
		list        []analysis.Intruder
	}{{"Policies of others: new", "!", d.Intruders}, {"Policies of others: gone", "-", d.Gone}} {
		if len(part.list) == 0 {
			continue
		}
		b.WriteString("\n" + s.Paint(Bold, part.title) + "\n")
		for _, i := range part.list {
			word := effectWord(i.State)
			b.WriteString("  " + s.Paint(effectTint(word), part.mark+" "+word) + " " + Clean("zone "+i.Zone+": "+strings.TrimSpace(i.Object+" "+i.Rule)) + "\n")
			b.WriteString("      " + Clean(i.What) + "\n")
		}
	}
	return b.String()
}

func markdownOthers(b *strings.Builder, title string, list []analysis.Intruder) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\n#### " + title + "\n\n")
	for _, i := range list {
		b.WriteString("- **" + effectWord(i.State) + "** zone " + md(i.Zone) + ": " + md(strings.TrimSpace(i.Object+" "+i.Rule)) + ": " + md(i.What) + "\n")
	}
}
