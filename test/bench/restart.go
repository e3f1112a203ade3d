package main

import (
	"context"
	"fmt"
	"time"

	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
)

// restart is B2: an operator comes back and finds all as it left it.
func restart(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		if err := b.restart(ctx, target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	return nil
}

func (b *bench) restart(ctx context.Context, target string) error {
	at := fmt.Sprintf("%s, %d devices", target, b.n)
	writes := &report.Row{Scenario: "B2", Case: at, Measure: "writes", Unit: "requests", Goal: report.Goal{Form: report.AtMost}}
	ready := &report.Row{Scenario: "B2", Case: at, Measure: "ready after", Unit: "s", Against: "a bare list of the same"}
	past := &report.Row{Scenario: "B2", Case: at, Measure: "ready, less a start on nothing", Unit: "s", Against: "a bare list of the same",
		Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1.2}}
	checked := &report.Row{Scenario: "B2", Case: at, Measure: "all checked after", Unit: "s"}
	idleStart, err := b.emptyStart(ctx, target)
	if err != nil {
		return err
	}
	settled, err := b.settled(ctx, target, b.n)
	if err != nil {
		return err
	}
	err = b.with(ctx, settled, target, func(s *stage.Stage) error {
		for range b.rounds {
			if err := b.restartOnce(ctx, s, writes, ready, checked); err != nil {
				return err
			}
			took, err := s.ListAll(ctx)
			if err != nil {
				return err
			}
			ready.Bound, past.Bound = append(ready.Bound, seconds(took)), append(past.Bound, seconds(took))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range ready.Subject {
		past.Subject = append(past.Subject, t-idleStart)
	}
	for _, row := range []*report.Row{writes, ready, past, checked} {
		b.add(row)
	}
	return nil
}

// emptyStart returns how long a start takes where there is nothing to list.
func (b *bench) emptyStart(ctx context.Context, target string) (float64, error) {
	empty, err := b.declared(ctx, target, 0)
	if err != nil {
		return 0, err
	}
	var took report.Samples
	err = b.with(ctx, empty, target, func(s *stage.Stage) error {
		for range b.rounds {
			o, err := s.StartOperator(false)
			if err != nil {
				return err
			}
			at, err := o.Ready(ctx)
			o.Stop()
			if err != nil {
				return err
			}
			took = append(took, seconds(at.Sub(o.Started)))
		}
		return nil
	})
	return took.Median(), err
}

func (b *bench) restartOnce(ctx context.Context, s *stage.Stage, writes, ready, checked *report.Row) error {
	if _, err := s.Audit.Next(""); err != nil {
		return err
	}
	o, err := s.StartOperator(false)
	if err != nil {
		return err
	}
	defer o.Stop()
	at, err := o.Ready(ctx)
	if err != nil {
		return err
	}
	profiled := b.profileWhile(ctx, o, "restart-"+s.Target)
	if err := o.Settle(ctx, idle); err != nil {
		return err
	}
	done := time.Now().Add(-idle)
	if err := profiled(); err != nil {
		return err
	}
	all, err := s.Audit.Next(stage.OperatorUser)
	if err != nil {
		return err
	}
	wrote := gauge.Of(all, gauge.IsWrite)
	if len(wrote) > 0 {
		b.say("a restart wrote %v", gauge.Kinds(wrote))
	}
	writes.Subject = append(writes.Subject, float64(len(wrote)))
	ready.Subject = append(ready.Subject, seconds(at.Sub(o.Started)))
	checked.Subject = append(checked.Subject, seconds(done.Sub(o.Started)))
	return nil
}
