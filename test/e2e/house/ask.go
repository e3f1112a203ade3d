//go:build linux

package house

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/test/e2e/hubble"
	"github.com/medfence/medfence/test/e2e/truth"
	"github.com/medfence/medfence/test/e2e/wire"
)

// inFlight is how many questions are open at a time.
const inFlight = 192

// evidence is how long a question waits for an end: an answer, or the agent's
// word that it dropped the packet. Only a lost packet needs all of it.
const evidence = 20 * time.Second

// An Outcome is what became of a question.
type Outcome struct {
	Question truth.Question
	Key      wire.Key
	// Answered is true where the other side's answer came back; Arrived counts
	// the packets that the other side's IP stack had.
	Answered bool
	Refused  bool
	Arrived  int
	// Drop is the agent's own word that it dropped the packet.
	Drop *hubble.Flow
	// Err is a packet that could not even be sent.
	Err error

	sent time.Time
}

// Passed reports whether the packet arrived and was answered.
func (o Outcome) Passed() bool { return o.Answered && o.Arrived > 0 }

// Dropped reports whether nothing arrived, and an agent says that its policy
// dropped it.
func (o Outcome) Dropped() bool {
	return !o.Answered && o.Arrived == 0 && o.Drop != nil && o.Drop.ByPolicy()
}

// String says what was seen.
func (o Outcome) String() string {
	switch {
	case o.Err != nil:
		return o.Err.Error()
	case o.Passed():
		return "passed"
	case o.Dropped():
		return "dropped on " + o.Drop.Node + " (" + o.Drop.Reason + ")"
	}
	drop := "no agent says that it dropped it"
	if o.Drop != nil {
		drop = "dropped on " + o.Drop.Node + ": " + o.Drop.Reason
	}
	return fmt.Sprintf("neither passed nor dropped by policy (arrived %d times, answered %t, refused %t, %s)", o.Arrived, o.Answered, o.Refused, drop)
}

// Ask sends a packet for each question and returns what became of them, in the
// order of the questions.
func (h *House) Ask(ctx context.Context, questions []truth.Question) ([]Outcome, error) {
	out := make([]Outcome, len(questions))
	for _, s := range h.stations {
		s.Forget() // the kernel uses ports again
	}
	slots := make(chan struct{}, inFlight)
	reading, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- h.readFlows(reading) }()
	var all sync.WaitGroup
	for i, q := range questions {
		slots <- struct{}{}
		all.Go(func() {
			out[i] = h.ask(q)
			<-slots
		})
	}
	all.Wait()
	stop()
	if err := <-failed; err != nil {
		return nil, err
	}
	for i := range out { // what arrived late counts
		if s := h.stations[out[i].Question.To.Name]; out[i].Err == nil {
			out[i].Arrived = max(out[i].Arrived, s.Arrived(out[i].Key))
		}
	}
	return out, nil
}

// readFlows reads what the agents export, while questions are open.
func (h *House) readFlows(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := h.Flows.Read(); err != nil {
				return err
			}
		}
	}
}

func (h *House) ask(q truth.Question) Outcome {
	out := Outcome{Question: q}
	from, to := h.stations[q.From.Name], h.stations[q.To.Name]
	before := 0
	if q.Service.Port == wire.DNSPort {
		before = to.ArrivedAt(q.Service.Protocol, q.Service.Port)
	}
	probe, err := from.Send(q.Destination, q.Service.Protocol, q.Service.Port)
	if err != nil {
		out.Err = err
		return out
	}
	defer func() { _ = probe.Close() }()
	out.Key, out.sent = probe.Key, probe.Sent
	select { // most are answered at once
	case <-probe.Answered:
	case <-probe.Refused:
	case <-time.After(look):
	}
	for !h.decided(&out, to, probe, before) && time.Since(out.sent) < evidence {
		time.Sleep(look)
	}
	return out
}

// look is how often it is looked at what became of a packet.
const look = 25 * time.Millisecond

// decided notes what is known of a packet, and reports whether that is all.
func (h *House) decided(out *Outcome, to *wire.Station, probe *wire.Probe, before int) bool {
	out.Answered, out.Refused = closed(probe.Answered), closed(probe.Refused)
	out.Drop = h.drop(out.Question, probe)
	out.Arrived = to.Arrived(probe.Key)
	if out.Answered {
		out.Arrived = arrived(to, probe, before)
	}
	return out.Answered && out.Arrived > 0 || out.Refused || out.Drop != nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// arrived counts the packets of a probe at its destination. A DNS proxy on the
// way asks anew, as the node: what it hears is then the only answer there is.
func arrived(at *wire.Station, p *wire.Probe, before int) int {
	if n := at.Arrived(p.Key); n > 0 || p.Key.Port != wire.DNSPort {
		return n
	}
	return at.ArrivedAt(p.Key.Protocol, p.Key.Port) - before
}

// drop returns the agent's word about a packet, if there is one.
func (h *House) drop(q truth.Question, p *wire.Probe) *hubble.Flow {
	k := hubbleKey(q, p.Key)
	for _, f := range h.Flows.Of(k, p.Sent.Add(-time.Second)) {
		if f.Verdict == hubble.Dropped {
			return &f
		}
	}
	return nil
}

// hubbleKey is a packet as Hubble knows it.
func hubbleKey(q truth.Question, k wire.Key) hubble.Key {
	out := hubble.Key{Protocol: k.Protocol, Source: k.Source, Destination: q.Destination, SourcePort: k.SourcePort, Port: k.Port}
	if q.Service.Protocol == flow.ICMP {
		out.SourcePort = 0
	}
	return out
}
