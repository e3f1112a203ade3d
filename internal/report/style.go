package report

import (
	"strings"
	"unicode/utf8"
)

// A Style says how text is printed.
type Style struct {
	// Color lets text be coloured by ANSI escape codes.
	Color bool
	// Width is the terminal's; 0 is unbounded.
	Width int
}

// A Tint is a colour of text.
type Tint string

// The tints, as the parameters of ANSI's SGR.
const (
	Red    Tint = "31"
	Green  Tint = "32"
	Yellow Tint = "33"
	Blue   Tint = "34"
	Bold   Tint = "1"
	Dim    Tint = "2"
)

// Paint colours text, where colours are wanted.
func (s Style) Paint(tint Tint, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + string(tint) + "m" + text + "\x1b[0m"
}

// Clean returns text without control characters: names and purposes come from
// others, and a terminal must not obey them.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
}

// A Table is text in columns.
type Table struct {
	Head []string
	Rows [][]string
	// Tints colours a column's text, by its value.
	Tints map[int]func(text string) Tint
}

// gap stands between columns.
const gap = "  "

// String returns the table. Where the style has a width, the last column is
// wrapped to it.
func (t Table) String(s Style) string {
	widths := t.widths()
	var b strings.Builder
	if len(t.Head) > 0 {
		t.line(&b, s, widths, t.Head, true)
	}
	for _, row := range t.Rows {
		t.line(&b, s, widths, row, false)
	}
	return trimmed(b.String())
}

// trimmed returns text without white space at the ends of lines.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func (t Table) widths() []int {
	var out []int
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			if i >= len(out) {
				out = append(out, 0)
			}
			out[i] = max(out[i], utf8.RuneCountInString(cell))
		}
	}
	return out
}

// narrowest is the least room that a wrapped last column is given.
const narrowest = 24

func (t Table) line(b *strings.Builder, s Style, widths []int, row []string, head bool) {
	indent := 0
	for i, cell := range row[:max(len(row)-1, 0)] {
		b.WriteString(t.paint(s, i, Clean(cell), head))
		b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + gap)
		indent += widths[i] + len(gap)
	}
	if len(row) == 0 {
		return
	}
	last := Clean(row[len(row)-1])
	lines := []string{last}
	if s.Width > 0 {
		lines = Wrap(last, max(s.Width-indent, narrowest))
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", indent))
		}
		b.WriteString(t.paint(s, len(row)-1, line, head) + "\n")
	}
}

func (t Table) paint(s Style, column int, text string, head bool) string {
	if head {
		return s.Paint(Bold, text)
	}
	if tint := t.Tints[column]; tint != nil && tint(text) != "" {
		return s.Paint(tint(text), text)
	}
	return text
}

// Wrap breaks text at spaces into lines of at most width runes. A longer word
// stands alone.
func Wrap(text string, width int) []string {
	var out []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	return append(out, line)
}
