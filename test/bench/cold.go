package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
)

// cold is B1: an operator finds a hospital of which nothing is written yet. The
// bound is a bare client that knows what to write.
func cold(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		if err := b.cold(ctx, target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	return nil
}

func (b *bench) cold(ctx context.Context, target string) error {
	at := fmt.Sprintf("%s, %d devices", target, b.n)
	wall := &report.Row{Scenario: "B1", Case: at, Measure: "wall time", Unit: "s", Against: "bare client",
		Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1.3}}
	writes := &report.Row{Scenario: "B1", Case: at, Measure: "writes", Unit: "requests", Against: "bare client",
		Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1.05}}
	events := &report.Row{Scenario: "B1", Case: at, Measure: "events", Unit: "requests"}
	declared, err := b.declared(ctx, target, b.n)
	if err != nil {
		return err
	}
	var work *stage.Work
	for range b.rounds {
		err := b.with(ctx, declared, target, func(s *stage.Stage) error {
			run, err := b.runCold(ctx, s)
			if err != nil {
				return err
			}
			wall.Subject, writes.Subject = append(wall.Subject, seconds(run.took)), append(writes.Subject, float64(len(run.writes)))
			events.Subject = append(events.Subject, float64(run.events))
			work, err = s.Work(ctx)
			return err
		})
		if err != nil {
			return err
		}
		err = b.with(ctx, declared, target, func(s *stage.Stage) error {
			took, err := s.Write(ctx, work)
			wall.Bound, writes.Bound = append(wall.Bound, seconds(took)), append(writes.Bound, float64(work.Writes()))
			return err
		})
		if err != nil {
			return fmt.Errorf("the bare client: %w", err)
		}
	}
	b.add(wall)
	b.add(writes)
	b.add(events)
	return nil
}

// A coldRun is what an operator did from its start until it had nothing to do.
type coldRun struct {
	took   time.Duration
	writes []gauge.Request
	events int
	reads  int
}

func (b *bench) runCold(ctx context.Context, s *stage.Stage) (coldRun, error) {
	o, err := s.StartOperator(false)
	if err != nil {
		return coldRun{}, err
	}
	defer o.Stop()
	ready, err := o.Ready(ctx)
	if err != nil {
		return coldRun{}, err
	}
	profiled := b.profileWhile(ctx, o, "cold-"+s.Target)
	err = o.Settle(ctx, idle)
	if err := errors.Join(err, profiled()); err != nil {
		return coldRun{}, err
	}
	all, err := s.Audit.Next(stage.OperatorUser)
	if err != nil {
		return coldRun{}, err
	}
	m, err := o.Metrics(ctx)
	if err != nil {
		return coldRun{}, err
	}
	run := coldRun{writes: gauge.Of(all, gauge.IsWrite), events: len(gauge.Of(all, gauge.IsEvent))}
	run.reads = len(all) - len(run.writes) - run.events
	run.reads = len(all) - len(run.writes) - run.events
	run.took = lastWrite(run.writes).Sub(o.Started)
	passes := m.Sum("medfence_reconcile_seconds", gauge.Labels{"kind": "DeviceZone"})
	b.say("%s: ready after %.1f s, done after %.1f s; %v passes of zones for %.1f s, %.1f s of them compiling; processor time %.1f s; %d reads; %v",
		s.Target, ready.Sub(o.Started).Seconds(), run.took.Seconds(), passes,
		m.Total("medfence_reconcile_seconds", gauge.Labels{"kind": "DeviceZone"}), m.Total("medfence_compile_seconds", nil),
		m.Sum("process_cpu_seconds_total", nil), run.reads, gauge.Kinds(run.writes))
	return run, nil
}

// profileWhile takes profiles, if they are wanted, until the function that it
// returns is called.
func (b *bench) profileWhile(ctx context.Context, o *stage.Operator, name string) func() error {
	if b.profile == "" {
		return func() error { return nil }
	}
	if err := o.StartProfile(ctx); err != nil {
		return func() error { return err }
	}
	return func() error { return o.StopProfile(ctx, filepath.Join(b.profile, name)) }
}
