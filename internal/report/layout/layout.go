package layout

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/dop251/goja"
)

//go:embed dagre/dagre.min.js
var dagre string

// A Box is to be placed.
type Box struct {
	ID            string
	Width, Height float64
	// X and Y are the upper left corner, once it is placed.
	X, Y float64
}

// An Arrow joins two boxes.
type Arrow struct {
	From, To string
	// Width and Height are those of its label; 0 is none.
	Width, Height float64
	// Points is the way that it takes, once it is laid out.
	Points []Point
	// X and Y are the middle of the label.
	X, Y float64
}

// A Point is a place, in pixels from the upper left.
type Point struct{ X, Y float64 }

// A Picture is boxes and arrows.
type Picture struct {
	Boxes  []Box
	Arrows []Arrow
	// Width and Height are those of the whole, once it is laid out.
	Width, Height float64
}

// margin is around the picture and between its parts.
const margin = 40

// Place lays out the picture. The same picture gives the same places.
func Place(p *Picture) error {
	vm := goja.New()
	if _, err := vm.RunString(polyfill + dagre + script); err != nil {
		return fmt.Errorf("loading dagre: %w", err)
	}
	place, ok := goja.AssertFunction(vm.Get("place"))
	if !ok {
		return fmt.Errorf("loading dagre: there is no function place")
	}
	parts := p.parts()
	for i := range parts {
		if err := parts[i].place(p, place, vm); err != nil {
			return err
		}
	}
	p.pack(parts)
	return nil
}

// polyfill is what dagre expects of a browser and goja has not.
const polyfill = `var structuredClone=function(o){return o===undefined?o:JSON.parse(JSON.stringify(o))};`

// script is what dagre is asked. Numbers and names go in and out as JSON.
const script = `
;function place(text){
 var p=JSON.parse(text),g=new dagre.graphlib.Graph({multigraph:true});
 g.setGraph({rankdir:"LR",nodesep:28,edgesep:14,ranksep:100});
 p.boxes.forEach(function(b,i){g.setNode(String(i),{width:b.w,height:b.h})});
 p.arrows.forEach(function(a,i){g.setEdge(String(a.f),String(a.t),{width:a.w,height:a.h,labelpos:"c"},String(i))});
 dagre.layout(g);
 return JSON.stringify({
  boxes:p.boxes.map(function(b,i){var n=g.node(String(i));return {x:n.x-b.w/2,y:n.y-b.h/2}}),
  arrows:p.arrows.map(function(a,i){var e=g.edge(String(a.f),String(a.t),String(i));return {x:e.x,y:e.y,points:e.points}})});
}`

// A part is boxes that arrows join, by their places in the picture.
type part struct {
	boxes, arrows []int
	width, height float64
}

// parts returns the connected parts, the largest first.
func (p *Picture) parts() []part {
	index := map[string]int{}
	root := make([]int, len(p.Boxes))
	for i, b := range p.Boxes {
		index[b.ID], root[i] = i, i
	}
	find := func(i int) int {
		for root[i] != i {
			i = root[i]
		}
		return i
	}
	for _, a := range p.Arrows {
		f, t := find(index[a.From]), find(index[a.To])
		root[max(f, t)] = min(f, t)
	}
	place := map[int]int{}
	var out []part
	for i := range p.Boxes {
		r := find(i)
		if _, ok := place[r]; !ok {
			place[r] = len(out)
			out = append(out, part{})
		}
		out[place[r]].boxes = append(out[place[r]].boxes, i)
	}
	for i, a := range p.Arrows {
		at := &out[place[find(index[a.From])]]
		at.arrows = append(at.arrows, i)
	}
	slices.SortStableFunc(out, func(a, b part) int { return cmp.Compare(len(b.boxes), len(a.boxes)) })
	return out
}

// place lays out one part, with its upper left at 0, 0.
func (one *part) place(p *Picture, place goja.Callable, vm *goja.Runtime) error {
	type box struct {
		W float64 `json:"w"`
		H float64 `json:"h"`
	}
	type arrow struct {
		F int     `json:"f"`
		T int     `json:"t"`
		W float64 `json:"w"`
		H float64 `json:"h"`
	}
	var in struct {
		Boxes  []box   `json:"boxes"`
		Arrows []arrow `json:"arrows"`
	}
	in.Arrows = []arrow{}
	index := map[string]int{}
	for i, b := range one.boxes {
		index[p.Boxes[b].ID] = i
		in.Boxes = append(in.Boxes, box{p.Boxes[b].Width, p.Boxes[b].Height})
	}
	for _, a := range one.arrows {
		from := p.Arrows[a]
		in.Arrows = append(in.Arrows, arrow{index[from.From], index[from.To], from.Width, from.Height})
	}
	text, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("laying out: %w", err)
	}
	result, err := place(goja.Undefined(), vm.ToValue(string(text)))
	if err != nil {
		return fmt.Errorf("laying out: %w", err)
	}
	return one.read(p, result.String())
}

// read takes over what dagre found, moved to 0, 0.
func (one *part) read(p *Picture, text string) error {
	var out struct {
		Boxes  []Point `json:"boxes"`
		Arrows []struct {
			X, Y   float64
			Points []Point `json:"points"`
		} `json:"arrows"`
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return fmt.Errorf("reading the layout: %w", err)
	}
	left, top := math.Inf(1), math.Inf(1)
	grow := func(x, y float64) { left, top = min(left, x), min(top, y) }
	for _, b := range out.Boxes {
		grow(b.X, b.Y)
	}
	for _, a := range out.Arrows {
		for _, q := range a.Points {
			grow(q.X, q.Y)
		}
	}
	for i, b := range one.boxes {
		box := &p.Boxes[b]
		box.X, box.Y = math.Round(out.Boxes[i].X-left), math.Round(out.Boxes[i].Y-top)
		one.width, one.height = max(one.width, box.X+box.Width), max(one.height, box.Y+box.Height)
	}
	for i, a := range one.arrows {
		arrow := &p.Arrows[a]
		arrow.X, arrow.Y = math.Round(out.Arrows[i].X-left), math.Round(out.Arrows[i].Y-top)
		for _, q := range out.Arrows[i].Points {
			at := Point{math.Round(q.X - left), math.Round(q.Y - top)}
			arrow.Points = append(arrow.Points, at)
			one.width, one.height = max(one.width, at.X), max(one.height, at.Y)
		}
	}
	return nil
}

// pack puts the parts into rows, so that the whole is about as a screen is.
func (p *Picture) pack(parts []part) {
	area, widest := 0.0, 0.0
	for _, one := range parts {
		area += (one.width + margin) * (one.height + margin)
		widest = max(widest, one.width)
	}
	limit := max(widest, math.Sqrt(area*16/9))
	x, y, row := float64(margin), float64(margin), 0.0
	for _, one := range parts {
		if x > margin && x+one.width > limit+margin {
			x, y, row = margin, y+row+margin, 0
		}
		one.move(p, x, y)
		p.Width, p.Height = max(p.Width, x+one.width+margin), max(p.Height, y+one.height+margin)
		x, row = x+one.width+margin, max(row, one.height)
	}
}

func (one *part) move(p *Picture, x, y float64) {
	for _, b := range one.boxes {
		p.Boxes[b].X += x
		p.Boxes[b].Y += y
	}
	for _, a := range one.arrows {
		arrow := &p.Arrows[a]
		arrow.X += x
		arrow.Y += y
		for i := range arrow.Points {
			arrow.Points[i].X += x
			arrow.Points[i].Y += y
		}
	}
}
