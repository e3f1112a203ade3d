package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// gateDevices is the size of the hospital whose counts are asserted.
const gateDevices = 500

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// newBench returns a bench on the operator of this checkout.
func newBench(t *testing.T, n int) *bench {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "medfence")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v\n%s", err, out)
	}
	return &bench{
		n: n, rounds: 1, samples: 1, log: t.Output(), report: &report.Report{},
		options: stage.Options{Repository: root, Binary: binary, Dir: t.TempDir(), Workers: 4, QPS: 1000, Burst: 2000},
	}
}

// Counts do not depend on the machine. What they guard is that a hospital of any
// size costs what it must: no write twice, and none for what did not change.
func TestWritesOfAWholeHospital(t *testing.T) {
	b := newBench(t, gateDevices)
	s, err := b.open(t.Context(), "", stage.Netpol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Create(t.Context(), hospital.Large(b.n)); err != nil {
		t.Fatal(err)
	}
	var work *stage.Work
	t.Run("B1: a start writes each policy and each status about once", func(t *testing.T) {
		run, err := b.runCold(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if work, err = s.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		kinds := gauge.Kinds(run.writes)
		if got, want := kinds["create networkpolicies"], b.n/2+b.n/hospital.PerWard; got != want {
			t.Errorf("%d policies, want one for each pod and each zone: %d", got, want)
		}
		if got, most := len(run.writes), work.Writes()*105/100; got < work.Writes() || got > most {
			t.Errorf("%d writes, want %d to %d: %v", got, work.Writes(), most, kinds)
		}
		if run.reads > 200 {
			t.Errorf("%d reads beside watches: something is read live for each zone", run.reads)
		}
	})
	o, err := s.StartOperator(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Stop)
	t.Run("B2: a restart writes nothing", func(t *testing.T) {
		if err := o.Settle(t.Context(), idle); err != nil {
			t.Fatal(err)
		}
		assertWrites(t, s, map[string]int{})
	})
	t.Run("B3: one device changed writes four objects of its zone", func(t *testing.T) {
		did := followed(t, s, o, func(ctx context.Context) error {
			c, err := newChanger(ctx, s)
			if err != nil {
				return err
			}
			defer c.close()
			_, err = c.subject(ctx, 1, b.n/hospital.PerWard)
			return err
		})
		want := map[string]int{
			"create networkpolicies": 1, "delete networkpolicies": 1,
			"patch medicaldevices/status": 1, "patch devicezones/status": 1,
		}
		if diff := cmp.Diff(want, gauge.Kinds(taken(did.writes))); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		for _, w := range did.writes {
			if w.Namespace != hospital.WardName(1) && w.Name != hospital.WardName(1) {
				t.Errorf("%s %s %s/%s is no object of the zone", w.Verb, w.Resource, w.Namespace, w.Name)
			}
		}
		if did.passes < 1 || did.passes > 8 {
			t.Errorf("%v passes of zones, want at most 8", did.passes)
		}
	})
	t.Run("B7: touching every device writes nothing", func(t *testing.T) {
		did := followed(t, s, o, func(ctx context.Context) error { return touchAll(ctx, s) })
		if len(did.writes) > 0 || did.passes > 0 {
			t.Errorf("%v, and %v passes of zones; want none", gauge.Kinds(did.writes), did.passes)
		}
	})
	t.Run("B8: each policy that somebody deleted is written once", func(t *testing.T) {
		list, err := victims(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		did := followed(t, s, o, func(ctx context.Context) error {
			if err := deleteAll(ctx, s, list); err != nil {
				return err
			}
			return stage.Until(ctx, "all are back", func() error {
				now, err := victims(ctx, s)
				if err == nil && len(now) != len(list) {
					err = fmt.Errorf("%d are back of %d", len(now), len(list))
				}
				return err
			})
		})
		wrote := gauge.Of(did.writes, gauge.IsPolicyWrite)
		if diff := cmp.Diff(map[string]int{"create networkpolicies": len(list)}, gauge.Kinds(taken(wrote))); diff != "" {
			t.Errorf("writes of policies (-want +got):\n%s", diff)
		}
		if most := len(list) * 105 / 100; len(wrote) > most {
			t.Errorf("%d tries to write %d policies, want at most %d", len(wrote), len(list), most)
		}
	})
}

// taken returns the writes that the API server took: a cache that is behind makes
// a few that it refuses, which change nothing.
func taken(writes []gauge.Request) []gauge.Request {
	return gauge.Of(writes, func(r gauge.Request) bool { return r.Code < 300 })
}

// followed returns what the operator did while something happened.
func followed(t *testing.T, s *stage.Stage, o *stage.Operator, do func(context.Context) error) deed {
	t.Helper()
	did, err := follow(t.Context(), s, o, func() error { return do(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	return did
}

// assertWrites asserts what the operator has written since somebody looked.
func assertWrites(t *testing.T, s *stage.Stage, want map[string]int) {
	t.Helper()
	all, err := s.Audit.Next(stage.OperatorUser)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Error("the operator asked for nothing: is it the user of the audit log?")
	}
	if diff := cmp.Diff(want, gauge.Kinds(gauge.Of(all, gauge.IsWrite))); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// B10: one address more is no rewrite of policies. A zone's conduit has its
// prefixes, among which the address is. A conduit of devices has a group of
// addresses, to which it moves from the rest of the zone's: it joins the one
// before it leaves the other.
func TestWritesOfOneAddressMore(t *testing.T) {
	b := newBench(t, gateDevices)
	s, err := b.open(t.Context(), "", stage.Cilium)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.InstallCilium(); err != nil {
		t.Fatal(err)
	}
	// A few pods: each has a policy that would be rewritten.
	if err := s.Create(t.Context(), [][]client.Object{hospital.Ward(0, 20), bulkDevices(b.n, false)}); err != nil {
		t.Fatal(err)
	}
	device := &medfencev1alpha1.MedicalDevice{}
	device.Namespace, device.Name = bulkZone, "spare"
	for _, tc := range []struct {
		name   string
		before func() error
		want   map[string]int
	}{
		{"a conduit of the zone", func() error { return nil }, map[string]int{"patch medicaldevices/status": 1}},
		{"a conduit of devices", func() error { return selectDevices(t.Context(), s) }, map[string]int{
			"patch medicaldevices/status": 1, "update ciliumcidrgroups": 2,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.before(); err != nil {
				t.Fatal(err)
			}
			did, err := b.addOne(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, gauge.Kinds(taken(did.writes))); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if did.sent > did.size/2 {
				t.Errorf("%.0f bytes sent, of %.0f that all policies and groups have", did.sent, did.size)
			}
		})
	}
}

// selectDevices makes the conduit of B10 one of selected devices, and takes away
// the address that was added.
func selectDevices(ctx context.Context, s *stage.Stage) error {
	spare := bulkDevice("spare")
	conduit := &medfencev1alpha1.Conduit{}
	conduit.Name = "bulk-to-ward"
	if err := s.Admin.Patch(ctx, spare, mergePatch(`{"spec":{"addresses":["10.0.255.250"]}}`)); err != nil {
		return err
	}
	return s.Admin.Patch(ctx, conduit, mergePatch(`{"spec":{"from":{"deviceSelector":{"matchLabels":{"`+bulkLabel+`":"a"}}}}}`))
}

// B5: what one change makes the operator read does not grow with the hospital.
func TestAChangeConcernsItsOwnZone(t *testing.T) {
	for target, want := range map[string]concern{
		"netpol": {zones: 2, devices: hospital.PerWard, conduits: 3, pods: hospital.PerWard / 2, policies: hospital.PerWard/2 + 1, read: 266},
		"cilium": {zones: 2, devices: hospital.PerWard, conduits: 3, pods: hospital.PerWard / 2, policies: hospital.PerWard/2 + 5, read: 268},
	} {
		for _, n := range []int{100, 1000, 10_000} {
			got, err := affectedOf(t.Context(), target, n, 1)
			if err != nil {
				t.Fatal(err)
			}
			got.size, got.took = "", nil
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(concern{})); diff != "" {
				t.Errorf("%s: what a change concerns of %d devices (-want +got):\n%s", target, n, diff)
			}
		}
	}
}
