package controllers

import (
	"errors"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestDriftIsRepairedWithAnEvent(t *testing.T) {
	b := newHappy(t, "netpol")
	const name = "infusion/medfence-baseline-infusion"
	was := &networkingv1.NetworkPolicy{}
	if err := b.object(was, name); err != nil {
		t.Fatal(err)
	}
	for drift, change := range map[string]func(*networkingv1.NetworkPolicy){
		"an opening added": func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}} },
		"a direction gone": func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = p.Spec.PolicyTypes[:1] },
		"the zone's label gone": func(p *networkingv1.NetworkPolicy) {
			delete(p.Labels, medfencev1alpha1.LabelZone)
		},
		"another zone's label": func(p *networkingv1.NetworkPolicy) { p.Labels[medfencev1alpha1.LabelZone] = "druglib" },
		"another zone's UID":   func(p *networkingv1.NetworkPolicy) { p.Annotations[medfencev1alpha1.AnnotationZoneUID] = "x" },
		"a finalizer":          func(p *networkingv1.NetworkPolicy) { p.Finalizers = []string{"example.org/stay"} },
	} {
		t.Run(drift, func(*testing.T) {
			edit(b, &networkingv1.NetworkPolicy{}, name, change)
			b.eventually("the repair", func() error { return b.same(was, name) })
		})
	}
	b.remove(&networkingv1.NetworkPolicy{}, name)
	b.eventually("the policy to be back", func() error { return b.same(was, name) })
	b.eventually("the event", func() error {
		if !slices.Contains(b.notices("infusion"), "Warning DriftRepaired") {
			return errors.New("none")
		}
		return nil
	})
}

// same compares what we own of a policy with what it was.
func (b *bench) same(was *networkingv1.NetworkPolicy, name string) error {
	is := &networkingv1.NetworkPolicy{}
	if err := b.object(is, name); err != nil {
		return err
	}
	return errors.Join(differ(was.Spec, is.Spec), differ(was.Labels, is.Labels),
		differ(was.Annotations, is.Annotations), differ(was.Finalizers, is.Finalizers))
}

func TestForeignLabelsAndAnnotationsStay(t *testing.T) {
	b := newHappy(t, "netpol")
	const name = "infusion/medfence-baseline-infusion"
	edit(b, &networkingv1.NetworkPolicy{}, name, func(p *networkingv1.NetworkPolicy) {
		p.Labels["team"] = "network"
		p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	})
	b.eventually("the repair", func() error {
		is := &networkingv1.NetworkPolicy{}
		return errors.Join(b.object(is, name), differ(0, len(is.Spec.Egress)), differ("network", is.Labels["team"]))
	})
}
