package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A Work is what an operator has written: what a bare client shall write too.
type Work struct {
	// Policies are the owned objects, by the zone that they serve: a zone's are
	// written one after the other.
	Policies [][]*unstructured.Unstructured
	// Zones, Devices and Conduits have the statuses.
	Zones, Devices, Conduits []*unstructured.Unstructured
}

// Writes is the number of requests that it takes at least: each policy, each
// status, and each zone's finalizer.
func (w *Work) Writes() int {
	n := 2*len(w.Zones) + len(w.Devices) + len(w.Conduits)
	for _, list := range w.Policies {
		n += len(list)
	}
	return n
}

// policyKinds are the kinds of owned objects, in the order of rule 5.
func policyKinds(target string) []schema.GroupVersionKind {
	cilium := func(kind string) schema.GroupVersionKind {
		return schema.GroupVersionKind{Group: "cilium.io", Version: "v2", Kind: kind}
	}
	if target == Netpol {
		return []schema.GroupVersionKind{networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy")}
	}
	return []schema.GroupVersionKind{
		cilium("CiliumCIDRGroup"), cilium("CiliumNetworkPolicy"),
		networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), cilium("CiliumClusterwideNetworkPolicy"),
	}
}

// Work reads what an operator has written.
func (s *Stage) Work(ctx context.Context) (*Work, error) {
	w := &Work{}
	byZone := map[string][]*unstructured.Unstructured{}
	for _, kind := range policyKinds(s.Target) {
		list, err := s.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			zone := o.GetLabels()[medfencev1alpha1.LabelZone]
			byZone[zone] = append(byZone[zone], fresh(o))
		}
	}
	var err error
	for kind, into := range map[string]*[]*unstructured.Unstructured{"DeviceZone": &w.Zones, "MedicalDevice": &w.Devices, "Conduit": &w.Conduits} {
		if *into, err = s.list(ctx, medfencev1alpha1.GroupVersion.WithKind(kind)); err != nil {
			return nil, err
		}
	}
	for _, zone := range w.Zones {
		if list := byZone[zone.GetName()]; len(list) > 0 {
			w.Policies = append(w.Policies, list)
		}
	}
	return w, nil
}

func (s *Stage) list(ctx context.Context, kind schema.GroupVersionKind) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := s.Admin.List(ctx, list); err != nil && !meta.IsNoMatchError(err) {
		return nil, fmt.Errorf("listing %s objects: %w", kind.Kind, err)
	}
	out := make([]*unstructured.Unstructured, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
}

// fresh returns an object as one would create it.
func fresh(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
		unstructured.RemoveNestedField(out.Object, "metadata", field)
	}
	delete(out.Object, "status")
	return out
}

// Write writes a work with bare clients: as many workers for policies, devices
// and conduits each as an operator has. It returns how long that took.
func (s *Stage) Write(ctx context.Context, w *Work) (time.Duration, error) {
	config, err := s.BareConfig(ctx)
	if err != nil {
		return 0, err
	}
	bare, err := client.New(config, client.Options{})
	if err != nil {
		return 0, fmt.Errorf("making a bare client: %w", err)
	}
	begin := time.Now()
	errs := make(chan error, 3)
	go func() { errs <- s.writeZones(ctx, bare, w) }()
	go func() { errs <- Each(s.Workers, w.Devices, patchStatus(ctx, bare)) }()
	go func() { errs <- Each(s.Workers, w.Conduits, patchStatus(ctx, bare)) }()
	for range 3 {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return time.Since(begin), err
}

// writeZones writes for each zone its finalizer, its policies and its status.
func (s *Stage) writeZones(ctx context.Context, bare client.Client, w *Work) error {
	policies := map[string][]*unstructured.Unstructured{}
	for _, list := range w.Policies {
		policies[list[0].GetLabels()[medfencev1alpha1.LabelZone]] = list
	}
	hold := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":["`+medfencev1alpha1.FinalizerZone+`"]}}`))
	return Each(s.Workers, w.Zones, func(zone *unstructured.Unstructured) error {
		if err := bare.Patch(ctx, reference(zone), hold); err != nil {
			return fmt.Errorf("holding a zone: %w", err)
		}
		for _, o := range policies[zone.GetName()] {
			if err := bare.Create(ctx, o.DeepCopy()); err != nil {
				return fmt.Errorf("creating a policy: %w", err)
			}
		}
		return patchStatus(ctx, bare)(zone)
	})
}

func patchStatus(ctx context.Context, bare client.Client) func(*unstructured.Unstructured) error {
	return func(o *unstructured.Unstructured) error {
		raw, err := json.Marshal(map[string]any{"status": o.Object["status"]})
		if err != nil {
			return fmt.Errorf("writing a status: %w", err)
		}
		if err := bare.Status().Patch(ctx, reference(o), client.RawPatch(types.MergePatchType, raw)); err != nil {
			return fmt.Errorf("writing the status of %s: %w", o.GetName(), err)
		}
		return nil
	}
}

// reference returns an object with nothing but its name, to be patched.
func reference(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(o.GroupVersionKind())
	out.SetNamespace(o.GetNamespace())
	out.SetName(o.GetName())
	return out
}
