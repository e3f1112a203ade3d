// Package ram is a cluster in memory that is read as the operator's cache is: by
// namespace and by the gatherer's indexes, each in a time that does not depend
// on the number of objects.
package ram

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/gather"
)

// A Memory holds objects. It is safe for concurrent reading.
type Memory struct {
	indexes map[string]client.IndexerFunc
	single  map[place]client.Object
	many    map[place][]runtime.Object
}

// A place is where an object, or a list of objects, is found: by name, or by the
// value of an index; an index without a name is the namespace.
type place struct {
	kind  reflect.Type
	index string
	value string
}

// New returns a memory of objects. Namespaces are kept as metadata, and each
// object has a UID.
func New(ctx context.Context, lists [][]client.Object) (*Memory, error) {
	m := &Memory{indexes: map[string]client.IndexerFunc{}, single: map[place]client.Object{}, many: map[place][]runtime.Object{}}
	if err := gather.AddIndexes(ctx, m); err != nil {
		return nil, err
	}
	for _, list := range lists {
		for _, o := range list {
			m.add(o)
		}
	}
	return m, nil
}

// IndexField takes an index of the gatherer.
func (m *Memory) IndexField(_ context.Context, _ client.Object, field string, keys client.IndexerFunc) error {
	m.indexes[field] = keys
	return nil
}

func (m *Memory) add(o client.Object) {
	if namespace, ok := o.(*corev1.Namespace); ok {
		metadata := gather.NewNamespace()
		metadata.ObjectMeta = namespace.ObjectMeta
		o = metadata
	}
	o.SetUID(types.UID(fmt.Sprintf("%T/%s", o, client.ObjectKeyFromObject(o))))
	o.SetGeneration(1)
	kind := reflect.TypeOf(o).Elem()
	m.single[place{kind, "", client.ObjectKeyFromObject(o).String()}] = o
	put := func(index, value string) {
		at := place{kind, index, value}
		m.many[at] = append(m.many[at], o)
	}
	put("", "")
	if o.GetNamespace() != "" {
		put("", o.GetNamespace())
	}
	for field, keys := range m.indexes {
		for _, value := range keys(o) {
			put(field, value)
		}
	}
}

// Get reads an object by its type and name.
func (m *Memory) Get(_ context.Context, key client.ObjectKey, out client.Object, _ ...client.GetOption) error {
	found, ok := m.single[place{reflect.TypeOf(out).Elem(), "", key.String()}]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: fmt.Sprintf("%T", out)}, key.Name)
	}
	reflect.ValueOf(out).Elem().Set(reflect.ValueOf(found).Elem())
	return nil
}

// List reads the objects of a type: all, those of a namespace, or those of the
// value of an index.
func (m *Memory) List(_ context.Context, out client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	if o.LabelSelector != nil || o.FieldSelector != nil && o.Namespace != "" {
		return errors.New("listing by labels, or by two things at a time, takes the longer the more objects there are")
	}
	items, err := meta.GetItemsPtr(out)
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	at := place{kind: reflect.TypeOf(items).Elem().Elem(), value: o.Namespace}
	if o.FieldSelector != nil {
		for _, r := range o.FieldSelector.Requirements() {
			at.index, at.value = r.Field, r.Value
		}
	}
	return meta.SetList(out, m.many[at])
}
