package zonemap

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/report/layout"
)

// The measures of a room, in pixels.
const (
	roomWidth = 190.0
	headRoom  = 58.0
	lineRoom  = 17.0
	letter    = 6.4
	// shown is how many devices a room names before it counts them.
	shown = 5
)

// An arrow is all conduits from one zone to another.
type arrow struct {
	from, to string
	links    []analysis.Link
}

// label is the services, or how many conduits there are.
func (a arrow) label() string {
	var services []string
	for _, l := range a.links {
		for _, s := range l.Services {
			services = append(services, s.String())
		}
	}
	slices.Sort(services)
	services = slices.Compact(services)
	text := strings.Join(services, " ")
	if utf8.RuneCountInString(text) > 26 {
		return fmt.Sprintf("%d services", len(services))
	}
	return text
}

// state is the worst of the links.
func (a arrow) state() string {
	order := []string{analysis.StateOpening, analysis.StateProblem, analysis.StateWaiting, analysis.StateObserved, analysis.StateEnforced}
	worst := len(order) - 1
	for _, l := range a.links {
		if i := slices.Index(order, l.State); i >= 0 {
			worst = min(worst, i)
		}
	}
	return order[worst]
}

func (a arrow) phi() bool {
	return slices.ContainsFunc(a.links, func(l analysis.Link) bool { return l.PHI })
}

// arrows returns one arrow for each direction between two zones.
func arrows(c *analysis.Chart) []arrow {
	var out []arrow
	for _, l := range c.Links {
		if n := len(out); n > 0 && out[n-1].from == l.From && out[n-1].to == l.To {
			out[n-1].links = append(out[n-1].links, l)
			continue
		}
		out = append(out, arrow{l.From, l.To, []analysis.Link{l}})
	}
	return out
}

// devicesOf returns the names of a room's devices, where they are few.
func devicesOf(r *analysis.Room) []string {
	var out []string
	for _, c := range r.Classes {
		for _, d := range c.Devices {
			name := d.Name
			if d.Spec.Criticality == "LifeSustaining" {
				name = "\u2665 " + name
			}
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// lines are what stands in a room below its head.
func lines(r *analysis.Room) []string {
	devices := devicesOf(r)
	if len(devices) <= shown {
		return devices
	}
	return []string{fmt.Sprintf("%d devices", len(devices))}
}

// heightOf is the height of a room itself.
func heightOf(r *analysis.Room) float64 { return headRoom + lineRoom*float64(len(lines(r))) }

// The measures of an arrow from a room to itself, which hangs below it.
const (
	loopRoom  = 34.0
	loopInset = 36.0
)

// draw places rooms and arrows. Arrows from a room to itself are hung below it.
func draw(c *analysis.Chart) (*layout.Picture, []arrow, error) {
	p := &layout.Picture{}
	all := arrows(c)
	loops := map[string]bool{}
	for _, a := range all {
		loops[a.from] = loops[a.from] || a.from == a.to
	}
	heights := map[string]float64{}
	for i := range c.Rooms {
		r := &c.Rooms[i]
		heights[r.Name] = heightOf(r)
		height := heights[r.Name]
		if loops[r.Name] {
			height += loopRoom
		}
		p.Boxes = append(p.Boxes, layout.Box{ID: r.Name, Width: roomWidth, Height: height})
	}
	for _, a := range all {
		if a.from != a.to {
			p.Arrows = append(p.Arrows, layout.Arrow{From: a.from, To: a.to, Width: widthOf(a.label()), Height: 18})
		}
	}
	if err := layout.Place(p); err != nil {
		return nil, nil, err
	}
	boxes := map[string]layout.Box{}
	for _, b := range p.Boxes {
		boxes[b.ID] = b
	}
	placed := p.Arrows
	p.Arrows = nil
	for _, a := range all {
		if a.from == a.to {
			p.Arrows = append(p.Arrows, loop(a, boxes[a.from], heights[a.from]))
			continue
		}
		one := placed[0]
		placed = placed[1:]
		last := len(one.Points) - 1
		one.Points[0].Y = min(one.Points[0].Y, boxes[a.from].Y+heights[a.from])
		one.Points[last].Y = min(one.Points[last].Y, boxes[a.to].Y+heights[a.to])
		p.Arrows = append(p.Arrows, one)
	}
	return p, all, nil
}

// widthOf is the width of a label.
func widthOf(label string) float64 { return letter*float64(utf8.RuneCountInString(label)) + 12 }

// loop hangs an arrow below a room.
func loop(a arrow, room layout.Box, height float64) layout.Arrow {
	x, y := room.X, room.Y+height
	return layout.Arrow{
		From: a.from, To: a.to, Width: widthOf(a.label()), Height: 18, X: x + room.Width/2, Y: y + 20,
		Points: []layout.Point{{X: x + room.Width - loopInset, Y: y}, {X: x + room.Width - loopInset - 14, Y: y + 18},
			{X: x + loopInset + 14, Y: y + 18}, {X: x + loopInset, Y: y + 1}},
	}
}

// clip shortens a text to n runes.
func clip(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "\u2026"
}
