package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

func TestCiliumGetsItsOwnPolicies(t *testing.T) {
	b := newHappy(t, "cilium")
	if diff := cmp.Diff([]string{baselineOfPumps}, b.policies("infusion")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{allowOfPumps}, b.ciliumPolicies("infusion")); diff != "" {
		t.Error(diff)
	}
	if got := b.ciliumPolicies("druglib"); len(got) != 1 {
		t.Errorf("the peer has policies %v, want one allow", got)
	}
	policy := ciliumPolicy()
	edit(b, policy, "infusion/"+allowOfPumps, func(p *unstructured.Unstructured) {
		if err := unstructured.SetNestedSlice(p.Object, []any{map[string]any{}}, "spec", "egress"); err != nil {
			t.Fatal(err)
		}
	})
	b.eventually("the repair", func() error {
		err := b.object(policy, "infusion/"+allowOfPumps)
		egress, _, _ := unstructured.NestedSlice(policy.Object, "spec", "egress")
		return errors.Join(err, differ(0, len(egress)))
	})
	zone := &medfencev1alpha1.DeviceZone{}
	edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Enforcement = medfencev1alpha1.Observe })
	b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonObserving)
	if diff := cmp.Diff([]string{allowOfPumps}, b.ciliumPolicies("infusion")); diff != "" {
		t.Error(diff)
	}
	if got := b.policies("infusion"); len(got) != 0 {
		t.Errorf("baselines in Observe: %v", got)
	}
}

// ciliumPolicies returns the names of the CiliumNetworkPolicies of a namespace.
func (b *bench) ciliumPolicies(namespace string) []string {
	b.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("cilium.io/v2")
	list.SetKind("CiliumNetworkPolicyList")
	if err := b.admin.List(b.Context(), list, client.InNamespace(namespace)); err != nil {
		return []string{err.Error()}
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	slices.Sort(names)
	return names
}

// A cluster of its own: its CRDs come and go.
func TestCRDsComeAndGoAndNothingIsOpened(t *testing.T) {
	l, stop, err := newLab(context.Background(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	b := newBench(t, l, "")
	b.namespace("infusion", "druglib")
	b.create(happy)
	b.pod("infusion", "gw-1", map[string]string{"app": "gateway"})
	closed := func(what string) {
		t.Helper()
		if !slices.Contains(b.policies("infusion"), baselineOfPumps) {
			t.Errorf("%s opened the zone", what)
		}
	}
	b.eventually("policies for any CNI", func() error {
		return differ([]string{baselineOfPumps, allowOfPumps}, b.policies("infusion"))
	})

	if err := l.installCilium(); err != nil {
		t.Fatal(err)
	}
	b.eventually("policies for Cilium", func() error {
		return errors.Join(differ([]string{allowOfPumps}, b.ciliumPolicies("infusion")),
			differ([]string{baselineOfPumps}, b.policies("infusion")))
	})
	closed("Cilium's coming")

	crds, err := ciliumDefinitions()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		b.deleteCRD(crd.Name)
	}
	b.eventually("policies for any CNI again", func() error {
		return differ([]string{baselineOfPumps, allowOfPumps}, b.policies("infusion"))
	})
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "True", medfencev1alpha1.ReasonEnforced)
	closed("Cilium's going")

	b.settled()
	b.calls.reset()
	b.deleteCRD("devicezones.medfence.io") // its zones are held by their finalizers, and so is it
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "Unknown", medfencev1alpha1.ReasonInputUnknown)
	b.ready(&medfencev1alpha1.MedicalDevice{}, "infusion/pump-gateway", "Unknown", medfencev1alpha1.ReasonInputUnknown)
	b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "Unknown", medfencev1alpha1.ReasonInputUnknown)
	for _, name := range []string{"medicaldevices.medfence.io", "conduits.medfence.io"} {
		b.deleteCRD(name)
	}
	b.eventually("the operator to wait", func() error {
		if b.operator.probes.check() == nil {
			return errors.New("it is ready")
		}
		return nil
	})
	if got := b.calls.seen("networkpolicies"); len(got) > 0 {
		t.Errorf("wrote policies: %v", got)
	}
	closed("the going of our CRDs")
	if diff := cmp.Diff([]string{baselineOfPumps, allowOfPumps}, b.policies("infusion")); diff != "" {
		t.Error(diff)
	}
}

// deleteCRD deletes a CRD and waits until it is gone, or held by an object.
func (b *bench) deleteCRD(name string) {
	b.Helper()
	crd := newCRD()
	crd.SetName(name)
	if err := b.admin.Delete(b.Context(), crd); err != nil {
		b.Fatal(err)
	}
	b.eventually(fmt.Sprintf("the CRD %s to go", name), func() error {
		err := b.admin.Get(b.Context(), client.ObjectKey{Name: name}, crd)
		if apierrors.IsNotFound(err) || name == "devicezones.medfence.io" && crd.DeletionTimestamp != nil {
			return nil
		}
		return errors.New("it is there")
	})
}
