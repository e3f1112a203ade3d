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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
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
	return m, gather.AddIndexes(context.Background(), m)
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
		if reflect.TypeOf(object).Elem() == kind && m.matches(object, &o) {
			found = append(found, object)
		}
	}
	return meta.SetList(out, found)
}

func (m *Memory) matches(object client.Object, o *client.ListOptions) bool {
	if o.Namespace != "" && object.GetNamespace() != o.Namespace {
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
func (Trusting) Check(context.Context, string, []string) error { return nil }

// Objects returns the objects that a snapshot was made of.
func Objects(s *snapshot.Snapshot) []client.Object {
	var out []client.Object
	for i := range s.Zones {
		z := &s.Zones[i]
		o := &medfencev1alpha1.DeviceZone{ObjectMeta: objectMeta("", z.Name, z.UID, z.Generation, metav1.NewTime(z.Created), z.Labels, z.Deleting), Spec: z.Spec}
		o.Status.Accepted, o.Status.Namespaces = z.Accepted, z.Closed
		out = append(out, o)
	}
	for i := range s.Devices {
		d := &s.Devices[i]
		o := &medfencev1alpha1.MedicalDevice{ObjectMeta: objectMeta(d.Namespace, d.Name, d.UID, d.Generation, metav1.NewTime(d.Created), d.Labels, d.Deleting), Spec: d.Spec}
		o.Status.Accepted = d.Accepted
		out = append(out, o)
	}
	for i := range s.Conduits {
		c := &s.Conduits[i]
		o := &medfencev1alpha1.Conduit{ObjectMeta: objectMeta("", c.Name, c.UID, c.Generation, metav1.NewTime(c.Created), c.Labels, c.Deleting), Spec: c.Spec}
		o.Status.Accepted = c.Accepted
		out = append(out, o)
	}
	for _, n := range s.Namespaces {
		o := gather.NewNamespace()
		o.ObjectMeta = objectMeta("", n.Name, "", 0, metav1.Time{}, n.Labels, n.Terminating)
		out = append(out, o)
	}
	for _, p := range s.Pods {
		o := &corev1.Pod{ObjectMeta: objectMeta(p.Namespace, p.Name, "", 0, metav1.Time{}, p.Labels, false)}
		o.Spec.HostNetwork = p.HostNetwork
		out = append(out, o)
	}
	return out
}

func objectMeta(namespace, name, uid string, generation int64, created metav1.Time, labels map[string]string, deleting bool) metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(uid), Generation: generation, CreationTimestamp: created, Labels: labels,
	}
	if deleting {
		m.DeletionTimestamp = &created
	}
	return m
}
