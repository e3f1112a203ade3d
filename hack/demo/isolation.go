package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

const allowAll = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-all
  namespace: infusion
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{}]
  egress: [{}]
`

// openings prints, in short, the rules of others that would open a zone.
const openings = `jsonpath={range .status.openings[*]}{.state}{"  "}{.kind} {.namespace}/{.name} {.rule}{"\n         "}{.passes}{"\n"}{end}`

// blockOpening lets another team allow everything, on Cilium.
func blockOpening(ctx context.Context, s *stage) error {
	if err := s.apply(ctx, allowAll); err != nil {
		return err
	}
	var message string
	took, err := s.until(ctx, "the zone says what became of it", func() (bool, error) {
		z := &medfencev1alpha1.DeviceZone{}
		c, err := s.condition(ctx, z, "", "infusion", medfencev1alpha1.ConditionIsolated)
		if c != nil {
			message = c.Message
		}
		return c != nil && c.Status == metav1.ConditionTrue && len(z.Status.Openings) > 0, err
	})
	if err != nil {
		return err
	}
	s.say("  after %s the zone is Isolated=True: %s\n", rounded(took), message)
	return s.show(ctx, "get", "devicezone", "infusion", "-o", openings)
}

// nameOpening shows the same policy where only NetworkPolicies are enforced.
func nameOpening(ctx context.Context, s *stage) error {
	if err := s.stopOperator(); err != nil {
		return err
	}
	s.say("The operator comes back with --target=netpol, as on a cluster without Cilium: no guard.")
	if err := s.startOperator(ctx, "--target=netpol"); err != nil {
		return err
	}
	var message string
	took, err := s.until(ctx, "the zone names what opens it", func() (bool, error) {
		c, err := s.condition(ctx, &medfencev1alpha1.DeviceZone{}, "", "infusion", medfencev1alpha1.ConditionIsolated)
		if c != nil {
			message = c.Message
		}
		return c != nil && c.Reason == medfencev1alpha1.ReasonOpened, err
	})
	if err != nil {
		return err
	}
	s.say("  after %s the zone is Isolated=False: %s\n", rounded(took), message)
	if err := s.show(ctx, "get", "devicezone", "infusion"); err != nil {
		return err
	}
	s.say("\n$ kubectl delete networkpolicy allow-all -n infusion")
	if err := s.kubectl(ctx, "delete", "networkpolicy", "allow-all", "-n", "infusion"); err != nil {
		return err
	}
	took, err = s.until(ctx, "the zone is isolated again", func() (bool, error) {
		c, err := s.condition(ctx, &medfencev1alpha1.DeviceZone{}, "", "infusion", medfencev1alpha1.ConditionIsolated)
		return c != nil && c.Status == metav1.ConditionTrue, err
	})
	if err != nil {
		return fmt.Errorf("after the policy was deleted: %w", err)
	}
	s.say("  isolated again after %s", rounded(took))
	return nil
}
