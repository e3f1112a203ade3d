package apply

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (r *run) sendUpdate(ctx context.Context, o *unstructured.Unstructured) error {
	return r.send(ctx, o, func() (types.UID, string, error) {
		err := r.Writer.Update(ctx, o, fieldOwner)
		return o.GetUID(), o.GetResourceVersion(), err
	})
}

func (r *run) sendCreate(ctx context.Context, o *unstructured.Unstructured) error {
	return r.send(ctx, o, func() (types.UID, string, error) {
		err := r.Writer.Create(ctx, o, fieldOwner)
		return o.GetUID(), o.GetResourceVersion(), err
	})
}

func (r *run) sendDelete(ctx context.Context, o *unstructured.Unstructured, uid types.UID) error {
	return r.send(ctx, o, func() (types.UID, string, error) {
		return uid, gone, r.Writer.Delete(ctx, o, client.Preconditions{UID: &uid})
	})
}

// send talks to the API server about an object. Meanwhile other steps of the run
// may go on.
func (r *run) send(ctx context.Context, about *unstructured.Unstructured, do func() (types.UID, string, error)) error {
	repair := r.repairs(about)
	r.mu.Unlock()
	defer r.mu.Lock()
	if r.GiveWay != nil && !repair {
		r.GiveWay(ctx)
	}
	answered := r.echoes.send(keyOf(about))
	uid, version, err := do()
	answered(uid, version, err)
	return err
}

// repairs reports whether a request about an object undoes what somebody else did
// to it.
func (r *run) repairs(about *unstructured.Unstructured) bool {
	k := keyOf(about)
	if live := r.view.objects[k]; live != nil {
		return r.view.tampered(live)
	}
	_, was := r.record[k]
	return was
}
