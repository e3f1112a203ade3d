package controllers

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// reprieveBytes is how much further the heap may grow while something urgent is
	// under way: a dozen passes of a ward, or a tenth of what 10,000 devices take.
	reprieveBytes = 32 << 20
	// reprieveRest is how long garbage stays after that: the agents, who bring into
	// force what was written, need the processors as well.
	reprieveRest = 100 * time.Millisecond
)

// A reprieve puts off the collection of garbage while something urgent is under way.
// The heap of a small hospital has 8 MiB, so that each change or second one met a
// collection, which takes a processor for some milliseconds. Of a heap that is
// collected seldom or never (GOGC) it changes nothing to speak of.
type reprieve struct {
	urgent  atomic.Bool
	changed chan struct{}
	// usual and live read the GOGC in force, in percent, and the size of what the last
	// collection left, in bytes; set sets GOGC.
	usual, live func() uint64
	set         func(percent int)
	rest        time.Duration
}

func newReprieve() *reprieve {
	return &reprieve{
		changed: make(chan struct{}, 1),
		usual:   func() uint64 { return reading("/gc/gogc:percent") },
		live:    func() uint64 { return reading("/gc/heap/live:bytes") },
		set:     func(percent int) { debug.SetGCPercent(percent) },
		rest:    reprieveRest,
	}
}

// reading reads one number of the runtime.
func reading(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// hurry tells whether something urgent is under way. It never waits.
func (p *reprieve) hurry(urgent bool) {
	p.urgent.Store(urgent)
	select {
	case p.changed <- struct{}{}:
	default: // it is told already
	}
}

// Start grants reprieves until the context ends.
func (p *reprieve) Start(ctx context.Context) error {
	var (
		usual   uint64
		granted bool
		over    <-chan time.Time
	)
	end := func() {
		if granted {
			p.set(int(usual)) //nolint:gosec // a percentage that was read as one
		}
		granted, over = false, nil
	}
	defer end()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-over:
			end()
		case <-p.changed:
			switch {
			case !p.urgent.Load():
				over = time.After(p.rest)
			case granted:
				over = nil
			default:
				over = nil
				usual = p.usual()
				if granted = usual > 0 && usual <= math.MaxInt32; granted {
					p.set(percentWith(usual, p.live()))
				}
			}
		}
	}
}

// percentWith returns the GOGC with which a heap grows further than usual by
// reprieveBytes.
func percentWith(usual, live uint64) int {
	const least = 4 << 20                                       // the runtime begins no earlier
	return int(usual) + 100*reprieveBytes/int(max(live, least)) //nolint:gosec // a percentage, and the size of a heap
}
