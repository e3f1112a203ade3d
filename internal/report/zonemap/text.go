package zonemap

import (
	"fmt"
	"io"
	"strings"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report"
)

// Mermaid writes the map as a Mermaid flowchart.
func Mermaid(w io.Writer, c *analysis.Chart) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	index := map[string]int{}
	for i, r := range c.Rooms {
		index[r.Name] = i
		fmt.Fprintf(&b, "  z%d[\"%s<br/>%s, %s<br/>%d devices\"]:::%s\n", i, plain(r.Name), r.Role, stateWords[r.State], r.Devices, r.State)
	}
	for _, a := range arrows(c) {
		line := "-->"
		if a.state() != analysis.StateEnforced {
			line = "-.->"
		}
		fmt.Fprintf(&b, "  z%d %s|\"%s\"| z%d\n", index[a.from], line, plain(a.label()), index[a.to])
	}
	b.WriteString("  classDef enforced stroke:#1a7f37,stroke-width:2px\n  classDef observed stroke:#9a6700,stroke-width:2px,stroke-dasharray:5 3\n" +
		"  classDef problem stroke:#cf222e,stroke-width:3px\n  classDef opening stroke:#cf222e,stroke-width:3px\n  classDef peer stroke:#59636e\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// plain leaves out what Mermaid and Graphviz take for their own.
func plain(text string) string {
	return strings.NewReplacer(`"`, "'", "\\", "/", "<", "(", ">", ")", "|", "/", "#", "").Replace(report.Clean(text))
}

// DOT writes the map for Graphviz.
func DOT(w io.Writer, c *analysis.Chart) error {
	var b strings.Builder
	b.WriteString("digraph medfence {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	colors := map[string]string{analysis.StateEnforced: "#1a7f37", analysis.StateObserved: "#9a6700", analysis.StateProblem: "#cf222e", analysis.StateOpening: "#cf222e", analysis.StatePeer: "#59636e", analysis.StateWaiting: "#59636e"}
	for _, r := range c.Rooms {
		fmt.Fprintf(&b, "  \"%s\" [label=\"%s\\n%s, %s\\n%d devices\", color=\"%s\"];\n", plain(r.Name), plain(r.Name), r.Role, stateWords[r.State], r.Devices, colors[r.State])
	}
	for _, a := range arrows(c) {
		style := "solid"
		if a.state() != analysis.StateEnforced {
			style = "dashed"
		}
		fmt.Fprintf(&b, "  \"%s\" -> \"%s\" [label=\"%s\", style=%s, color=\"%s\"];\n", plain(a.from), plain(a.to), plain(a.label()), style, colors[a.state()])
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}
