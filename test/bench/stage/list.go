package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// ListAll lists once what an operator keeps in its cache, all kinds at a time,
// and returns how long that took.
func (s *Stage) ListAll(ctx context.Context) (time.Duration, error) {
	config, err := s.BareConfig(ctx)
	if err != nil {
		return 0, err
	}
	bare, err := client.New(config, client.Options{Scheme: s.Admin.Scheme(), Mapper: s.Admin.RESTMapper()})
	if err != nil {
		return 0, fmt.Errorf("making a bare client: %w", err)
	}
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
	lists := []client.ObjectList{
		&medfencev1alpha1.DeviceZoneList{}, &medfencev1alpha1.MedicalDeviceList{}, &medfencev1alpha1.ConduitList{},
		&corev1.PodList{}, &corev1.ServiceList{}, &corev1.NodeList{}, namespaces,
	}
	for _, kind := range policyKinds(s.Target) {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		lists = append(lists, list)
	}
	begin := time.Now()
	err = Each(len(lists), lists, func(list client.ObjectList) error { return bare.List(ctx, list) })
	return time.Since(begin), err
}

// JSONSize returns how many bytes the objects take as JSON that an operator
// keeps in its cache.
func (s *Stage) JSONSize(ctx context.Context) (int64, error) {
	kinds := policyKinds(s.Target)
	for _, kind := range []string{"DeviceZone", "MedicalDevice", "Conduit"} {
		kinds = append(kinds, medfencev1alpha1.GroupVersion.WithKind(kind))
	}
	for _, kind := range []string{"Pod", "Service", "Node", "Namespace"} {
		kinds = append(kinds, corev1.SchemeGroupVersion.WithKind(kind))
	}
	var total int64
	for _, kind := range kinds {
		var list []*unstructured.Unstructured
		err := Until(ctx, "the API server has read its store", func() (err error) { // it has just started
			list, err = s.list(ctx, kind)
			return err
		})
		if err != nil {
			return 0, err
		}
		for _, o := range list {
			raw, err := json.Marshal(o.Object)
			if err != nil {
				return 0, fmt.Errorf("measuring %s objects: %w", kind.Kind, err)
			}
			total += int64(len(raw))
		}
	}
	return total, nil
}
