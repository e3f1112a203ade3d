package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
)

// vandal is B8: somebody deletes policies, a thousand at once. The bound is a
// bare client that sees each one go by a watch, and knows what was there.
func vandal(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		if err := b.vandal(ctx, target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	return nil
}

func (b *bench) vandal(ctx context.Context, target string) error {
	state, err := b.settled(ctx, target, b.n)
	if err != nil {
		return err
	}
	row := &report.Row{Scenario: "B8", Measure: "deleted to all back", Unit: "s", Against: "bare client",
		Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1.5}}
	writes := &report.Row{Scenario: "B8", Measure: "writes of policies", Unit: "requests", Against: "deleted",
		Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1}}
	err = b.with(ctx, state, target, func(s *stage.Stage) error {
		victims, err := victims(ctx, s)
		if err != nil {
			return err
		}
		row.Case = fmt.Sprintf("%s, %d of %d devices' policies", target, len(victims), b.n)
		writes.Case = row.Case
		for range b.rounds {
			begin := time.Time{}
			did, err := b.watched(ctx, s, "vandal-"+target, func() error {
				begin = time.Now()
				return deleteAll(ctx, s, victims)
			})
			if err != nil {
				return err
			}
			wrote := gauge.Of(did.writes, gauge.IsPolicyWrite)
			row.Subject = append(row.Subject, seconds(lastWrite(wrote).Sub(begin)))
			writes.Subject, writes.Bound = append(writes.Subject, float64(len(wrote))), report.Samples{float64(len(victims))}
			took, err := recreate(ctx, s, victims)
			if err != nil {
				return fmt.Errorf("the bare client: %w", err)
			}
			row.Bound = append(row.Bound, seconds(took))
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.add(row)
	b.add(writes)
	return nil
}

// victims returns at most a thousand policies of workloads.
func victims(ctx context.Context, s *stage.Stage) ([]*unstructured.Unstructured, error) {
	work, err := s.Work(ctx)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for _, list := range work.Policies {
		for _, o := range list {
			if o.GetKind() == s.PolicyKind().Kind && len(out) < 1000 {
				out = append(out, o)
			}
		}
	}
	return out, nil
}

func deleteAll(ctx context.Context, s *stage.Stage, victims []*unstructured.Unstructured) error {
	return stage.Each(8, victims, func(o *unstructured.Unstructured) error { return s.Admin.Delete(ctx, o.DeepCopy()) })
}

// recreate deletes policies, sees each go, and creates it anew with as many
// workers as an operator has.
func recreate(ctx context.Context, s *stage.Stage, victims []*unstructured.Unstructured) (time.Duration, error) {
	config, err := s.BareConfig(ctx)
	if err != nil {
		return 0, err
	}
	bare, err := client.New(config, client.Options{})
	if err != nil {
		return 0, fmt.Errorf("making a bare client: %w", err)
	}
	gone, err := s.Deletions(ctx)
	if err != nil {
		return 0, err
	}
	defer gone.Close()
	known := map[client.ObjectKey]*unstructured.Unstructured{}
	for _, o := range victims {
		known[client.ObjectKeyFromObject(o)] = o
	}
	begin := time.Now()
	deleted := make(chan error, 1)
	go func() { deleted <- deleteAll(ctx, s, victims) }()
	err = stage.Each(s.Workers, victims, func(*unstructured.Unstructured) error {
		key, err := gone.Next(ctx)
		if err != nil {
			return err
		}
		return bare.Create(ctx, known[key].DeepCopy())
	})
	took := time.Since(begin)
	if e := <-deleted; e != nil {
		return 0, e
	}
	return took, err
}
