package controllers

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/gather"
)

// ourCRDs are the CRDs without which nothing is known.
var ourCRDs = []string{"conduits.medfence.io", "devicezones.medfence.io", "medicaldevices.medfence.io"}

// ciliumCRDs are the CRDs of what is written on Cilium.
var ciliumCRDs = []string{"ciliumcidrgroups.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io", "ciliumnetworkpolicies.cilium.io"}

// newCRD returns an empty CRD of which only the metadata is read.
func newCRD() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	return o
}

func isOurCRD(o client.Object) bool { return slices.Contains(ourCRDs, o.GetName()) }

// A crdGuard tells whether the lists of our kinds can be trusted (ruling 10).
// With its CRD an object goes without anybody meaning it, and the news of that
// may come before those of the CRD. So whenever a zone misses an object that it
// had, its CRD is looked up at the API server before that is believed.
type crdGuard struct {
	cache, live client.Reader

	mu   sync.Mutex
	seen map[string]sighting // by zone
}

// A sighting is what a zone's pass found: sorted hashes of UIDs, by CRD.
type sighting map[string][]uint64

func newCRDGuard(cache, live client.Reader) *crdGuard {
	return &crdGuard{cache: cache, live: live, seen: map[string]sighting{}}
}

// Check returns an UnknownError while one of our CRDs is missing or going.
func (g *crdGuard) Check(ctx context.Context, zone string, l gather.Listed) error {
	now := sighting{
		"conduits.medfence.io":       hashes(l.Conduits),
		"devicezones.medfence.io":    hashes(l.Zones),
		"medicaldevices.medfence.io": hashes(l.Devices),
	}
	g.mu.Lock()
	before, known := g.seen[zone]
	g.mu.Unlock()
	if err := g.check(ctx, func(crd string) bool { return known && includes(now[crd], before[crd]) }); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[zone] = now
	return nil
}

// check looks at all of our CRDs at once, for a zone may be in a hurry to close:
// in the cache at those of which nothing is missed.
func (g *crdGuard) check(ctx context.Context, whole func(crd string) bool) error {
	errs := make([]error, len(ourCRDs))
	var all sync.WaitGroup
	for i, name := range ourCRDs {
		if whole(name) {
			errs[i] = checkCRD(ctx, g.cache, name)
			continue
		}
		all.Go(func() { errs[i] = checkCRD(ctx, g.live, name) })
	}
	all.Wait()
	return cmp.Or(errs...)
}

func checkCRD(ctx context.Context, reader client.Reader, name string) error {
	crd := newCRD()
	err := reader.Get(ctx, client.ObjectKey{Name: name}, crd, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		return &gather.UnknownError{Message: fmt.Sprintf(
			"the CRD %s is missing, so nobody can tell what was declared; install it again: what is in force stays in force", name)}
	case err != nil:
		return fmt.Errorf("getting the CRD %s: %w", name, err)
	case crd.GetDeletionTimestamp() != nil:
		return &gather.UnknownError{Message: fmt.Sprintf(
			"the CRD %s is being deleted, so nobody can tell what was declared; install it again: what is in force stays in force", name)}
	}
	return nil
}

func hashes(uids []string) []uint64 {
	out := make([]uint64, 0, len(uids))
	for _, uid := range uids {
		h := fnv.New64a()
		_, _ = h.Write([]byte(uid)) // never fails
		out = append(out, h.Sum64())
	}
	slices.Sort(out)
	return out
}

// includes reports whether a sorted list has all that another one has.
func includes(list, wanted []uint64) bool {
	i := 0
	for _, w := range wanted {
		for i < len(list) && list[i] < w {
			i++
		}
		if i == len(list) || list[i] != w {
			return false
		}
	}
	return true
}
