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

// draw places rooms and arrows.
func draw(c *analysis.Chart) (*layout.Picture, []arrow, error) {
	p := &layout.Picture{}
	for i := range c.Rooms {
		height := headRoom + lineRoom*float64(len(lines(&c.Rooms[i])))
		p.Boxes = append(p.Boxes, layout.Box{ID: c.Rooms[i].Name, Width: roomWidth, Height: height})
	}
	all := arrows(c)
	for _, a := range all {
		p.Arrows = append(p.Arrows, layout.Arrow{From: a.from, To: a.to, Width: letter*float64(utf8.RuneCountInString(a.label())) + 12, Height: 18})
	}
	return p, all, layout.Place(p)
}

// clip shortens a text to n runes.
func clip(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "\u2026"
}
