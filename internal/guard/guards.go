package guard

import (
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

// Guards are those of a plan, with its index: what the compiler works out to tell
// its warnings is there when it is rendered.
type Guards struct {
	plan  *plan.Plan
	index *object.Index
	known map[string]Guard
}

// New returns the guards of a plan. Nothing is worked out yet.
func New(p *plan.Plan) *Guards { return &Guards{plan: p, known: map[string]Guard{}} }

// Index returns the index of the plan. The first call builds it, and must have
// ended before others are made at the same time.
func (g *Guards) Index() *object.Index {
	if g.index == nil {
		g.index = object.NewIndex(g.plan)
	}
	return g.index
}

// Keep works out the guard of a zone, and keeps it for Of. It must not be called
// at the same time as anything else.
func (g *Guards) Keep(zone string) Guard {
	out := g.Of(zone)
	g.known[zone] = out
	return out
}

// Of returns the guard of a zone.
func (g *Guards) Of(zone string) Guard {
	if known, ok := g.known[zone]; ok {
		return known
	}
	return Of(g.Index(), zone)
}
