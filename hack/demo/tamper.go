package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// breakglass is whom no guard stops.
const breakglass = "medfence:breakglass"

// widen lets everyone enter.
var widen = client.RawPatch(types.MergePatchType, []byte(`{"spec":{"ingress":[{}]}}`))

func baseline(namespace, name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// intruder returns somebody who may change a policy of ours, and the flags with
// which kubectl takes that place: the chart brings guards, which refuse it to an
// administrator.
func (s *stage) intruder(ctx context.Context, namespace, name string) (client.Client, string, error) {
	if s.helm == "" {
		return s.client, "", nil
	}
	s.say(`$ kubectl patch networkpolicy %s -n %s --type=merge -p '{"spec":{"ingress":[{}]}}'   # as a cluster admin`, name, namespace)
	err := s.client.Patch(ctx, baseline(namespace, name), widen, client.DryRunAll)
	if !apierrors.IsForbidden(err) {
		return nil, "", errors.Join(errors.New("the guard own-objects lets an administrator widen a baseline"), err)
	}
	s.say("  %v\n", err)
	who, err := s.as(breakglass, breakglass)
	return who, " --as=" + breakglass + " --as-group=" + breakglass, err
}

func tamper(ctx context.Context, s *stage) error {
	const ns, name = "infusion", "medfence-baseline-infusion"
	who, as, err := s.intruder(ctx, ns, name)
	if err != nil {
		return err
	}
	s.say(`$ kubectl%s patch networkpolicy %s -n %s --type=merge -p '{"spec":{"ingress":[{}]}}'   # everyone may enter`, as, name, ns)
	if err := who.Patch(ctx, baseline(ns, name), widen); err != nil {
		return fmt.Errorf("widening the baseline: %w", err)
	}
	took, err := s.until(ctx, "the baseline is narrow again", func() (bool, error) {
		p := &networkingv1.NetworkPolicy{}
		err := s.client.Get(ctx, types.NamespacedName{Namespace: ns, Name: name}, p)
		return err == nil && len(p.Spec.Ingress) == 0, client.IgnoreNotFound(err)
	})
	if err != nil {
		return err
	}
	s.say("  narrow again after %s", rounded(took))
	s.say("$ kubectl%s delete networkpolicy %s -n %s", as, name, ns)
	if err := who.Delete(ctx, baseline(ns, name)); err != nil {
		return fmt.Errorf("deleting the baseline: %w", err)
	}
	if took, err = s.until(ctx, "the baseline is back", func() (bool, error) {
		return s.exists(ctx, &networkingv1.NetworkPolicy{}, ns, name)
	}); err != nil {
		return err
	}
	s.say("  back after %s\n", rounded(took))
	if _, err := s.until(ctx, "both repairs are told as events", func() (bool, error) {
		events := &corev1.EventList{}
		err := s.client.List(ctx, events, client.MatchingFields{"reason": "DriftRepaired"})
		return len(events.Items) >= 2, err
	}); err != nil {
		return err
	}
	return s.show(ctx, "get", "events", "-A", "--field-selector", "reason=DriftRepaired",
		"-o", "custom-columns=ZONE:.involvedObject.name,REASON:.reason,MESSAGE:.message")
}
