package stage

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A Sight sees what happens to the objects of a kind, by a raw watch.
type Sight struct {
	watch watch.Interface
}

// Watch starts a sight of all objects of a kind in a namespace; without one, in
// all. What there is by now is seen first.
func (s *Stage) Watch(ctx context.Context, kind schema.GroupVersionKind, namespace string) (*Sight, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := s.Admin.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing %s objects: %w", kind.Kind, err)
	}
	version := list.GetResourceVersion()
	list.Items = nil
	w, err := s.Admin.Watch(ctx, list, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}})
	if err != nil {
		return nil, fmt.Errorf("watching %s objects: %w", kind.Kind, err)
	}
	return &Sight{watch: w}, nil
}

// Await waits for an event that is as wanted, and returns when it was seen.
func (v *Sight) Await(ctx context.Context, wanted func(watch.Event, *unstructured.Unstructured) bool) (time.Time, error) {
	timeout := time.After(Patience)
	for {
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-timeout:
			return time.Time{}, fmt.Errorf("nothing of that kind was seen for %s", Patience)
		case e, open := <-v.watch.ResultChan():
			now := time.Now()
			if !open {
				return time.Time{}, fmt.Errorf("the watch ended")
			}
			if o, ok := e.Object.(*unstructured.Unstructured); ok && wanted(e, o) {
				return now, nil
			}
		}
	}
}

// Close ends the sight.
func (v *Sight) Close() { v.watch.Stop() }

// PolicyKind is the kind of the policies of workloads.
func (s *Stage) PolicyKind() schema.GroupVersionKind {
	if s.Target == Cilium {
		return policyKinds(Cilium)[1]
	}
	return policyKinds(Netpol)[0]
}

// Mentions reports whether an object that is there has a text in its spec.
func Mentions(text string) func(watch.Event, *unstructured.Unstructured) bool {
	return func(e watch.Event, o *unstructured.Unstructured) bool {
		return e.Type != watch.Deleted && strings.Contains(fmt.Sprint(o.Object["spec"], o.Object["specs"]), text)
	}
}

// Deletions are the policies of workloads that go, one after the other.
type Deletions struct{ *Sight }

// Deletions starts to watch what goes.
func (s *Stage) Deletions(ctx context.Context) (Deletions, error) {
	sight, err := s.Watch(ctx, s.PolicyKind(), "")
	return Deletions{sight}, err
}

// Next waits for the next that goes. Several may wait at a time.
func (d Deletions) Next(ctx context.Context) (client.ObjectKey, error) {
	var key client.ObjectKey
	_, err := d.Await(ctx, func(e watch.Event, o *unstructured.Unstructured) bool {
		key = client.ObjectKeyFromObject(o)
		return e.Type == watch.Deleted
	})
	return key, err
}
