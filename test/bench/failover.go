package main

import (
	"context"
	"fmt"
	"time"

	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// leaseSeconds is for how long a Lease holds that nobody renews: the default of
// controller-runtime, which the operator leaves as it is.
const leaseSeconds = 15

// failover is B9: of two replicas the one that leads goes, and a device is
// changed at that moment. The figure is when the policy for it stands.
func failover(ctx context.Context, b *bench) error {
	target := b.targets[0]
	at := fmt.Sprintf("%s, %d devices", target, b.n)
	polite := &report.Row{Scenario: "B9", Case: at, Measure: "leader stopped, to policy", Unit: "s", Goal: report.Goal{Form: report.AtMost, Limit: 1}}
	killed := &report.Row{Scenario: "B9", Case: at, Measure: "leader killed, to policy", Unit: "s", Goal: report.Goal{Form: report.AtMost, Limit: leaseSeconds + 1}}
	state, err := b.settled(ctx, target, b.n)
	if err != nil {
		return err
	}
	err = b.with(ctx, state, target, func(s *stage.Stage) error {
		first, err := b.replica(ctx, s)
		if err != nil {
			return err
		}
		defer func() { first.Stop() }()
		if err := first.Settle(ctx, idle); err != nil {
			return err
		}
		c, err := newChanger(ctx, s)
		if err != nil {
			return err
		}
		defer c.close()
		for i := range 2 * b.rounds {
			next, err := b.replica(ctx, s)
			if err != nil {
				return err
			}
			row, end := polite, first.Stop
			if i%2 == 1 {
				row, end = killed, first.Kill
			}
			first = next
			time.Sleep(pause)
			go end()
			took, err := c.subject(ctx, i, max(b.n/hospital.PerWard, 1))
			if err != nil {
				return err
			}
			row.Subject = append(row.Subject, seconds(took))
			if err := first.Settle(ctx, idle); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.add(polite)
	b.add(killed)
	return nil
}

// replica starts an operator that takes turns, and waits until it is ready to.
func (b *bench) replica(ctx context.Context, s *stage.Stage) (*stage.Operator, error) {
	o, err := s.StartOperator(true)
	if err != nil {
		return nil, err
	}
	if _, err := o.Ready(ctx); err != nil {
		o.Stop()
		return nil, err
	}
	return o, nil
}
