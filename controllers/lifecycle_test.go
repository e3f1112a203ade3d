package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

const (
	baselineOfPumps = "medfence-baseline-infusion"
	allowOfPumps    = "medfence-gateway-6a97848e20"
)

// admits reports whether the gateway's policy lets a TCP port in.
func (b *bench) admits(port int32) bool {
	b.Helper()
	p := &networkingv1.NetworkPolicy{}
	if err := b.object(p, "infusion/"+allowOfPumps); err != nil {
		return false
	}
	return slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
		return slices.ContainsFunc(r.Ports, func(q networkingv1.NetworkPolicyPort) bool { return q.Port.IntVal == port })
	})
}

func TestATypingErrorInAConduitInUseKeepsTheLastAcceptedSpec(t *testing.T) {
	b := newHappy(t, "netpol")
	b.calls.reset()
	conduit := &medfencev1alpha1.Conduit{}
	edit(b, conduit, "library-to-pumps", func(c *medfencev1alpha1.Conduit) {
		c.Spec.To.Zones = []string{"infusoin"}
		c.Spec.Services[0].Port = new(int32(4000))
	})
	b.ready(conduit, "library-to-pumps", "False", medfencev1alpha1.ReasonUnknownZone)
	b.settled()
	if err := b.object(conduit, "library-to-pumps"); err != nil {
		t.Fatal(err)
	}
	want := `Accepted=False UnknownZone: spec.to.zones[0]: there is no zone "infusoin"; did you mean "infusion"?
Enforced=True Enforced: The flow is permitted, and nothing beside it.
Ready=False UnknownZone: spec.to.zones[0]: there is no zone "infusoin"; did you mean "infusion"?
Stalled=True UnknownZone: spec.to.zones[0]: there is no zone "infusoin"; did you mean "infusion"?`
	if diff := cmp.Diff(want, words(conduit)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !b.admits(3613) || b.admits(4000) {
		t.Error("the last accepted spec is not in force")
	}
	if got := b.calls.seen("networkpolicies"); len(got) > 0 {
		t.Errorf("wrote policies: %v", got)
	}
	edit(b, conduit, "library-to-pumps", func(c *medfencev1alpha1.Conduit) { c.Spec.To.Zones = []string{"infusion"} })
	b.ready(conduit, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)
	b.eventually("the new spec to be in force", func() error {
		if !b.admits(4000) || b.admits(3613) {
			return errors.New("it is not")
		}
		return nil
	})
	if got := words(conduit); strings.Contains(got, "Stalled") {
		t.Errorf("it is still stalled:\n%s", got)
	}
}

func TestADeviceInAnUnknownZoneHearsTheNearestName(t *testing.T) {
	b := newHappy(t, "netpol")
	device := &medfencev1alpha1.MedicalDevice{}
	device.Namespace, device.Name = "infusion", "lost"
	device.Spec.Zone, device.Spec.Criticality = "infusoin", medfencev1alpha1.CriticalityAncillary
	b.createOne(device)
	b.ready(device, "infusion/lost", "False", medfencev1alpha1.ReasonUnknownZone)
	if got := words(device); !strings.Contains(got, `did you mean "infusion"?`) {
		t.Errorf("no hint in\n%s", got)
	}
}

func TestAConduitBeginsAndEndsByTheClock(t *testing.T) {
	b := newHappy(t, "netpol")
	conduit := &medfencev1alpha1.Conduit{}
	begins := time.Now().Add(2 * time.Second).Truncate(time.Second)
	ends := begins.Add(2 * time.Second)
	edit(b, conduit, "library-to-pumps", func(c *medfencev1alpha1.Conduit) {
		c.Spec.StartsAt, c.Spec.ExpiresAt = &metav1.Time{Time: begins}, &metav1.Time{Time: ends}
	})
	b.ready(conduit, "library-to-pumps", "True", medfencev1alpha1.ReasonScheduled)
	b.eventually("it to be closed", func() error { return differ(false, b.admits(3613)) })
	if time.Now().After(begins) {
		t.Error("it was closed only after it had begun")
	}
	b.eventually("it to begin", func() error { return differ(true, b.admits(3613)) })
	if early := time.Until(begins); early > 0 {
		t.Errorf("it began %s early", early)
	}
	b.ready(conduit, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)
	if want := ends.UTC().Format(time.RFC3339); conduit.Status.Expires != want {
		t.Errorf("expires is %q, want %q", conduit.Status.Expires, want)
	}
	b.eventually("it to end", func() error { return differ(false, b.admits(3613)) })
	if late := time.Since(ends); late < 0 || late > 2*time.Second {
		t.Errorf("it ended %s late", late)
	}
	b.ready(conduit, "library-to-pumps", "True", medfencev1alpha1.ReasonExpired)
	b.eventually("the events", func() error {
		got := b.notices("library-to-pumps")
		for _, want := range []string{"Normal Scheduled", "Normal Enforced", "Normal Expired"} {
			if !slices.Contains(got, want) {
				return fmt.Errorf("no %s in %v", want, got)
			}
		}
		return nil
	})
}

func TestWhatEndedWhileTheOperatorWasDownIsClosedFirst(t *testing.T) {
	b := newHappy(t, "netpol")
	ends := time.Now().Add(3 * time.Second).Truncate(time.Second)
	edit(b, &medfencev1alpha1.Conduit{}, "library-to-pumps", func(c *medfencev1alpha1.Conduit) { c.Spec.ExpiresAt = &metav1.Time{Time: ends} })
	b.eventually("the expiry to be accepted", func() error {
		c := &medfencev1alpha1.Conduit{}
		return errors.Join(b.object(c, "library-to-pumps"), differ(ends.UTC().Format(time.RFC3339), c.Status.Expires))
	})
	b.stop()
	for i := range 5 {
		name := fmt.Sprintf("a-zone-%d", i)
		b.create(fmt.Sprintf("{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: %s}, spec: {role: Corporate}}", name))
	}
	time.Sleep(time.Until(ends))
	b.calls.reset()
	b.start()
	b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "True", medfencev1alpha1.ReasonExpired)
	b.settled()
	if got := b.calls.seen(""); len(got) == 0 || got[0] != "DELETE /apis/networking.k8s.io/v1/namespaces/infusion/networkpolicies/"+allowOfPumps {
		t.Errorf("the first writes were %v", got)
	}
}

func TestADeletedZoneStaysClosedWhilePodsRun(t *testing.T) {
	b := newHappy(t, "netpol")
	zone := &medfencev1alpha1.DeviceZone{}
	b.remove(zone, "infusion")
	b.ready(zone, "infusion", "False", medfencev1alpha1.ReasonHeld)
	b.settled()
	if err := b.object(zone, "infusion"); err != nil {
		t.Fatal(err)
	}
	want := "2 pods still run in infusion, which therefore stays closed; end them, or set deletionPolicy: Release to open it."
	if got := words(zone); !strings.Contains(got, want) {
		t.Errorf("it does not say why:\n%s", got)
	}
	if diff := cmp.Diff([]medfencev1alpha1.NamespaceStatus{{Name: "infusion", Held: true, Baseline: true}}, zone.Status.Namespaces); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{baselineOfPumps, allowOfPumps}, b.policies("infusion")); diff != "" {
		t.Error(diff)
	}
	b.remove(&corev1.Pod{}, "infusion/gw-1")
	b.remove(&corev1.Pod{}, "infusion/gw-2")
	b.gone("infusion")
	b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "False", medfencev1alpha1.ReasonUnknownZone)
	b.ready(&medfencev1alpha1.MedicalDevice{}, "infusion/pump-gateway", "False", medfencev1alpha1.ReasonUnknownZone)
}

// gone waits until a zone and its policies are no more.
func (b *bench) gone(zone string) {
	b.Helper()
	b.eventually("zone "+zone+" to go", func() error {
		err := b.object(&medfencev1alpha1.DeviceZone{}, zone)
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return differ(0, len(b.policies(zone)))
	})
}

func TestReleaseOpensADeletedZone(t *testing.T) {
	b := newHappy(t, "netpol")
	zone := &medfencev1alpha1.DeviceZone{}
	b.remove(zone, "infusion")
	b.ready(zone, "infusion", "False", medfencev1alpha1.ReasonHeld)
	b.calls.reset()
	edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.DeletionPolicy = medfencev1alpha1.DeletionRelease })
	b.gone("infusion")
	path := "DELETE /apis/networking.k8s.io/v1/namespaces/infusion/networkpolicies/"
	if diff := cmp.Diff([]string{path + baselineOfPumps, path + allowOfPumps}, firsts(b.calls.seen("networkpolicies"))); diff != "" {
		t.Errorf("released in the wrong order: (-want +got)\n%s", diff)
	}
}

// firsts drops repetitions: a pass whose cache is behind deletes once more what
// is gone already.
func firsts(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func TestANamespaceThatLeavesItsZoneIsHeld(t *testing.T) {
	b := newHappy(t, "netpol")
	zone := &medfencev1alpha1.DeviceZone{}
	b.namespace("infusion-2")
	edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Members.Namespaces = []string{"infusion-2"} })
	b.eventually("the namespace to be held", func() error {
		return errors.Join(b.object(zone, "infusion"), differ([]medfencev1alpha1.NamespaceStatus{
			{Name: "infusion", Held: true, Baseline: true}, {Name: "infusion-2", Baseline: true},
		}, zone.Status.Namespaces))
	})
	if diff := cmp.Diff([]string{baselineOfPumps, allowOfPumps}, b.policies("infusion")); diff != "" {
		t.Error(diff)
	}
	b.remove(&corev1.Pod{}, "infusion/gw-1")
	b.remove(&corev1.Pod{}, "infusion/gw-2")
	b.eventually("the namespace to be open", func() error { return differ(0, len(b.policies("infusion"))) })
}

func TestEnforcementIsSwitchedOffAndOn(t *testing.T) {
	b := newHappy(t, "netpol")
	zone := &medfencev1alpha1.DeviceZone{}
	edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Enforcement = medfencev1alpha1.Observe })
	b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonObserving)
	b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "True", medfencev1alpha1.ReasonObserving)
	b.ready(&medfencev1alpha1.MedicalDevice{}, "infusion/pump-gateway", "True", medfencev1alpha1.ReasonObserving)
	if got := b.policies("infusion"); len(got) != 0 {
		t.Errorf("it is still closed: %v", got)
	}
	edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Enforcement = medfencev1alpha1.Enforce })
	b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonEnforced)
	b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)
	if diff := cmp.Diff([]string{baselineOfPumps, allowOfPumps}, b.policies("infusion")); diff != "" {
		t.Error(diff)
	}
	b.eventually("the events", func() error {
		got := b.notices("infusion")
		for _, want := range []string{"Normal Observing", "Warning EnforcementEnded", "Normal Enforced"} {
			if !slices.Contains(got, want) {
				return fmt.Errorf("no %s in %v", want, got)
			}
		}
		return nil
	})
}
