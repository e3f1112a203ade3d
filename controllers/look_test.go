package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// object reads an object by name or namespace/name.
func (b *bench) object(o client.Object, name string) error {
	key := types.NamespacedName{Name: name}
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		key = types.NamespacedName{Namespace: namespace, Name: rest}
	}
	return b.admin.Get(b.Context(), key, o)
}

func conditionsOf(o client.Object) []metav1.Condition {
	switch o := o.(type) {
	case *medfencev1alpha1.DeviceZone:
		return o.Status.Conditions
	case *medfencev1alpha1.MedicalDevice:
		return o.Status.Conditions
	case *medfencev1alpha1.Conduit:
		return o.Status.Conditions
	}
	return nil
}

// ready waits until Ready says that of an object's current generation.
func (b *bench) ready(o client.Object, name, status, reason string) {
	b.Helper()
	b.eventually(fmt.Sprintf("%T %s to be %s/%s", o, name, status, reason), func() error {
		if err := b.object(o, name); err != nil {
			return err
		}
		for _, c := range conditionsOf(o) {
			if c.Type != medfencev1alpha1.ConditionReady {
				continue
			}
			if c.ObservedGeneration == o.GetGeneration() && string(c.Status) == status && c.Reason == reason {
				return nil
			}
			return fmt.Errorf("it is %s/%s: %s", c.Status, c.Reason, c.Message)
		}
		return errors.New("it says nothing")
	})
}

// edit changes an object as a user does.
func edit[T client.Object](b *bench, o T, name string, change func(T)) {
	b.Helper()
	b.eventually("editing "+name, func() error {
		if err := b.object(o, name); err != nil {
			return err
		}
		change(o)
		return b.admin.Update(b.Context(), o)
	})
}

// remove deletes an object as a user does.
func (b *bench) remove(o client.Object, name string) {
	b.Helper()
	if err := b.object(o, name); err != nil {
		b.Fatal(err)
	}
	if err := b.admin.Delete(b.Context(), o, client.GracePeriodSeconds(0)); err != nil {
		b.Fatal(err)
	}
}

// idle is how long an operator that settled has done nothing; no timer of its
// own but those of conduits is longer.
const idle = longestWait + 200*time.Millisecond

// settled waits until the operator has nothing to do: it has begun, nothing
// waits for a worker or is with one, and nothing came for a while.
func (b *bench) settled() {
	b.Helper()
	var count float64
	since := time.Now()
	b.eventually("the operator to settle", func() error {
		time.Sleep(50 * time.Millisecond)
		n, busy := b.reconciles(), b.busy()
		if n == 0 || n != count || busy > 0 {
			count, since = n, time.Now()
		}
		if age := time.Since(since); age < idle {
			return fmt.Errorf("it reconciled %s ago, and has %v to do", age, busy)
		}
		return nil
	})
}

// reconciles returns how often the operator that runs has reconciled.
func (b *bench) reconciles() float64 {
	b.Helper()
	return b.sum(b.registry, "medfence_reconcile_seconds")
}

// busy returns how many objects are with a worker or wait for one.
func (b *bench) busy() float64 {
	b.Helper()
	return b.sum(ctrlmetrics.Registry, "controller_runtime_active_workers", "workqueue_depth")
}

// sum adds up the metrics of our three controllers.
func (b *bench) sum(from prometheus.Gatherer, names ...string) float64 {
	b.Helper()
	families, err := from.Gather()
	if err != nil {
		b.Fatal(err)
	}
	var n float64
	for _, f := range families {
		if !slices.Contains(names, f.GetName()) {
			continue
		}
		for _, m := range f.GetMetric() {
			if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == "target" }) {
				n += m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return n
}

// notices returns the events about an object, as "Warning DriftRepaired".
func (b *bench) notices(name string) []string {
	b.Helper()
	var list eventsv1.EventList
	if err := b.admin.List(b.Context(), &list); err != nil {
		b.Fatal(err)
	}
	var out []string
	for i := range list.Items {
		if e := &list.Items[i]; e.Regarding.Name == name {
			out = append(out, e.Type+" "+e.Reason)
		}
	}
	return out
}

// words returns the conditions of an object as lines, for people.
func words(o client.Object) string {
	var lines []string
	for _, c := range conditionsOf(o) {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(lines, "\n")
}
