package zonemap

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report"
	"github.com/medfence/medfence/internal/report/layout"
)

// SVG writes the map as a picture that stands by itself.
func SVG(w io.Writer, c *analysis.Chart) error {
	body, p, err := picture(c, false)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\" aria-label=\"Map of zones and conduits\">\n<style>%s</style>\n%s</svg>\n",
		p.Width, p.Height, p.Width, p.Height, pictureCSS, body)
	return err
}

// picture returns the inside of the SVG. On a page rooms and arrows can be
// reached by keyboard.
func picture(c *analysis.Chart, page bool) (string, *layout.Picture, error) {
	p, all, err := draw(c)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" class="tip"/></marker></defs>` + "\n")
	for i, a := range all {
		drawWay(&b, a, p.Arrows[i], i)
	}
	for i := range c.Rooms {
		drawRoom(&b, &c.Rooms[i], p.Boxes[i], i, page)
	}
	for i, a := range all {
		drawArrow(&b, a, p.Arrows[i], i, page)
	}
	return b.String(), p, nil
}

// reachable are the attributes by which keyboards and screen readers find a
// part.
func reachable(page bool, label string) string {
	if !page {
		return ""
	}
	return fmt.Sprintf(` tabindex="0" role="button" aria-label="%s"`, escape(label))
}

func escape(text string) string { return html.EscapeString(report.Clean(text)) }

func drawRoom(b *strings.Builder, r *analysis.Room, at layout.Box, i int, page bool) {
	texts := []roomText{{"name", 20, clip(r.Name, 22)}, {"sub", 36, fmt.Sprintf("%s, %s", r.Role, stateWords[r.State])}}
	var marks []string
	if r.Sustaining > 0 {
		marks = append(marks, fmt.Sprintf("\u2665 %d life-sustaining", r.Sustaining))
	}
	if r.PHI > 0 {
		marks = append(marks, fmt.Sprintf("PHI %d", r.PHI))
	}
	if len(marks) > 0 {
		texts = append(texts, roomText{"mark", 52, strings.Join(marks, " \u00b7 ")})
	}
	for n, line := range lines(r) {
		texts = append(texts, roomText{"device", headRoom + lineRoom*float64(n) + 9, clip(line, 26)})
	}
	// The name that screen readers say begins with what is seen, so that who
	// speaks to the computer can say it, too.
	seen := make([]string, 0, len(texts))
	for _, t := range texts {
		seen = append(seen, t.text)
	}
	label := fmt.Sprintf("%s; zone %s with %s", strings.Join(seen, " "), r.Name, counted(r.Devices, "device"))
	fmt.Fprintf(b, `<g class="room role-%s state-%s" data-room="%d"%s><title>%s</title>`,
		strings.ToLower(string(r.Role)), r.State, i, reachable(page, label), escape(label))
	fmt.Fprintf(b, `<rect x="%g" y="%g" width="%g" height="%g" rx="7"/>`, at.X, at.Y, at.Width, heightOf(r))
	for _, t := range texts {
		fmt.Fprintf(b, "\n<text class=\"%s\" x=\"%g\" y=\"%g\">%s</text>", t.class, at.X+10, at.Y+t.y, escape(t.text))
	}
	b.WriteString("</g>\n")
}

// A roomText is a line in a room, by its distance from the upper edge.
type roomText struct {
	class string
	y     float64
	text  string
}

// stateWords are the states as the picture writes them.
var stateWords = map[string]string{
	analysis.StateEnforced: "enforced", analysis.StateObserved: "observed", analysis.StateProblem: "PROBLEM",
	analysis.StateOpening: "OPENING", analysis.StatePeer: "peer", analysis.StateWaiting: "not in force",
}

// drawWay draws the line of an arrow, which passes behind rooms and labels.
func drawWay(b *strings.Builder, a arrow, at layout.Arrow, i int) {
	fmt.Fprintf(b, `<g class="way %s" data-way="%d"><path class="hit" d="%s"/><path class="line" d="%s" marker-end="url(#tip)"/></g>`+"\n",
		arrowClass(a), i, way(at.Points), way(at.Points))
}

func arrowClass(a arrow) string {
	class := "state-" + a.state()
	if a.phi() {
		class += " phi"
	}
	return class
}

// drawArrow draws the label of an arrow, which stands for all of it.
func drawArrow(b *strings.Builder, a arrow, at layout.Arrow, i int, page bool) {
	label := fmt.Sprintf("From %s to %s: %s, %s", a.from, a.to, a.label(), stateWords[a.state()])
	if a.phi() {
		label += ", patient data"
	}
	fmt.Fprintf(b, `<g class="arrow %s" data-arrow="%d"%s><title>%s</title>`, arrowClass(a), i, reachable(page, label), escape(label))
	fmt.Fprintf(b, `<rect class="tag" x="%g" y="%g" width="%g" height="18" rx="4"/><text class="label" x="%g" y="%g">%s</text>`,
		at.X-at.Width/2, at.Y-9, at.Width, at.X, at.Y+4, escape(a.label()))
	b.WriteString("</g>\n")
}

// way is a smooth path through all points (a Catmull-Rom spline).
func way(points []layout.Point) string {
	if len(points) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%g %g", points[0].X, points[0].Y)
	last := len(points) - 1
	for i := range last {
		before, from, to, after := points[max(i-1, 0)], points[i], points[i+1], points[min(i+2, last)]
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %g %g",
			from.X+(to.X-before.X)/6, from.Y+(to.Y-before.Y)/6, to.X-(after.X-from.X)/6, to.Y-(after.Y-from.Y)/6, to.X, to.Y)
	}
	return b.String()
}
