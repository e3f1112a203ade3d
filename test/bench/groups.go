package main

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/bench/report"
	"github.com/medfence/medfence/test/bench/stage"
	"github.com/medfence/medfence/test/hospital"
)

// The zone of B10: devices with addresses, a conduit that names them by a label,
// and a ward of pods at its other end.
const (
	bulkZone     = "bulk"
	bulkLabel    = "line"
	addressesOf  = 50 // of each device
	spareAddress = "10.0.255.254"
)

// groups is B10: one more address in a zone with as many as the run has devices.
// A conduit of the whole zone has its prefixes, and the address is among them; a
// conduit of selected devices has a group of their addresses.
func groups(ctx context.Context, b *bench) error {
	for _, selecting := range []bool{false, true} {
		if err := b.groups(ctx, selecting); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) groups(ctx context.Context, selecting bool) error {
	at := fmt.Sprintf("cilium, %d addresses, conduit of the zone", b.n)
	if selecting {
		at = fmt.Sprintf("cilium, %d addresses, conduit of devices", b.n)
	}
	groups := &report.Row{Scenario: "B10", Case: at, Measure: "writes of groups", Unit: "requests", Goal: report.Goal{Form: report.AtMost, Limit: 1}}
	policies := &report.Row{Scenario: "B10", Case: at, Measure: "writes of policies", Unit: "requests", Goal: report.Goal{Form: report.AtMost}}
	sent := &report.Row{Scenario: "B10", Case: at, Measure: "sent for it", Unit: "bytes", Against: "all groups and policies"}
	state, err := b.bulk(ctx, selecting)
	if err != nil {
		return err
	}
	err = b.with(ctx, state, stage.Cilium, func(s *stage.Stage) error {
		did, err := b.addOne(ctx, s)
		if err != nil {
			return err
		}
		b.say("one address more: %v", gauge.Kinds(did.writes))
		wrote := gauge.Of(did.writes, gauge.IsPolicyWrite)
		n := float64(gauge.Kinds(wrote)["update ciliumcidrgroups"])
		groups.Subject, policies.Subject = report.Samples{n}, report.Samples{float64(len(wrote)) - n}
		sent.Subject, sent.Bound = report.Samples{did.sent}, report.Samples{did.size}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range []*report.Row{groups, policies, sent} {
		b.add(row)
	}
	return nil
}

// An addition is what an operator did for one address more: how many bytes it
// sent, of how many that its policies and groups have.
type addition struct {
	deed
	sent, size float64
}

func (b *bench) addOne(ctx context.Context, s *stage.Stage) (addition, error) {
	var out addition
	var before float64
	var err error
	out.deed, err = b.watched(ctx, s, "group-"+s.Target, func() error {
		size, err := s.PolicySize(ctx)
		if err != nil {
			return err
		}
		out.size = float64(size)
		if before, err = s.BytesSent(ctx); err != nil {
			return err
		}
		return addAddress(ctx, s)
	})
	if err != nil {
		return out, err
	}
	after, err := s.BytesSent(ctx)
	out.sent = after - before
	return out, err
}

// addAddress adds one, and returns when the operator has looked at it.
func addAddress(ctx context.Context, s *stage.Stage) error {
	device := &medfencev1alpha1.MedicalDevice{}
	device.Namespace, device.Name = bulkZone, "spare"
	patch := fmt.Sprintf(`{"spec":{"addresses":["10.0.255.250",%q]}}`, spareAddress)
	if err := s.Admin.Patch(ctx, device, mergePatch(patch)); err != nil {
		return fmt.Errorf("adding an address: %w", err)
	}
	return s.Observed(ctx, device)
}

// bulk returns the name of a state in which an operator has written all of B10.
func (b *bench) bulk(ctx context.Context, selecting bool) (string, error) {
	name := fmt.Sprintf("bulk-%d-%t", b.n, selecting)
	return name, b.once(ctx, name, "", stage.Cilium, func(s *stage.Stage) error {
		if err := s.InstallCilium(); err != nil {
			return err
		}
		if err := s.Create(ctx, [][]client.Object{hospital.Ward(0, hospital.PerWard)}); err != nil {
			return err
		}
		if err := s.Create(ctx, [][]client.Object{bulkDevices(b.n, selecting)}); err != nil {
			return err
		}
		o, err := s.StartOperator(false)
		if err != nil {
			return err
		}
		defer o.Stop()
		return o.Settle(ctx, idle)
	})
}

// bulkDevices returns a zone with devices that have so many addresses together,
// no two of which make a prefix; and what joins it, or the devices alone, to the
// first ward.
func bulkDevices(addresses int, selecting bool) []client.Object {
	zone := &medfencev1alpha1.DeviceZone{ObjectMeta: metav1.ObjectMeta{Name: bulkZone}}
	zone.Spec.Role, zone.Spec.Enforcement = medfencev1alpha1.RoleDevice, medfencev1alpha1.Enforce
	zone.Spec.Members.CIDRs, zone.Spec.Members.Namespaces = []string{"10.0.0.0/14"}, []string{bulkZone}
	conduit := &medfencev1alpha1.Conduit{ObjectMeta: metav1.ObjectMeta{Name: "bulk-to-ward"}}
	conduit.Spec.From.Zones, conduit.Spec.To.Zones = []string{bulkZone}, []string{hospital.WardName(0)}
	if selecting {
		conduit.Spec.From.DeviceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{bulkLabel: "a"}}
	}
	conduit.Spec.Services = []medfencev1alpha1.ConduitService{{Protocol: "TCP", Port: new(int32(443)), Encrypted: "Yes"}}
	conduit.Spec.Purpose = "Readings to the ward's gateways"
	out := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: bulkZone}}, zone, conduit}
	next := netip.MustParseAddr("10.0.0.1")
	for i := 0; i*addressesOf < addresses; i++ {
		d := bulkDevice(fmt.Sprintf("d-%d", i))
		for range min(addressesOf, addresses-i*addressesOf) {
			d.Spec.Addresses = append(d.Spec.Addresses, next.String())
			next = next.Next().Next() // every other one
		}
		out = append(out, d)
	}
	spare := bulkDevice("spare")
	spare.Spec.Addresses = []string{"10.0.255.250"}
	return append(out, spare)
}

func bulkDevice(name string) *medfencev1alpha1.MedicalDevice {
	d := &medfencev1alpha1.MedicalDevice{ObjectMeta: metav1.ObjectMeta{Namespace: bulkZone, Name: name, Labels: map[string]string{bulkLabel: "a"}}}
	d.Spec.Zone, d.Spec.Criticality = bulkZone, medfencev1alpha1.CriticalityMonitoring
	return d
}
