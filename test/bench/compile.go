package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/cidrgroup"
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
	for _, target := range b.targets {
		var least *concern
		for n := 100; n <= max(10*b.n, 1000); n *= 10 {
			c, err := affectedOf(ctx, target, n, max(b.samples/2, 10))
			if err != nil {
				return fmt.Errorf("%s, %d devices: %w", target, n, err)
			}
			b.addAffected(c, least)
			if least == nil {
				least = &c
			}
		}
	}
	return nil
}

// addAffected adds the rows of one size; least is the smallest one, or nil.
func (b *bench) addAffected(c concern, least *concern) {
	b.say("%s: one change concerns %d zones, %d devices, %d conduits and %d pods, and makes %d objects", c.size, c.zones, c.devices, c.conduits, c.pods, c.policies)
	took := &report.Row{Scenario: "B5", Case: c.size, Measure: "gather, compile, render", Unit: "ms", Subject: c.took}
	read := &report.Row{Scenario: "B5", Case: c.size, Measure: "objects read", Unit: "objects", Subject: report.Samples{float64(c.read)}}
	if least != nil {
		took.Bound, took.Against, took.Goal = least.took, "100 devices", report.Goal{Form: report.RatioOfMedians, Limit: 1.25}
		read.Bound, read.Against, read.Goal = report.Samples{float64(least.read)}, "100 devices", report.Goal{Form: report.RatioOfMedians, Limit: 1}
	}
	b.add(took)
	b.add(read)
	b.add(&report.Row{
		Scenario: "B5", Case: c.size, Measure: "devices concerned", Unit: "devices", Subject: report.Samples{float64(c.devices)},
		Bound: report.Samples{hospital.PerWard}, Against: "in the zone", Goal: report.Goal{Form: report.RatioOfMedians, Limit: 1},
	})
}

// A concern is how much a change concerns in a hospital of some size, how many
// objects are read for it, and how long it took.
type concern struct {
	size                                           string
	zones, devices, conduits, pods, policies, read int
	took                                           report.Samples
}

func affectedOf(ctx context.Context, target string, n, samples int) (concern, error) {
	out := concern{size: fmt.Sprintf("%s, %d devices", target, n)}
	g, memory, err := gathererOf(ctx, target, n)
	if err != nil {
		return out, err
	}
	runtime.GC()
	for range samples {
		before, begin := memory.Read(), time.Now()
		in, err := g.Zone(ctx, hospital.WardName(0), hospital.Now)
		if err != nil {
			return out, err
		}
		result := compile.Compile(in.Snapshot)
		objects := render.ZoneOf(result.Guards, hospital.WardName(0))
		out.took = append(out.took, milliseconds(time.Since(begin)))
		out.zones, out.devices, out.conduits, out.pods = len(in.Zones), len(in.Devices), len(in.Conduits), len(in.Pods)
		out.policies, out.read = len(objects), memory.Read()-before
	}
	return out, nil
}

// gathererOf returns a gatherer of a hospital in memory, with its policies.
func gathererOf(ctx context.Context, target string, n int) (*gather.Gatherer, *ram.Memory, error) {
	wards := hospital.Large(n)
	for i := range wards {
		wards[i] = append(wards[i], standing(wards[i], hospital.WardName(i), target)...)
	}
	memory, err := ram.New(ctx, wards)
	if err != nil {
		return nil, nil, fmt.Errorf("keeping a hospital in memory: %w", err)
	}
	return &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}, Settings: gather.Settings{
		Target: snapshot.TargetKind(target), Groups: target == string(snapshot.Cilium), Catalogue: catalog.Embedded(), ClusterDomain: "cluster.local",
	}}, memory, nil
}

// standing returns of a ward's policies and groups what a pass of a zone looks for:
// whose they are, and which groups they name. The zone gets a UID.
func standing(ward []client.Object, zone, target string) []client.Object {
	for _, o := range ward {
		if _, ok := o.(*medfencev1alpha1.DeviceZone); ok {
			o.SetUID(types.UID(o.GetName()))
		}
	}
	object := func(version, kind, name, namespace string, spec map[string]any) client.Object {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind, "spec": spec}}
		o.SetName(name)
		o.SetNamespace(namespace)
		o.SetLabels(map[string]string{
			medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy, medfencev1alpha1.LabelZone: zone, medfencev1alpha1.LabelComponent: "baseline",
		})
		o.SetAnnotations(map[string]string{medfencev1alpha1.AnnotationZoneUID: zone})
		return o
	}
	out := []client.Object{object("networking.k8s.io/v1", "NetworkPolicy", "medfence-baseline", zone, nil)}
	if target == string(snapshot.Cilium) {
		group := "medfence-" + zone
		out = append(out, object("cilium.io/v2", "CiliumCIDRGroup", group, "", map[string]any{"externalCIDRs": []any{"10.0.0.0/24"}}),
			object("cilium.io/v2", "CiliumClusterwideNetworkPolicy", group, "", map[string]any{"x": []any{map[string]any{cidrgroup.FieldRef: group}}}))
	}
	return out
}
