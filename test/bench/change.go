package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// pause lets an operator finish what follows from a change, such as statuses,
// before the next one.
const pause = 250 * time.Millisecond

// change is B3: the pods of one device are others, and the policy for them must
// stand. The bound is a policy that somebody writes, and sees by a watch.
func change(ctx context.Context, b *bench) error {
	for _, target := range b.targets {
		var least *report.Row
		for _, n := range b.sizes() {
			row, err := b.change(ctx, target, n)
			if err != nil {
				return fmt.Errorf("%s, %d devices: %w", target, n, err)
			}
			if least == nil {
				least = row
			}
			if n > 100 {
				b.add(&report.Row{Scenario: "B3", Case: row.Case, Measure: "the same", Unit: "ms", Subject: row.Subject, Bound: least.Subject,
					Against: "100 devices", Goal: report.Goal{Form: report.RatioOfP99, Limit: 1.5}})
			}
		}
	}
	return nil
}

// sizes are 100, 1,000, 10,000 and so on, up to the hospital of the run.
func (b *bench) sizes() []int {
	var out []int
	for n := 100; n < b.n; n *= 10 {
		out = append(out, n)
	}
	return append(out, b.n)
}

func (b *bench) change(ctx context.Context, target string, n int) (*report.Row, error) {
	at := fmt.Sprintf("%s, %d devices", target, n)
	row := &report.Row{Scenario: "B3", Case: at, Measure: "change to policy", Unit: "ms", Against: "bare write and watch",
		Goal: report.Goal{Form: report.MoreThanMedian, Limit: 15}}
	writes := &report.Row{Scenario: "B3", Case: at, Measure: "writes a change", Unit: "requests"}
	passes := &report.Row{Scenario: "B3", Case: at, Measure: "passes of zones a change", Unit: "passes"}
	state, err := b.settled(ctx, target, n)
	if err != nil {
		return nil, err
	}
	err = b.with(ctx, state, target, func(s *stage.Stage) error {
		o, err := s.StartOperator(false)
		if err != nil {
			return err
		}
		defer o.Stop()
		if err := o.Settle(ctx, idle); err != nil {
			return err
		}
		c, err := newChanger(ctx, s)
		if err != nil {
			return err
		}
		defer c.close()
		c.wards = max(n/hospital.PerWard, 1)
		profiled := b.profileWhile(ctx, o, fmt.Sprintf("change-%s-%d", target, n))
		err = b.changeMany(ctx, c, o, changeRows{row, writes, passes})
		return errors.Join(err, profiled())
	})
	if err != nil {
		return nil, err
	}
	b.add(row)
	b.add(writes)
	b.add(passes)
	return row, nil
}

type changeRows struct{ took, writes, passes *report.Row }

// changeMany changes one device after the other, and the bare policy by turns.
func (b *bench) changeMany(ctx context.Context, c *changer, o *stage.Operator, rows changeRows) error {
	_, _ = c.stage.Audit.Next("")
	before, err := o.Metrics(ctx)
	if err != nil {
		return err
	}
	for i := range b.samples {
		time.Sleep(pause)
		took, err := c.subject(ctx, i, c.wards)
		if err != nil {
			return err
		}
		rows.took.Subject = append(rows.took.Subject, milliseconds(took))
		time.Sleep(pause)
		if took, err = c.bound(ctx, i); err != nil {
			return err
		}
		rows.took.Bound = append(rows.took.Bound, milliseconds(took))
	}
	if err := o.Settle(ctx, idle); err != nil {
		return err
	}
	after, err := o.Metrics(ctx)
	if err != nil {
		return err
	}
	rows.passes.Subject = report.Samples{(zonePasses(after) - zonePasses(before)) / float64(b.samples)}
	all, err := c.stage.Audit.Next(stage.OperatorUser)
	wrote := gauge.Of(all, gauge.IsWrite)
	b.say("%d changes: %v", b.samples, gauge.Kinds(wrote))
	rows.writes.Subject = report.Samples{float64(len(wrote)) / float64(b.samples)}
	return err
}

// zonePasses returns how often an operator has passed zones.
func zonePasses(m gauge.Metrics) float64 {
	return m.Sum("medfence_reconcile_seconds", gauge.Labels{"kind": "DeviceZone"})
}

// A changer changes devices, and sees what comes of it.
type changer struct {
	stage    *stage.Stage
	wards    int
	policies *stage.Sight
	bare     *stage.Sight
}

// bareNamespace belongs to no zone.
const bareNamespace = "bare"

func newChanger(ctx context.Context, s *stage.Stage) (*changer, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: bareNamespace}}
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: bareNamespace, Name: "bare"}}
	for _, o := range []client.Object{namespace, policy} {
		if err := s.Admin.Create(ctx, o); err != nil {
			return nil, fmt.Errorf("making a policy: %w", err)
		}
	}
	policies, err := s.Watch(ctx, s.PolicyKind(), "")
	if err != nil {
		return nil, err
	}
	bare, err := s.Watch(ctx, networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), bareNamespace)
	return &changer{stage: s, policies: policies, bare: bare}, err
}

func (c *changer) close() {
	c.policies.Close()
	c.bare.Close()
}

// subject gives a device other pods, and returns after which time the policy
// for them was there to be seen.
func (c *changer) subject(ctx context.Context, number, wards int) (time.Duration, error) {
	app := fmt.Sprintf("change-%d", number)
	device := &medfencev1alpha1.MedicalDevice{}
	device.Namespace, device.Name = hospital.WardName(number%wards), hospital.WardDevice(0)
	return c.time(ctx, c.policies, app, device, fmt.Sprintf(`{"spec":{"workload":{"podSelector":{"matchLabels":{"app":%q}}}}}`, app))
}

// bound gives a policy another selector, and returns after which time that was
// there to be seen.
func (c *changer) bound(ctx context.Context, number int) (time.Duration, error) {
	app := fmt.Sprintf("bare-%d", number)
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: bareNamespace, Name: "bare"}}
	return c.time(ctx, c.bare, app, policy, fmt.Sprintf(`{"spec":{"podSelector":{"matchLabels":{"app":%q}}}}`, app))
}

func (c *changer) time(ctx context.Context, sight *stage.Sight, text string, object client.Object, patch string) (time.Duration, error) {
	begin := time.Now()
	if err := c.stage.Admin.Patch(ctx, object, mergePatch(patch)); err != nil {
		return 0, fmt.Errorf("changing %s: %w", object.GetName(), err)
	}
	seen, err := sight.Await(ctx, stage.Mentions(text+"]"))
	return seen.Sub(begin), err
}
