// Package ram is a cluster in memory that is read as the operator's cache is: by
// namespace and by the gatherer's indexes, each in a time that does not depend
// on the number of objects.
package ram

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	read    atomic.Int64
}

// Read returns how many objects were read until now, each as often as it was.
func (m *Memory) Read() int { return int(m.read.Load()) }

// A place is where an object, or a list of objects, is found: by name, by its
// namespace, by the value of an index, or by both.
type place struct {
	kind      kind
	namespace string
	index     string
	value     string
}

// A kind is told by its type, and by its name where objects have no types.
type kind struct {
	of   reflect.Type
	name string
}

func kindOf(o runtime.Object) kind {
	out := kind{of: reflect.TypeOf(o).Elem()}
	if _, untyped := o.(*unstructured.Unstructured); untyped {
		out.name = o.GetObjectKind().GroupVersionKind().Kind
	}
	return out
}

// itemsOf returns the kind of the objects in a list.
func itemsOf(list client.ObjectList) (kind, error) {
	if untyped, ok := list.(*unstructured.UnstructuredList); ok {
		return kind{reflect.TypeFor[unstructured.Unstructured](), strings.TrimSuffix(untyped.GetKind(), "List")}, nil
	}
	items, err := meta.GetItemsPtr(list)
	if err != nil {
		return kind{}, fmt.Errorf("listing: %w", err)
	}
	return kind{of: reflect.TypeOf(items).Elem().Elem()}, nil
}

// New returns a memory of objects. Namespaces are kept as metadata, and each
// object gets a UID if it has none.
func New(ctx context.Context, lists [][]client.Object) (*Memory, error) {
	m := &Memory{indexes: map[string]client.IndexerFunc{}, single: map[place]client.Object{}, many: map[place][]runtime.Object{}}
	if err := gather.AddIndexes(ctx, m, true); err != nil {
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
	if o.GetUID() == "" {
		o.SetUID(types.UID(fmt.Sprintf("%T/%s", o, client.ObjectKeyFromObject(o))))
	}
	o.SetGeneration(1)
	kind := kindOf(o)
	m.single[place{kind: kind, value: client.ObjectKeyFromObject(o).String()}] = o
	put := func(index, value string) {
		for _, namespace := range slices.Compact([]string{"", o.GetNamespace()}) {
			at := place{kind, namespace, index, value}
			m.many[at] = append(m.many[at], o)
		}
	}
	put("", "")
	for field, keys := range m.indexes {
		for _, value := range keys(o) {
			put(field, value)
		}
	}
}

// Get reads an object by its type and name.
func (m *Memory) Get(_ context.Context, key client.ObjectKey, out client.Object, _ ...client.GetOption) error {
	found, ok := m.single[place{kind: kindOf(out), value: key.String()}]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: fmt.Sprintf("%T", out)}, key.Name)
	}
	m.read.Add(1)
	reflect.ValueOf(out).Elem().Set(reflect.ValueOf(found).Elem())
	return nil
}

// List reads the objects of a type: all, those of a namespace, or those of the
// value of an index.
func (m *Memory) List(_ context.Context, out client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	if o.LabelSelector != nil {
		return errors.New("listing by labels takes the longer the more objects there are")
	}
	kind, err := itemsOf(out)
	if err != nil {
		return err
	}
	at := place{kind: kind, namespace: o.Namespace}
	if o.FieldSelector != nil {
		for _, r := range o.FieldSelector.Requirements() {
			at.index, at.value = r.Field, r.Value
		}
	}
	m.read.Add(int64(len(m.many[at])))
	return meta.SetList(out, m.many[at])
}
