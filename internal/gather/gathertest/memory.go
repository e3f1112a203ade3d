// Package gathertest is a cluster in memory, read through the gatherer's own
// indexes: thousands of random hospitals can be gathered from it. It is for
// tests only.
package gathertest

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Memory is a cache as the manager has it, with its indexes.
type Memory struct {
	Objects []client.Object
	indexes map[string]client.IndexerFunc
}

// New returns a memory of the objects that a snapshot was made of.
func New(s *snapshot.Snapshot) (*Memory, error) {
	m := &Memory{Objects: Objects(s), indexes: map[string]client.IndexerFunc{}}
	return m, gather.AddIndexes(context.Background(), m, true)
}

// IndexField makes the memory take the gatherer's own indexes.
func (m *Memory) IndexField(_ context.Context, _ client.Object, field string, keys client.IndexerFunc) error {
	m.indexes[field] = keys
	return nil
}

// Get reads an object by its type and name.
func (m *Memory) Get(_ context.Context, key client.ObjectKey, out client.Object, _ ...client.GetOption) error {
	for _, o := range m.Objects {
		if reflect.TypeOf(o) == reflect.TypeOf(out) && client.ObjectKeyFromObject(o) == key {
			reflect.ValueOf(out).Elem().Set(reflect.ValueOf(o).Elem())
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: fmt.Sprintf("%T", out)}, key.Name)
}

// List reads the objects of a type by namespace and index.
func (m *Memory) List(_ context.Context, out client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	items, err := meta.GetItemsPtr(out)
	if err != nil {
		return err
	}
	kind := reflect.TypeOf(items).Elem().Elem()
	var found []runtime.Object
	for _, object := range m.Objects {
		if reflect.TypeOf(object).Elem() == kind && sameKind(object, out) && m.matches(object, &o) {
			found = append(found, object)
		}
	}
	return meta.SetList(out, found)
}

// sameKind tells apart what is read as metadata alone, or without a type.
func sameKind(object client.Object, list client.ObjectList) bool {
	switch object.(type) {
	case *metav1.PartialObjectMetadata, *unstructured.Unstructured:
	default:
		return true
	}
	return object.GetObjectKind().GroupVersionKind().Kind+"List" == list.GetObjectKind().GroupVersionKind().Kind
}

func (m *Memory) matches(object client.Object, o *client.ListOptions) bool {
	if o.Namespace != "" && object.GetNamespace() != o.Namespace {
		return false
	}
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	for _, r := range o.FieldSelector.Requirements() {
		if !slices.Contains(m.indexes[r.Field](object), r.Value) {
			return false
		}
	}
	return true
}

// Trusting lets every list be believed.
type Trusting struct{}

// Check finds nothing to doubt.
func (Trusting) Check(context.Context, string, gather.Listed) error { return nil }

// Objects returns the objects that a snapshot was made of.
func Objects(s *snapshot.Snapshot) []client.Object {
	var out []client.Object
	for i := range s.Zones {
		out = append(out, zone(&s.Zones[i]))
	}
	for i := range s.Devices {
		out = append(out, device(&s.Devices[i]))
	}
	for i := range s.Conduits {
		out = append(out, conduit(&s.Conduits[i]))
	}
	for _, n := range s.Namespaces {
		o := gather.NewNamespace()
		o.Name, o.Labels = n.Name, n.Labels
		o.DeletionTimestamp = deletion(n.Terminating)
		out = append(out, o)
	}
	for i := range s.Pods {
		out = append(out, pod(&s.Pods[i]))
	}
	for i := range s.Services {
		out = append(out, service(&s.Services[i]))
	}
	return out
}

func zone(z *snapshot.Zone) client.Object {
	o := &medfencev1alpha1.DeviceZone{Spec: z.Spec}
	o.Name, o.UID, o.Generation, o.Labels = z.Name, types.UID(z.UID), z.Generation, z.Labels
	o.CreationTimestamp, o.DeletionTimestamp = metav1.NewTime(z.Created), deletion(z.Deleting)
	o.Status.Accepted, o.Status.Namespaces = z.Accepted, z.Closed
	return o
}

func device(d *snapshot.Device) client.Object {
	o := &medfencev1alpha1.MedicalDevice{Spec: d.Spec}
	o.Namespace, o.Name, o.UID, o.Generation, o.Labels = d.Namespace, d.Name, types.UID(d.UID), d.Generation, d.Labels
	o.CreationTimestamp, o.DeletionTimestamp = metav1.NewTime(d.Created), deletion(d.Deleting)
	o.Status.Accepted = d.Accepted
	return o
}

func conduit(c *snapshot.Conduit) client.Object {
	o := &medfencev1alpha1.Conduit{Spec: c.Spec}
	o.Name, o.UID, o.Generation, o.Labels = c.Name, types.UID(c.UID), c.Generation, c.Labels
	o.CreationTimestamp, o.DeletionTimestamp = metav1.NewTime(c.Created), deletion(c.Deleting)
	o.Status.Accepted = c.Accepted
	return o
}

func pod(p *snapshot.Pod) client.Object {
	o := &corev1.Pod{}
	o.Namespace, o.Name, o.Labels = p.Namespace, p.Name, p.Labels
	o.Spec.HostNetwork = p.HostNetwork
	if p.Networks != "" {
		o.Annotations = map[string]string{snapshot.AnnotationNetworks: p.Networks}
	}
	var c corev1.Container
	for name, number := range p.Ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: name, ContainerPort: number})
	}
	o.Spec.Containers = []corev1.Container{c}
	return o
}

func service(s *snapshot.Service) client.Object {
	o := &corev1.Service{}
	o.Namespace, o.Name = s.Namespace, s.Name
	o.Spec.Selector = s.Selector
	if s.HidesSource {
		o.Spec.Type = corev1.ServiceTypeNodePort
	}
	for _, p := range s.Ports {
		port := corev1.ServicePort{Protocol: corev1.Protocol(p.Protocol), Port: p.Port, TargetPort: intstr.FromInt32(p.TargetPort)}
		if p.TargetName != "" {
			port.TargetPort = intstr.FromString(p.TargetName)
		}
		o.Spec.Ports = append(o.Spec.Ports, port)
	}
	return o
}

func deletion(deleting bool) *metav1.Time {
	if !deleting {
		return nil
	}
	return new(metav1.Unix(1, 0)) // any time but zero, which means none
}
