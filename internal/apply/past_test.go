package apply

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A past is a cache that has not heard of anything since it was made.
type past map[key]unstructured.Unstructured

func newPast(l *lab) past {
	l.Helper()
	l.sync()
	p := past{}
	for _, kind := range Kinds(true) {
		for _, u := range all(l.T, kind.Kind) {
			p[keyOf(&u)] = u
		}
	}
	return p
}

func (p past) forget(k key) { delete(p, k) }

func (p past) Get(_ context.Context, at client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	u, ok := into.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("reading a %T", into)
	}
	found, ok := p[key{u.GetKind(), at.Namespace, at.Name}]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: u.GetKind()}, at.Name)
	}
	found.DeepCopyInto(u)
	return nil
}

func (p past) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	list, ok := into.(*unstructured.UnstructuredList)
	if !ok {
		return fmt.Errorf("listing a %T", into)
	}
	o := (&client.ListOptions{}).ApplyOptions(options)
	for k, u := range p {
		if k.kind+"List" == list.GetKind() && matches(&u, o) {
			list.Items = append(list.Items, *u.DeepCopy())
		}
	}
	return nil
}

func matches(u *unstructured.Unstructured, o *client.ListOptions) bool {
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(u.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	return !slices.ContainsFunc(o.FieldSelector.Requirements(), func(r fields.Requirement) bool {
		return !slices.Contains(indexes[r.Field](u), r.Value)
	})
}

var rounded atomic.Int64

// rnd returns a text that differs each time.
func rnd() string { return fmt.Sprint(rounded.Add(1)) }
