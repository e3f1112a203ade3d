package controllers

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A scribe patches the statuses of one kind, and remembers the versions that
// it wrote: a cache that is behind them must not be believed.
type scribe struct {
	client client.Client
	// comeLast waits while something more urgent is to be written.
	comeLast func(context.Context)

	mu      sync.Mutex
	written map[types.NamespacedName]string
}

func newScribe(c client.Client, comeLast func(context.Context)) *scribe {
	return &scribe{client: c, comeLast: comeLast, written: map[types.NamespacedName]string{}}
}

// behind reports whether a cached object is older than what was written last.
func (s *scribe) behind(o client.Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := client.ObjectKeyFromObject(o)
	version, ok := s.written[key]
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(o.GetResourceVersion(), version)
	if err != nil || order >= 0 {
		delete(s.written, key)
		return false
	}
	return true
}

// patchStatus writes the status of next where it differs from that of the
// object as it was read. It reports whether it wrote.
func (s *scribe) patchStatus(ctx context.Context, was, next client.Object) (bool, error) {
	before, after := statusAlone(was), statusAlone(next)
	if equality.Semantic.DeepEqual(before, after) {
		return false, nil
	}
	diff, err := client.MergeFrom(before).Data(after)
	if err != nil {
		return false, fmt.Errorf("comparing statuses: %w", err)
	}
	if bytes.Equal(diff, []byte("{}")) {
		return false, nil
	}
	s.comeLast(ctx)
	err = s.client.Status().Patch(ctx, next, client.RawPatch(types.MergePatchType, locked(diff, was.GetResourceVersion())))
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("patching the status: %w", err)
	}
	s.wrote(next)
	return true, nil
}

// statusAlone returns an object that has the status of another and nothing else: what
// is compared is written down.
func statusAlone(o client.Object) client.Object {
	switch o := o.(type) {
	case *medfencev1alpha1.DeviceZone:
		return &medfencev1alpha1.DeviceZone{Status: o.Status}
	case *medfencev1alpha1.MedicalDevice:
		return &medfencev1alpha1.MedicalDevice{Status: o.Status}
	case *medfencev1alpha1.Conduit:
		return &medfencev1alpha1.Conduit{Status: o.Status}
	}
	return o
}

// locked adds to a patch of a status that it is for this version only.
func locked(diff []byte, version string) []byte {
	return append([]byte(`{"metadata":{"resourceVersion":`+strconv.Quote(version)+`},`), diff[1:]...)
}

// wrote remembers the version of an object that came back from a write.
func (s *scribe) wrote(o client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[client.ObjectKeyFromObject(o)] = o.GetResourceVersion()
}

// forget drops what was remembered of an object that is gone.
func (s *scribe) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.written, key)
}

// settle turns a lost race for an object into another try: somebody else wrote
// it meanwhile, which is no error.
func settle(res ctrl.Result, err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: staleWait}, nil
	}
	return res, err
}

// anonymous returns an error without the names of devices, which belong into no
// log; V(1) has all of it.
func anonymous(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	log.FromContext(ctx).V(1).Info("Failed", "doing", doing, "error", err.Error())
	return fmt.Errorf("%s: %s", doing, apierrors.ReasonForError(err))
}
