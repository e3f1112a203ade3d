package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// disguises remembers the cluster-scoped objects of others that bear our labels.
// The events of such an object wake only the zone that it names, so the pass that
// first sees one must wake the others.
type disguises struct {
	mu    sync.Mutex
	known map[types.UID]bool
}

// new notes objects, and reports whether one of them was not known.
func (d *disguises) new(list []types.UID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := false
	for _, uid := range list {
		if !d.known[uid] {
			d.known[uid], fresh = true, true
		}
	}
	return fresh
}
