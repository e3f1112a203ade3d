package main

import (
	"context"
	"errors"
	"fmt"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
)

// touch is B7: somebody annotates every device, as inventories do.
func touch(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		at := fmt.Sprintf("%s, %d touches", target, b.n)
		policies := &report.Row{Scenario: "B7", Case: at, Measure: "writes of policies", Unit: "requests", Goal: report.Goal{Form: report.AtMost}}
		all := &report.Row{Scenario: "B7", Case: at, Measure: "writes", Unit: "requests", Goal: report.Goal{Form: report.AtMost}}
		passes := &report.Row{Scenario: "B7", Case: at, Measure: "passes of zones", Unit: "passes"}
		state, err := b.settled(ctx, target, b.n)
		if err != nil {
			return err
		}
		err = b.with(ctx, state, target, func(s *stage.Stage) error {
			did, err := b.watched(ctx, s, "touch-"+target, func() error { return touchAll(ctx, s) })
			policies.Subject = report.Samples{float64(len(gauge.Of(did.writes, gauge.IsPolicyWrite)))}
			all.Subject, passes.Subject = report.Samples{float64(len(did.writes))}, report.Samples{did.passes}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		b.add(policies)
		b.add(all)
		b.add(passes)
	}
	return nil
}

func touchAll(ctx context.Context, s *stage.Stage) error {
	var devices medfencev1alpha1.MedicalDeviceList
	if err := s.Admin.List(ctx, &devices); err != nil {
		return fmt.Errorf("listing devices: %w", err)
	}
	patch := mergePatch(`{"metadata":{"annotations":{"example.org/seen":"today"}}}`)
	return stage.Each(8, devices.Items, func(d medfencev1alpha1.MedicalDevice) error { return s.Admin.Patch(ctx, &d, patch) })
}

// A deed is what an operator did while something happened.
type deed struct {
	writes []gauge.Request
	// passes are those of zones, of whom names tells which; others are those of
	// devices and conduits.
	passes, others float64
}

// watched lets an operator settle, does something, lets it settle again, and
// returns what it did meanwhile. Profiles, if they are wanted, are taken under a name.
func (b *bench) watched(ctx context.Context, s *stage.Stage, name string, do func() error) (deed, error) {
	o, err := s.StartOperator(false)
	if err != nil {
		return deed{}, err
	}
	defer o.Stop()
	if err := o.Settle(ctx, idle); err != nil {
		return deed{}, err
	}
	profiled := b.profileWhile(ctx, o, name)
	did, err := follow(ctx, s, o, do)
	if err := errors.Join(err, profiled()); err != nil {
		return deed{}, err
	}
	b.say("%s: %v, and %v passes of zones", name, gauge.Kinds(did.writes), did.passes)
	return did, nil
}

// follow does something, lets an operator that was at rest settle again, and
// returns what it did meanwhile.
func follow(ctx context.Context, s *stage.Stage, o *stage.Operator, do func() error) (deed, error) {
	if _, err := s.Audit.Next(""); err != nil {
		return deed{}, err
	}
	before, err := o.Metrics(ctx)
	if err != nil {
		return deed{}, err
	}
	if err := do(); err != nil {
		return deed{}, err
	}
	if err := o.Settle(ctx, idle); err != nil {
		return deed{}, err
	}
	after, err := o.Metrics(ctx)
	if err != nil {
		return deed{}, err
	}
	requests, err := s.Audit.Next(stage.OperatorUser)
	if err != nil {
		return deed{}, err
	}
	const name = "medfence_reconcile_seconds"
	ofZones := gauge.Labels{"kind": "DeviceZone"}
	d := deed{writes: gauge.Of(requests, gauge.IsWrite), passes: after.Sum(name, ofZones) - before.Sum(name, ofZones)}
	d.others = after.Sum(name, nil) - before.Sum(name, nil) - d.passes
	return d, nil
}
