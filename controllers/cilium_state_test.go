package controllers

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// condition waits for a condition of the infusion zone.
func (b *bench) condition(kind, want string) {
	b.Helper()
	b.eventually(kind+" to be "+want, func() error {
		zone := &medfencev1alpha1.DeviceZone{}
		if err := b.object(zone, "infusion"); err != nil {
			return err
		}
		c := meta.FindStatusCondition(zone.Status.Conditions, kind)
		if c == nil {
			return errors.New("it is absent")
		}
		if got := fmt.Sprintf("%s/%s", c.Status, c.Reason); got != want {
			return fmt.Errorf("it is %s: %s", got, c.Message)
		}
		return nil
	})
}

func TestWhatDefeatsAZoneOnCiliumIsSeenAndForgottenAgain(t *testing.T) {
	b := newHappy(t, "cilium")
	b.condition("WithinBudget", "Unknown/BudgetUnknown")

	// A node that only audits.
	node := `
apiVersion: cilium.io/v2
kind: CiliumNodeConfig
metadata: {name: debug, namespace: kube-system}
spec: {nodeSelector: {}, defaults: {policy-audit-mode: "true"}}
`
	b.create(node)
	b.condition("Enforced", "False/CiliumVoids")
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "False", medfencev1alpha1.ReasonCiliumVoids)
	b.removeAll(node)
	b.condition("Enforced", "True/Enforced")

	// Cilium's own word against our guard.
	guard := &unstructured.Unstructured{}
	guard.SetAPIVersion("cilium.io/v2")
	guard.SetKind("CiliumClusterwideNetworkPolicy")
	say := func(status string) {
		b.eventually("saying Valid="+status, func() error {
			if err := b.object(guard, "medfence-guard-infusion"); err != nil {
				return err
			}
			guard.Object["status"] = map[string]any{"conditions": []any{map[string]any{
				"type": "Valid", "status": status, "message": "as the test says", "lastTransitionTime": "2026-06-01T12:00:00Z",
			}}}
			return b.admin.Status().Update(b.Context(), guard)
		})
	}
	say("False")
	b.condition("Enforced", "False/PolicyInvalid")
	say("True")
	b.condition("Enforced", "True/Enforced")

	// A map that is too small for the crowd.
	identity := `
apiVersion: cilium.io/v2
kind: CiliumIdentity
metadata: {name: "54321", labels: {io.kubernetes.pod.namespace: elsewhere}}
security-labels: {"k8s:io.kubernetes.pod.namespace": elsewhere}
`
	b.create(identity)
	config := &corev1.ConfigMap{Data: map[string]string{"bpf-policy-map-max": "65536"}}
	config.Namespace, config.Name = "kube-system", "cilium-config"
	b.createOne(config)
	b.condition("WithinBudget", "True/WithinBudget")
	config.Data["bpf-policy-map-max"] = "64"
	if err := b.admin.Update(b.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.condition("WithinBudget", "False/OverBudget")
	b.removeAll(identity)
}

// removeAll removes objects before the test ends.
func (b *bench) removeAll(manifest string) {
	b.Helper()
	objects, err := parse(manifest)
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range objects {
		if err := b.admin.Delete(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
