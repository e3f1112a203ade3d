package report

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/plan"
)

// ports returns "TCP 3613; UDP 53" of a cell's grants.
func ports(grants []analysis.Grant) string {
	all := analysis.Permission{}
	for _, g := range grants {
		all.Add(analysis.PermissionOf(g.Services))
	}
	return all.String()
}

// conduits returns the names of a cell's conduits.
func conduits(grants []analysis.Grant) string {
	names := make([]string, 0, len(grants))
	for _, g := range grants {
		names = append(names, g.Conduit)
	}
	return strings.Join(names, ", ")
}

// rest says what becomes of all else, in a word.
func rest(d analysis.Default) string {
	switch d {
	case analysis.Denied:
		return "denied"
	case analysis.Observed:
		return "observed"
	case analysis.Network:
		return "network"
	}
	return "unrestricted"
}

// Legend explains the words of a matrix.
const Legend = "all else: denied (an enforced Device zone), observed (passes until the zone is enforced), " +
	"network (no pod is concerned; the switches must deny it), unrestricted (no Device zone is concerned)"

// MatrixText writes a matrix for a terminal: a grid of zones where it fits, and
// below it what each mark stands for.
func MatrixText(w io.Writer, s Style, m *analysis.Matrix) error {
	var b strings.Builder
	if grid := grid(s, m); grid != "" {
		b.WriteString(grid + "\n")
	}
	table := Table{
		Head:  []string{"FROM", "TO", "PERMITTED", "ALL ELSE", "CONDUITS"},
		Tints: map[int]func(string) Tint{3: restTint},
	}
	differs := false
	for _, c := range m.Cells() {
		differs = differs || c.Effective != ""
	}
	if differs {
		table.Head = []string{"FROM", "TO", "PERMITTED", "ALL ELSE", "EFFECTIVE", "CONDUITS"}
	}
	for _, c := range m.Cells() {
		if len(c.Grants) == 0 && !c.Differs {
			continue
		}
		row := []string{c.From, c.To, ports(c.Grants), rest(c.Default), conduits(c.Grants)}
		if differs {
			row = []string{c.From, c.To, ports(c.Grants), rest(c.Default), c.Effective, conduits(c.Grants)}
		}
		table.Rows = append(table.Rows, row)
	}
	if len(table.Rows) == 0 {
		b.WriteString("no conduit permits anything\n")
	} else {
		b.WriteString(table.String(s))
	}
	for _, line := range Wrap(Legend, max(s.Width, 100)) {
		b.WriteString(s.Paint(Dim, line) + "\n")
	}
	b.WriteString(intrudersText(s, m))
	_, err := io.WriteString(w, b.String())
	return err
}

func restTint(text string) Tint {
	switch text {
	case "denied":
		return Green
	case "observed":
		return Yellow
	}
	return Dim
}

// defaultGrid is the width that a grid may have where nobody tells.
const defaultGrid = 100

// grid draws zones by zones with one mark a cell. It is empty where the zones
// are too many for the width.
func grid(s Style, m *analysis.Matrix) string {
	width := s.Width
	if width == 0 {
		width = defaultGrid
	}
	name := 0
	for _, z := range m.Zones {
		name = max(name, utf8.RuneCountInString(z.Name))
	}
	if len(m.Zones) == 0 || name+5+len(m.Zones)*4 > width {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*s", name+6, "to: ")
	for i := range m.Zones {
		fmt.Fprintf(&b, "%3d ", i+1)
	}
	b.WriteString("\n")
	for i, from := range m.Zones {
		fmt.Fprintf(&b, "%3d  %-*s ", i+1, name, Clean(from.Name))
		for _, to := range m.Zones {
			mark, tint := markOf(m.At(from.Name, to.Name))
			b.WriteString("  " + s.Paint(tint, mark) + " ")
		}
		b.WriteString("\n")
	}
	b.WriteString(s.Paint(Dim, "o conduit   x denied   ~ observed   . network   (blank) unrestricted   ! differs from what the policies do") + "\n")
	return trimmed(b.String())
}

func markOf(c *analysis.Cell) (string, Tint) {
	switch {
	case c.Differs:
		return "!", Red
	case len(c.Grants) > 0:
		return "o", Bold
	case c.Default == analysis.Denied:
		return "x", Green
	case c.Default == analysis.Observed:
		return "~", Yellow
	case c.Default == analysis.Network:
		return ".", Dim
	}
	return " ", Dim
}

// cellJSON is a cell as JSON and CSV.
type cellJSON struct {
	From      string   `json:"from"`
	To        string   `json:"to"`
	Permitted []string `json:"permitted"`
	AllElse   string   `json:"allElse"`
	Effective string   `json:"effective,omitempty"`
	Differs   bool     `json:"differs,omitempty"`
	Conduits  []string `json:"conduits"`
}

func cells(m *analysis.Matrix) []cellJSON {
	out := []cellJSON{}
	for _, c := range m.Cells() {
		all := analysis.Permission{}
		one := cellJSON{From: c.From, To: c.To, AllElse: rest(c.Default), Conduits: []string{}, Effective: c.Effective, Differs: c.Differs}
		for _, g := range c.Grants {
			all.Add(analysis.PermissionOf(g.Services))
			one.Conduits = append(one.Conduits, g.Conduit)
		}
		one.Permitted = all.Words()
		out = append(out, one)
	}
	return out
}

// MatrixJSON writes every cell.
func MatrixJSON(w io.Writer, m *analysis.Matrix) error {
	zones := []map[string]any{}
	for _, z := range m.Zones {
		zones = append(zones, map[string]any{"name": z.Name, "role": z.Role, "enforce": z.Enforce, "devices": z.Devices})
	}
	out := map[string]any{"zones": zones, "cells": cells(m)}
	if len(m.Intruders) > 0 {
		out["others"] = m.Intruders
	}
	if len(m.Voids) > 0 {
		out["voids"] = m.Voids
	}
	return JSON(w, out)
}

// MatrixCSV writes one line a cell.
func MatrixCSV(w io.Writer, m *analysis.Matrix) error {
	rows := [][]string{{"from", "to", "permitted", "all else", "effective", "conduits"}}
	for _, c := range cells(m) {
		rows = append(rows, []string{c.From, c.To, strings.Join(c.Permitted, "; "), c.AllElse, c.Effective, strings.Join(c.Conduits, ", ")})
	}
	return writeCSV(w, rows)
}

// writeCSV writes rows; a spreadsheet must not take a text for a formula.
func writeCSV(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				row[i] = "'" + cell
			}
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// MatrixMarkdown writes the permitted flows as a table.
func MatrixMarkdown(w io.Writer, m *analysis.Matrix) error {
	var b strings.Builder
	b.WriteString("| from | to | permitted | all else | effective | conduits |\n|---|---|---|---|---|---|\n")
	for _, c := range m.Cells() {
		if len(c.Grants) == 0 && !c.Differs {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", md(c.From), md(c.To), md(ports(c.Grants)), rest(c.Default), md(c.Effective), md(conduits(c.Grants)))
	}
	b.WriteString("\n" + Legend + "\n" + intrudersMarkdown(m))
	_, err := io.WriteString(w, b.String())
	return err
}

// md escapes a text for a cell of a Markdown table.
func md(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "'", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "@", "@\u200b").Replace(Clean(text))
}

// MatrixHTML writes a page of its own: zones by zones.
func MatrixHTML(w io.Writer, m *analysis.Matrix) error {
	var b strings.Builder
	b.WriteString(pageHead("Medfence: who may reach whom"))
	b.WriteString("<h1>Who may reach whom</h1>\n<p>From the rows to the columns. " + html.EscapeString(Legend) + ".</p>\n<div class=\"scroll\" role=\"region\" aria-label=\"Matrix\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">from \\ to</th>")
	for _, z := range m.Zones {
		b.WriteString("<th scope=\"col\">" + html.EscapeString(z.Name) + "</th>")
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, from := range m.Zones {
		b.WriteString("<tr><th scope=\"row\">" + zoneHTML(from) + "</th>")
		for _, to := range m.Zones {
			b.WriteString(cellHTML(m.At(from.Name, to.Name)))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n" + intrudersHTML(m) + "</main></body></html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func zoneHTML(z *plan.Zone) string {
	return html.EscapeString(z.Name) + "<br><small>" + html.EscapeString(string(z.Role)) + "</small>"
}

func cellHTML(c *analysis.Cell) string {
	class := rest(c.Default)
	text := rest(c.Default)
	if len(c.Grants) > 0 {
		class, text = "permitted", html.EscapeString(ports(c.Grants))+"<br><small>"+html.EscapeString(conduits(c.Grants))+"</small>"
	}
	if c.Differs {
		class += " differs"
		text += "<br><strong>effective: " + html.EscapeString(c.Effective) + "</strong>"
	}
	return "<td class=\"" + class + "\">" + text + "</td>"
}

// pageHead begins a page that fetches nothing.
func pageHead(title string) string {
	return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>` + html.EscapeString(title) + `</title>
<style>
:root{color-scheme:light dark}
body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem}
.scroll{overflow:auto;max-height:85vh}
table{border-collapse:collapse}
th,td{border:1px solid #8888;padding:.35rem .5rem;text-align:left;vertical-align:top}
thead th{position:sticky;top:0;background:Canvas}
.permitted{background:#2b7a3b33}.denied{background:#8881}.observed{background:#b8860b33}.differs{outline:3px solid #c00}
</style></head><body><main>
`
}

// RowsText writes what each device reaches and what reaches it.
func RowsText(w io.Writer, s Style, rows []analysis.Row) error {
	table := Table{Head: []string{"ZONE", "DEVICE", "CRITICALITY", "", "PEER", "PERMITTED", "CONDUIT"}}
	for _, r := range rows {
		table.Rows = append(table.Rows, rowCells(r))
	}
	_, err := io.WriteString(w, table.String(s))
	return err
}

func rowCells(r analysis.Row) []string {
	device := r.Device
	if device == "" {
		device = "(" + strings.ToLower(r.Part) + ")"
	}
	permitted := ports([]analysis.Grant{r.Grant})
	if r.Direction == "" {
		permitted = "nothing"
	}
	return []string{r.Zone, device, r.Criticality, r.Direction, r.Peer, permitted, r.Grant.Conduit}
}

var rowHead = []string{"zone", "device", "criticality", "direction", "peer", "permitted", "conduit"}

// RowsCSV writes one line a row.
func RowsCSV(w io.Writer, rows []analysis.Row) error {
	out := [][]string{rowHead}
	for _, r := range rows {
		out = append(out, rowCells(r))
	}
	return writeCSV(w, out)
}

// RowsMarkdown writes a table.
func RowsMarkdown(w io.Writer, rows []analysis.Row) error {
	var b strings.Builder
	b.WriteString("| " + strings.Join(rowHead, " | ") + " |\n|" + strings.Repeat("---|", len(rowHead)) + "\n")
	for _, r := range rows {
		cells := rowCells(r)
		for i := range cells {
			cells[i] = md(cells[i])
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// RowsHTML writes a page of its own.
func RowsHTML(w io.Writer, rows []analysis.Row) error {
	var b strings.Builder
	b.WriteString(pageHead("Medfence: what each device reaches") + "<h1>What each device reaches, and what reaches it</h1>\n<div class=\"scroll\" role=\"region\" aria-label=\"Devices\" tabindex=\"0\"><table>\n<thead><tr>")
	for _, h := range rowHead {
		b.WriteString("<th scope=\"col\">" + h + "</th>")
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, r := range rows {
		b.WriteString("<tr>")
		for _, c := range rowCells(r) {
			b.WriteString("<td>" + html.EscapeString(Clean(c)) + "</td>")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n</main></body></html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// RowsJSON writes every row.
func RowsJSON(w io.Writer, rows []analysis.Row) error {
	out := []map[string]any{}
	for _, r := range rows {
		one := map[string]any{"zone": r.Zone, "part": r.Part}
		if r.Device != "" {
			one["device"], one["criticality"] = r.Device, r.Criticality
		}
		if r.Direction != "" {
			one["direction"], one["peer"], one["conduit"] = r.Direction, r.Peer, r.Grant.Conduit
			one["permitted"] = analysis.PermissionOf(r.Grant.Services).Words()
		}
		out = append(out, one)
	}
	return JSON(w, map[string]any{"rows": out})
}
