package main

import (
	"context"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// urgent is B4: zones are switched from Observe to Enforce while a cold start is
// under way. The bound is the same with an operator that has nothing else to do.
func urgent(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		row := &report.Row{Scenario: "B4", Case: fmt.Sprintf("%s, %d devices", target, b.n), Measure: "switch to baseline, in a cold start", Unit: "ms",
			Against: "p99 at rest", Goal: report.Goal{Form: report.RatioOfP99, Limit: 2}}
		declared, err := b.declared(ctx, target, b.n)
		if err != nil {
			return err
		}
		for range b.rounds {
			if err := b.with(ctx, declared, target, func(s *stage.Stage) error { return b.switchWards(ctx, s, row) }); err != nil {
				return fmt.Errorf("%s: %w", target, err)
			}
		}
		b.add(row)
	}
	return nil
}

// switchWards puts some wards into Observe, half of which are then switched in
// the cold start, and half of them after it.
func (b *bench) switchWards(ctx context.Context, s *stage.Stage, row *report.Row) error {
	wards := max(b.n/hospital.PerWard, 1)
	each := min(max(wards/5, 1), 10)
	for w := range 2 * each {
		if err := enforce(ctx, s, wards-1-w, medfencev1alpha1.Observe); err != nil {
			return err
		}
	}
	sight, err := s.Watch(ctx, baselines, "")
	if err != nil {
		return err
	}
	defer sight.Close()
	o, err := s.StartOperator(false)
	if err != nil {
		return err
	}
	defer o.Stop()
	anything := func(watch.Event, *unstructured.Unstructured) bool { return true }
	if _, err := sight.Await(ctx, anything); err != nil {
		return err
	}
	for w := range each {
		took, err := switchWard(ctx, s, sight, wards-1-w)
		if err != nil {
			return err
		}
		row.Subject = append(row.Subject, took)
	}
	if err := o.Settle(ctx, idle); err != nil {
		return err
	}
	return atRest(ctx, s, row, wards-1-each, each)
}

// atRest switches so many wards, from one downwards, while the operator has nothing
// else to do. It has a sight of its own: the API server ends one that nobody reads
// in a start.
func atRest(ctx context.Context, s *stage.Stage, row *report.Row, first, many int) error {
	sight, err := s.Watch(ctx, baselines, "")
	if err != nil {
		return err
	}
	defer sight.Close()
	for w := range many {
		took, err := switchWard(ctx, s, sight, first-w)
		if err != nil {
			return err
		}
		row.Bound = append(row.Bound, took)
		time.Sleep(pause)
	}
	return nil
}

// baselines is the kind of the policies that close a ward.
var baselines = networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy")

// switchWard switches a ward to Enforce, and returns after how many milliseconds
// its baseline was there to be seen.
func switchWard(ctx context.Context, s *stage.Stage, sight *stage.Sight, ward int) (float64, error) {
	begin := time.Now()
	if err := enforce(ctx, s, ward, medfencev1alpha1.Enforce); err != nil {
		return 0, err
	}
	seen, err := sight.Await(ctx, func(e watch.Event, o *unstructured.Unstructured) bool {
		return e.Type == watch.Added && o.GetNamespace() == hospital.WardName(ward) && o.GetLabels()[medfencev1alpha1.LabelComponent] == "baseline"
	})
	return milliseconds(seen.Sub(begin)), err
}

func enforce(ctx context.Context, s *stage.Stage, ward int, mode medfencev1alpha1.Enforcement) error {
	zone := &medfencev1alpha1.DeviceZone{}
	zone.Name = hospital.WardName(ward)
	patch := fmt.Sprintf(`{"spec":{"enforcement":%q}}`, mode)
	if err := s.Admin.Patch(ctx, zone, mergePatch(patch)); err != nil {
		return fmt.Errorf("switching %s: %w", zone.Name, err)
	}
	return nil
}
