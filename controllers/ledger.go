package controllers

import (
	"maps"
	"slices"
	"strings"
	"sync"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/render/object"
)

// A ledger remembers, for each zone, what the last pass found out that its
// status or the cache may not tell yet: the status of a pass that failed is not
// written at once (see blips), and a cache is behind what was written. It only
// ever takes away from what may be deleted, and adds to what is kept closed; so
// nothing is lost with it when the operator dies.
type ledger struct {
	mu    sync.Mutex
	zones map[string]page
	// closed are the namespaces in which the baseline of a zone stood after its last
	// pass, by the zone's UID, and closers the reverse.
	closed  map[string][]string
	closers map[string]map[string]bool
}

// A page is about one zone.
type page struct {
	uid string
	// gone are the UIDs of objects that the status has on record although they
	// are gone, or not ours.
	gone map[string]bool
}

func newLedger() *ledger {
	return &ledger{zones: map[string]page{}, closed: map[string][]string{}, closers: map[string]map[string]bool{}}
}

// record returns what the zone's status has on record and is not known to be
// gone: what has been deleted once need not be deleted at each new try.
func (l *ledger) record(zone *medfencev1alpha1.DeviceZone) []medfencev1alpha1.PolicyReference {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.zones[zone.Name]
	if p.uid != string(zone.UID) || len(p.gone) == 0 {
		return zone.Status.Policies
	}
	return slices.DeleteFunc(slices.Clone(zone.Status.Policies), func(ref medfencev1alpha1.PolicyReference) bool { return p.gone[ref.UID] })
}

// note remembers how a pass of the zone ended.
func (l *ledger) note(zone *medfencev1alpha1.DeviceZone, changes apply.ChangeSet) {
	p := page{uid: string(zone.UID), gone: map[string]bool{}}
	for _, ref := range zone.Status.Policies {
		p.gone[ref.UID] = true
	}
	name := object.BaselineName(zone.Name)
	var closed []string
	for _, ref := range changes.Recorded {
		delete(p.gone, ref.UID)
		if ref.Kind == "NetworkPolicy" && (ref.Name == name || strings.HasPrefix(ref.Name, name+"-")) {
			closed = append(closed, ref.Namespace)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(zone.Name)
	l.zones[zone.Name] = p
	l.closed[p.uid] = closed
	for _, n := range closed {
		if l.closers[n] == nil {
			l.closers[n] = map[string]bool{}
		}
		l.closers[n][p.uid] = true
	}
}

// Of returns the namespaces in which the baseline of a zone, by its UID, stood after
// its last pass.
func (l *ledger) Of(zone string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed[zone]
}

// In returns the UIDs of the zones whose baselines stood in a namespace after their
// last passes.
func (l *ledger) In(namespace string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.closers[namespace]))
}

// forget drops what was remembered of a zone that is gone.
func (l *ledger) forget(zone string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(zone)
}

// drop takes a zone's page out.
func (l *ledger) drop(zone string) {
	uid := l.zones[zone].uid
	delete(l.zones, zone)
	for _, n := range l.closed[uid] {
		if delete(l.closers[n], uid); len(l.closers[n]) == 0 {
			delete(l.closers, n)
		}
	}
	delete(l.closed, uid)
}
