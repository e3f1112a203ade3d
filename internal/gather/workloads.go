package gather

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// workloads reads the namespaces, pods and services of the zones in scope.
func (g *Gatherer) workloads(ctx context.Context, s *scope, out *snapshot.Snapshot) error {
	existing, running, serving := nameSet{}, nameSet{}, nameSet{}
	for name, zone := range s.zones {
		namespaces, err := s.namespacesOf(ctx, zone)
		if err != nil {
			return err
		}
		existing.add(namespaces...)
		if s.joined[name] {
			serving.add(namespaces...)
		}
		if s.joined[name] || segmented(zone) && (s.near[name] || unsettled(zone, namespaces)) {
			running.add(namespaces...)
		}
	}
	for _, read := range []func() error{
		func() (err error) { out.Namespaces, err = s.readNamespaces(ctx, existing.sorted()); return err },
		func() (err error) { out.Pods, err = g.pods(ctx, running.sorted()); return err },
		func() (err error) { out.Services, err = g.services(ctx, serving.sorted()); return err },
	} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// unsettled reports whether a zone may hold a namespace for as long as pods run
// in it.
func unsettled(z *medfencev1alpha1.DeviceZone, namespaces []string) bool {
	if !z.DeletionTimestamp.IsZero() {
		return true
	}
	return slices.ContainsFunc(namespaces, func(name string) bool {
		members := z.Spec.Members
		return !slices.Contains(members.Namespaces, name) && !slices.Contains(members.InventoryNamespaces, name)
	})
}

// namespacesOf returns the names of the namespaces that may belong to a zone.
func (s *scope) namespacesOf(ctx context.Context, zone *medfencev1alpha1.DeviceZone) ([]string, error) {
	names, err := s.baselinesOf(ctx, string(zone.UID))
	if err != nil {
		return nil, err
	}
	names = slices.Concat(ZoneNamespaces(zone), names)
	for _, spec := range zoneSpecs(zone) {
		if spec.Members.NamespaceSelector == nil {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(spec.Members.NamespaceSelector)
		if err != nil {
			continue // a problem of the zone, which the compiler reports
		}
		all, err := s.allNamespaces(ctx)
		if err != nil {
			return nil, err
		}
		for i := range all {
			if selector.Matches(labels.Set(all[i].Labels)) {
				names = append(names, all[i].Name)
			}
		}
	}
	return distinct(names), nil
}

func (s *scope) allNamespaces(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	if s.namespaces != nil {
		return s.namespaces, nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
	if err := s.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing namespaces: %w", err)
	}
	s.namespaces = list.Items
	return s.namespaces, nil
}

// readNamespaces returns those of the named namespaces that exist.
func (s *scope) readNamespaces(ctx context.Context, names []string) ([]snapshot.Namespace, error) {
	out := make([]snapshot.Namespace, 0, len(names))
	for _, name := range names {
		namespace := NewNamespace()
		err := s.reader.Get(ctx, client.ObjectKey{Name: name}, namespace, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("getting namespace %s: %w", name, err)
		}
		out = append(out, snapshot.FromNamespace(namespace))
	}
	return out, nil
}

// pods returns the pods of the namespaces that have not ended.
func (g *Gatherer) pods(ctx context.Context, namespaces []string) ([]snapshot.Pod, error) {
	var out []snapshot.Pod
	for _, namespace := range namespaces {
		list, err := g.podsOf(ctx, namespace)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if !snapshot.Ended(&list[i]) {
				out = append(out, snapshot.FromPod(&list[i]))
			}
		}
	}
	slices.SortFunc(out, func(a, b snapshot.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

func (g *Gatherer) podsOf(ctx context.Context, namespace string) ([]corev1.Pod, error) {
	var list corev1.PodList
	if err := g.Reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the pods of namespace %s: %w", namespace, err)
	}
	return list.Items, nil
}

// services returns the services of the namespaces that select pods.
func (g *Gatherer) services(ctx context.Context, namespaces []string) ([]snapshot.Service, error) {
	var out []snapshot.Service
	for _, namespace := range namespaces {
		var list corev1.ServiceList
		if err := g.Reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing the services of namespace %s: %w", namespace, err)
		}
		for i := range list.Items {
			if len(list.Items[i].Spec.Selector) > 0 {
				out = append(out, snapshot.FromService(&list.Items[i]))
			}
		}
	}
	slices.SortFunc(out, func(a, b snapshot.Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}
