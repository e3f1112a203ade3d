package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// disguises remembers the cluster-scoped objects of others that bear our labels.
// The events of such an object wake only the zone that it names, so the pass that
// first sees one, or another version of it, must wake the others.
type disguises struct {
	mu    sync.Mutex
	known map[types.UID]string
}

// new notes versions of objects, and reports whether one of them was not known.
func (d *disguises) new(versions map[types.UID]string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := false
	for uid, version := range versions {
		if d.known[uid] != version {
			d.known[uid], fresh = version, true
		}
	}
	return fresh
}
