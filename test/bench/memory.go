package main

import (
	"context"
	"fmt"

	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
)

const mib = 1 << 20

// memory is B6: what an operator takes of the machine's memory once it has
// looked at all, for no devices, a fifth of the run's, and all of them.
func memory(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		var nothing report.Samples
		for _, n := range []int{0, b.n / 5, b.n} {
			state, err := b.settled(ctx, target, n)
			if err != nil {
				return err
			}
			at := fmt.Sprintf("%s, %d devices", target, n)
			now := &report.Row{Scenario: "B6", Case: at, Measure: "resident memory", Unit: "MiB"}
			most := &report.Row{Scenario: "B6", Case: at, Measure: "the most it ever had", Unit: "MiB"}
			more := &report.Row{Scenario: "B6", Case: at, Measure: "memory for the devices", Unit: "MiB", Against: "the objects as JSON",
				Goal: report.Goal{Form: report.RatioOfMedians, Limit: 8}}
			err = b.with(ctx, state, target, func(s *stage.Stage) error {
				size, err := s.JSONSize(ctx)
				if err != nil {
					return err
				}
				more.Bound = report.Samples{float64(size) / mib}
				for range b.rounds {
					if err := b.memoryOnce(ctx, s, now, most); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			b.add(now)
			b.add(most)
			if n == 0 {
				nothing = now.Subject
				continue
			}
			more.Subject = report.Samples{now.Subject.Median() - nothing.Median()}
			b.add(more)
		}
	}
	return nil
}

func (b *bench) memoryOnce(ctx context.Context, s *stage.Stage, now, most *report.Row) error {
	o, err := s.StartOperator(false)
	if err != nil {
		return err
	}
	defer o.Stop()
	if _, err := o.Ready(ctx); err != nil {
		return err
	}
	if err := o.Settle(ctx, idle); err != nil {
		return err
	}
	have, peak, err := o.Memory()
	if err != nil {
		return err
	}
	now.Subject, most.Subject = append(now.Subject, float64(have)/mib), append(most.Subject, float64(peak)/mib)
	if b.profile == "" {
		return nil
	}
	if err := o.StartProfile(ctx); err != nil {
		return err
	}
	return o.StopProfile(ctx, fmt.Sprintf("%s/memory-%s-%d", b.profile, s.Target, b.n))
}
