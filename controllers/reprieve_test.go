package controllers

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A gogc is a runtime whose GOGC is 100 until somebody sets another.
type gogc struct {
	mu  sync.Mutex
	is  uint64
	log []string
}

func (g *gogc) set(percent int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.is = uint64(percent)
	g.log = append(g.log, fmt.Sprint(percent))
}

func (g *gogc) usual() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.is
}

func TestGarbageWaitsForWhatIsUrgent(t *testing.T) {
	const rest = time.Second
	for name, tc := range map[string]struct {
		gogc uint64
		do   func(hurry func(bool))
		want []string
	}{
		"nothing urgent": {100, func(func(bool)) {}, nil},
		"a pass":         {100, func(hurry func(bool)) { hurry(true); time.Sleep(rest); hurry(false) }, []string{"500", "100"}},
		"one after the other": {100, func(hurry func(bool)) {
			for range 5 {
				hurry(true)
				time.Sleep(rest / 10)
				hurry(false)
				time.Sleep(rest / 2)
			}
		}, []string{"500", "100"}},
		"two far apart": {100, func(hurry func(bool)) {
			for range 2 {
				hurry(true)
				time.Sleep(rest)
				hurry(false)
				time.Sleep(2 * rest)
			}
		}, []string{"500", "100", "500", "100"}},
		"too short to be seen":        {100, func(hurry func(bool)) { hurry(true); hurry(false) }, nil},
		"the operator ends meanwhile": {100, func(hurry func(bool)) { hurry(true); time.Sleep(rest) }, []string{"500", "100"}},
		"somebody set GOGC":           {50, func(hurry func(bool)) { hurry(true); time.Sleep(rest); hurry(false) }, []string{"450", "50"}},
		"somebody turned it off":      {math.MaxUint64, func(hurry func(bool)) { hurry(true); time.Sleep(rest); hurry(false) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gogc{is: tc.gogc}
				p := newReprieve()
				p.usual, p.set, p.live, p.rest = g.usual, g.set, func() uint64 { return 8 << 20 }, rest
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- p.Start(ctx) }()
				synctest.Wait()
				tc.do(p.hurry)
				if name != "the operator ends meanwhile" {
					time.Sleep(2 * rest)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if !slices.Equal(g.log, tc.want) {
					t.Errorf("GOGC was set to %q, want %q", g.log, tc.want)
				}
			})
		})
	}
}

func TestALargeHeapGrowsNoFurtherThanASmallOne(t *testing.T) {
	for _, tc := range []struct {
		live uint64
		want int
	}{{0, 900}, {4 << 20, 900}, {8 << 20, 500}, {32 << 20, 200}, {128 << 20, 125}, {1 << 30, 103}, {64 << 30, 100}} {
		if got := percentWith(100, tc.live); got != tc.want {
			t.Errorf("of %d MiB the heap may grow by %d %%, want %d", tc.live>>20, got, tc.want)
		}
	}
}

func TestTheRuntimeTellsWhatIsAsked(t *testing.T) {
	p := newReprieve()
	if usual, live := p.usual(), p.live(); usual == 0 || live == 0 && usual <= math.MaxInt32 {
		t.Errorf("GOGC is %d, and %d bytes are live", usual, live)
	}
	if got := reading("/no/such:number"); got != 0 {
		t.Errorf("what the runtime does not tell is %d", got)
	}
}
