package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

const allowAll = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: infusion}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
`

// isolated waits until zone infusion says so, for a reason, in words that hold some.
func (b *bench) isolated(status, reason string, words ...string) *medfencev1alpha1.DeviceZone {
	b.Helper()
	z := &medfencev1alpha1.DeviceZone{}
	b.eventually(fmt.Sprintf("infusion to be Isolated=%s/%s", status, reason), func() error {
		if err := b.object(z, "infusion"); err != nil {
			return err
		}
		c := meta.FindStatusCondition(z.Status.Conditions, medfencev1alpha1.ConditionIsolated)
		if c == nil {
			return errors.New("there is no condition Isolated")
		}
		for _, w := range words {
			if !strings.Contains(c.Message, w) {
				return fmt.Errorf("%q is not in %q", w, c.Message)
			}
		}
		return differ(status+"/"+reason, string(c.Status)+"/"+c.Reason)
	})
	return z
}

// openingStates counts the openings of a zone by their state.
func openingStates(z *medfencev1alpha1.DeviceZone) map[medfencev1alpha1.OpeningState]int {
	out := map[medfencev1alpha1.OpeningState]int{}
	for _, o := range z.Status.Openings {
		out[o.State]++
	}
	return out
}

func TestAnOpeningIsNamedUntilItEnds(t *testing.T) {
	b := newHappy(t, "netpol")
	b.isolated("True", medfencev1alpha1.ReasonIsolated)
	b.create(allowAll)
	z := b.isolated("False", medfencev1alpha1.ReasonOpened, "NetworkPolicy infusion/allow-all", "spec.")
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "False", medfencev1alpha1.ReasonOpened)
	if got := openingStates(z); got[medfencev1alpha1.OpeningOpen] != len(z.Status.Openings) || len(z.Status.Openings) < 2 {
		t.Errorf("both directions are open, and listed are %v", z.Status.Openings)
	}
	if !meta.IsStatusConditionTrue(z.Status.Conditions, medfencev1alpha1.ConditionStalled) {
		t.Error("the zone does not say that somebody must act")
	}
	b.eventually("an event that names the policy", func() error {
		var list corev1.EventList
		if err := b.admin.List(b.Context(), &list); err != nil {
			return err
		}
		for i := range list.Items {
			if e := &list.Items[i]; e.Reason == medfencev1alpha1.ReasonOpened && e.Related != nil && e.Related.Name == "allow-all" {
				return differ("Warning", e.Type)
			}
		}
		return errors.New("there is none")
	})
	if got := b.metric("medfence_openings", "Open"); int(got) != len(z.Status.Openings) {
		t.Errorf("the metric says %v, the status %d", got, len(z.Status.Openings))
	}
	b.withdraw(allowAll)
	z = b.isolated("True", medfencev1alpha1.ReasonIsolated)
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "True", medfencev1alpha1.ReasonEnforced)
	if len(z.Status.Openings) > 0 {
		t.Errorf("still listed: %v", z.Status.Openings)
	}
}

func TestOnCiliumTheGuardBlocksWhatOthersAllow(t *testing.T) {
	b := newHappy(t, "cilium")
	b.create(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config, namespace: kube-system}, data: {cluster-name: default}}`)
	b.create(allowAll + `
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: open-up, namespace: infusion}
spec: {endpointSelector: {}, ingress: [{fromEntities: [all]}], egress: [{toEntities: [all]}]}
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: open-the-cluster}
spec: {endpointSelector: {}, ingress: [{fromCIDR: [0.0.0.0/0]}]}
`)
	z := b.isolated("True", medfencev1alpha1.ReasonIsolated, "the guard stops")
	b.eventually("all of them to be listed as blocked", func() error {
		if err := b.object(z, "infusion"); err != nil {
			return err
		}
		names := map[string]bool{}
		for _, o := range z.Status.Openings {
			if o.State != medfencev1alpha1.OpeningBlocked {
				return fmt.Errorf("%s is %s: %s", openingText(o), o.State, o.Passes)
			}
			names[o.Name] = true
		}
		return differ(map[string]bool{"allow-all": true, "open-up": true, "open-the-cluster": true}, names)
	})
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "True", medfencev1alpha1.ReasonEnforced)
}

// TestNobodyHidesBehindOurLabels: what nobody recorded is somebody's, whatever
// it is called.
func TestNobodyHidesBehindOurLabels(t *testing.T) {
	b := newHappy(t, "netpol")
	b.create(strings.Replace(allowAll, "{name: allow-all, namespace: infusion}",
		"{name: medfence-allow-all, namespace: infusion, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: druglib}}", 1))
	b.isolated("False", medfencev1alpha1.ReasonOpened, "infusion/medfence-allow-all")
}

// TestAForgedLabelWakesEveryZone: one that names a zone which judges nothing must
// not keep the others asleep.
func TestAForgedLabelWakesEveryZone(t *testing.T) {
	b := newHappy(t, "cilium")
	b.create(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config, namespace: kube-system}, data: {cluster-name: default}}`)
	b.isolated("True", medfencev1alpha1.ReasonIsolated, "Nothing passes that no conduit permits, whoever")
	for _, zone := range []string{"nowhere", "druglib"} {
		b.settled()
		b.create(fmt.Sprintf(`
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: medfence-guard-%[1]s-2, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: %[1]s}}
spec: {endpointSelector: {}, ingress: [{fromEntities: [all]}]}
`, zone))
		b.isolated("True", medfencev1alpha1.ReasonIsolated, "the guard stops", "medfence-guard-"+zone+"-2")
	}
}

func TestWhatSomebodyElseStopsIsNamedOnTheConduit(t *testing.T) {
	for name, tc := range map[string]struct{ target, policy, want string }{
		"a deny in the zone": {"cilium", `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: quarantine, namespace: infusion}
spec: {endpointSelector: {}, enableDefaultDeny: {ingress: false, egress: false}, ingressDeny: [{fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": druglib}}]}]}
`, "CiliumNetworkPolicy infusion/quarantine (spec.ingressDeny[0])"},
		"a far side that is isolated": {"netpol", `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: druglib}
spec: {podSelector: {}, policyTypes: [Egress]}
`, "NetworkPolicy druglib/default-deny"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHappy(t, tc.target)
			b.create(tc.policy)
			c := &medfencev1alpha1.Conduit{}
			b.ready(c, "library-to-pumps", "False", medfencev1alpha1.ReasonFlowClosed)
			ready := meta.FindStatusCondition(c.Status.Conditions, medfencev1alpha1.ConditionReady)
			if !strings.Contains(ready.Message, tc.want) {
				t.Errorf("%q does not name %s", ready.Message, tc.want)
			}
			b.withdraw(tc.policy)
			b.ready(c, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)
		})
	}
}

func TestAWayRoundEveryPolicyCounts(t *testing.T) {
	b := newHappy(t, "cilium")
	b.create(`
apiVersion: v1
kind: Service
metadata: {name: web, namespace: infusion}
spec: {type: NodePort, externalTrafficPolicy: Cluster, selector: {app: gateway}, ports: [{port: 3613}]}
`)
	b.isolated("False", medfencev1alpha1.ReasonSourceAddressLost, "Service infusion/web")
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "True", medfencev1alpha1.ReasonEnforced)
}

func TestAZoneInObserveHasNoIsolation(t *testing.T) {
	b := newHappy(t, "netpol")
	b.create(allowAll)
	b.isolated("False", medfencev1alpha1.ReasonOpened)
	edit(b, &medfencev1alpha1.DeviceZone{}, "infusion", func(z *medfencev1alpha1.DeviceZone) {
		z.Spec.Enforcement = medfencev1alpha1.Observe
	})
	if z := b.isolated("Unknown", medfencev1alpha1.ReasonObserving); len(z.Status.Openings) > 0 {
		t.Errorf("listed are %v", z.Status.Openings)
	}
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "True", medfencev1alpha1.ReasonObserving)
}

// withdraw deletes what manifests name.
func (b *bench) withdraw(manifests string) {
	b.Helper()
	objects, err := parse(manifests)
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range objects {
		if err := b.admin.Delete(b.Context(), o); client.IgnoreNotFound(err) != nil {
			b.Fatal(err)
		}
	}
}

// metric returns the value of a gauge with a label of that value.
func (b *bench) metric(name, label string) float64 {
	b.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label {
				return m.GetGauge().GetValue()
			}
		}
	}
	return 0
}
