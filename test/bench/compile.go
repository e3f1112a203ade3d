package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/bench/ram"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/hospital"
)

// affected is B5: what one change makes the operator read, compile and render,
// in hospitals of 100 devices and more: a cache in memory stands for the
// operator's.
func affected(ctx context.Context, b *bench) error {
	var least *report.Row
	for n := 100; n <= max(10*b.n, 1000); n *= 10 {
		set, took, err := b.affectedOf(ctx, n)
		if err != nil {
			return fmt.Errorf("%d devices: %w", n, err)
		}
		b.say("of %d devices, one change concerns %d zones, %d devices, %d conduits and %d pods", n, set.zones, set.devices, set.conduits, set.pods)
		row := &report.Row{Scenario: "B5", Case: fmt.Sprintf("%d devices", n), Measure: "gather, compile, render", Unit: "ms", Subject: took}
		if least == nil {
			least = row
		} else {
			row.Bound, row.Against, row.Goal = least.Subject, "100 devices", report.Goal{Form: report.RatioOfMedians, Limit: 1.25}
		}
		b.add(row)
		b.add(&report.Row{Scenario: "B5", Case: row.Case, Measure: "devices concerned", Unit: "devices", Subject: report.Samples{float64(set.devices)},
			Bound: report.Samples{hospital.PerWard}, Against: "in the zone", Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1}})
	}
	return nil
}

// A concern is how much a change concerns.
type concern struct{ zones, devices, conduits, pods, policies int }

func (b *bench) affectedOf(ctx context.Context, n int) (concern, report.Samples, error) {
	memory, err := ram.New(ctx, hospital.Large(n))
	if err != nil {
		return concern{}, nil, err
	}
	g := &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}, Settings: gather.Settings{
		Target: snapshot.Netpol, Catalogue: catalog.Embedded(), ClusterDomain: "cluster.local",
	}}
	var (
		set  concern
		took report.Samples
	)
	runtime.GC()
	for range max(b.samples/2, 10) {
		begin := time.Now()
		in, err := g.Zone(ctx, hospital.WardName(0), hospital.Now)
		if err != nil {
			return concern{}, nil, err
		}
		result := compile.Compile(in.Snapshot)
		objects := render.Zone(result.Plan, hospital.WardName(0))
		took = append(took, milliseconds(time.Since(begin)))
		set = concern{zones: len(in.Focus), devices: len(in.Devices), conduits: len(in.Conduits), pods: len(in.Pods), policies: len(objects)}
	}
	return set, took, nil
}
