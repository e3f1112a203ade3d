package controllers

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/render/object"
)

// expected remembers, by zone, the cluster-scoped objects that its last pass set
// out to write. The news of them come before the zone's status has them on
// record.
type expected struct {
	mu    sync.Mutex
	zones map[string]map[string]bool // kind and name
}

func newExpected() *expected { return &expected{zones: map[string]map[string]bool{}} }

// set notes what a zone is about to write; nothing forgets the zone.
func (r *expected) set(zone string, objects []object.Object) {
	names := map[string]bool{}
	for _, o := range objects {
		if o.GetNamespace() == "" {
			names[o.GetObjectKind().GroupVersionKind().Kind+"/"+o.GetName()] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.zones, zone)
	if len(names) > 0 {
		r.zones[zone] = names
	}
}

// has reports whether an object bears the name of one of a zone's.
func (r *expected) has(zone string, o client.Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.zones[zone][o.GetObjectKind().GroupVersionKind().Kind+"/"+o.GetName()]
}
