package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/medfence/medfence/internal/analysis"
)

// LevelTint is the colour of a level.
func LevelTint(level analysis.Level) Tint {
	switch level {
	case analysis.Error:
		return Red
	case analysis.Warning:
		return Yellow
	}
	return Blue
}

// place returns "zones.yaml:12", "zones.yaml" or "".
func place(f analysis.Finding) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.File
}

// FindingsText writes findings for a terminal, each with its place on a line
// that editors and terminals can follow.
func FindingsText(w io.Writer, s Style, findings []analysis.Finding) error {
	var b strings.Builder
	for _, f := range findings {
		head := []string{}
		if at := place(f); at != "" {
			head = append(head, s.Paint(Bold, Clean(at)+":"))
		}
		head = append(head, s.Paint(LevelTint(f.Level), string(f.Level)+" "+f.Rule))
		if f.Object() != "" {
			head = append(head, Clean(f.Object()))
		}
		if f.Path != "" {
			head = append(head, s.Paint(Dim, Clean(f.Path)))
		}
		b.WriteString(strings.Join(head, " ") + "\n")
		lines := []string{Clean(f.Message)}
		if s.Width > 0 {
			lines = Wrap(Clean(f.Message), max(s.Width-4, narrowest))
		}
		for _, line := range lines {
			b.WriteString("    " + line + "\n")
		}
	}
	b.WriteString(summary(findings) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// summary returns "1 error, 2 warnings, 3 pieces of advice".
func summary(findings []analysis.Finding) string {
	counts := map[analysis.Level]int{}
	for _, f := range findings {
		counts[f.Level]++
	}
	var parts []string
	for _, l := range []struct {
		level     analysis.Level
		one, many string
	}{{analysis.Error, "error", "errors"}, {analysis.Warning, "warning", "warnings"}, {analysis.Advice, "piece of advice", "pieces of advice"}} {
		switch n := counts[l.level]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+l.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, l.many))
		}
	}
	if len(parts) == 0 {
		return "nothing found"
	}
	return strings.Join(parts, ", ")
}

// findingJSON is a finding as JSON.
type findingJSON struct {
	Level   analysis.Level `json:"level"`
	Rule    string         `json:"rule"`
	Object  string         `json:"object,omitempty"`
	Path    string         `json:"path,omitempty"`
	File    string         `json:"file,omitempty"`
	Line    int            `json:"line,omitempty"`
	Message string         `json:"message"`
}

// FindingsJSON writes findings as one JSON object.
func FindingsJSON(w io.Writer, findings []analysis.Finding) error {
	list := make([]findingJSON, 0, len(findings))
	for _, f := range findings {
		list = append(list, findingJSON{f.Level, f.Rule, f.Object(), f.Path, f.File, f.Line, f.Message})
	}
	return JSON(w, map[string]any{"findings": list})
}

// JSON writes a value as indented JSON.
func JSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
