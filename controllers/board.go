package controllers

import (
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/plan"
)

// A board holds what the last passes of the zones found out about devices and
// conduits, in memory, and wakes their reconcilers when it changes. A restart
// fills it again.
type board struct {
	mu       sync.Mutex
	pass     uint64
	devices  map[types.NamespacedName]deviceEntry
	conduits map[string]conduitEntry
	outcomes map[string]outcomeEntry
	// prints are what zones last were, by their own passes; used is what the
	// last pass of a zone took the others for.
	prints prints
	used   map[string]prints
	// askers are those who asked before anything was known of them, by zone.
	askers map[string]map[asker]bool

	wakeDevice  func(types.NamespacedName)
	wakeConduit func(string)
	wakeZone    func(string)
	// tellZone wakes a zone in a while.
	tellZone func(string)
}

// An asker is a device or, without a namespace, a conduit.
type asker struct {
	kind string
	types.NamespacedName
}

type deviceEntry struct {
	pass  uint64
	facts deviceFacts
}

type conduitEntry struct {
	pass  uint64
	facts conduitFacts
	// voices are the zones that have been through a pass with the conduit, and
	// how it stood then: a conduit is enforced when all of its zones agree.
	voices map[string]voice
}

// A voice is how a conduit stood in a pass of one zone.
type voice struct {
	uid        string
	generation int64
	standing   plan.Standing
	state      plan.State
}

type outcomeEntry struct {
	pass    uint64
	outcome outcome
}

func newBoard() *board {
	return &board{
		devices:     map[types.NamespacedName]deviceEntry{},
		conduits:    map[string]conduitEntry{},
		outcomes:    map[string]outcomeEntry{},
		prints:      prints{},
		used:        map[string]prints{},
		askers:      map[string]map[asker]bool{},
		wakeZone:    func(string) {},
		tellZone:    func(string) {},
		wakeDevice:  func(types.NamespacedName) {},
		wakeConduit: func(string) {},
	}
}

// onWake sets how a reconciler is woken.
func (b *board) onWake(set func(*board)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	set(b)
}

// begin numbers a pass. Of two passes that know of one object, the one that
// began later has read the newer cache.
func (b *board) begin() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass++
	return b.pass
}

// publish puts up what a pass found out, and wakes whom it concerns.
func (b *board) publish(pass uint64, facts passFacts) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, f := range facts.devices {
		b.putDevice(pass, key, f)
	}
	for name, f := range facts.conduits {
		b.putConduit(pass, facts.zone, name, f)
	}
	b.putOutcome(pass, facts.zone, facts.outcome)
	b.putPrints(facts.zone, facts.prints)
}

// announce notes what a pass took zones for, and tells those that took its own
// zone for something else.
func (b *board) announce(zone string, seen prints) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putPrints(zone, seen)
}

// putPrints notes what a pass took zones for, and tells those that took its own
// zone for something else. It tells them only when its zone has changed, so that
// no two can keep each other awake.
func (b *board) putPrints(zone string, seen prints) {
	b.used[zone] = seen
	for _, key := range []printKey{{zone, printMembers}, {zone, printClaims}} {
		own := seen[key]
		if have, known := b.prints[key]; known && have == own {
			continue
		}
		b.prints[key] = own
		for other, used := range b.used {
			if took, did := used[key]; did && other != zone && took != own {
				b.tellZone(other)
			}
		}
	}
}

// conclude puts up the outcome of a pass that found out nothing else.
func (b *board) conclude(pass uint64, zone string, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putOutcome(pass, zone, o)
}

func (b *board) putDevice(pass uint64, key types.NamespacedName, f deviceFacts) {
	old, known := b.devices[key]
	if known && old.pass > pass {
		return
	}
	b.devices[key] = deviceEntry{pass: pass, facts: f}
	if !known || !reflect.DeepEqual(old.facts, f) {
		b.wakeDevice(key)
	}
}

func (b *board) putConduit(pass uint64, zone, name string, f conduitFacts) {
	entry, known := b.conduits[name]
	spoken := voice{uid: f.UID, generation: f.Generation, standing: f.Standing, state: f.State}
	changed := !known || entry.voices[zone] != spoken
	if !known {
		entry.voices = map[string]voice{}
	}
	entry.voices[zone] = spoken
	if !known || entry.pass <= pass {
		changed = changed || !reflect.DeepEqual(entry.facts, f)
		entry.pass, entry.facts = pass, f
	}
	b.conduits[name] = entry
	if changed {
		b.wakeConduit(name)
	}
}

func (b *board) putOutcome(pass uint64, zone string, o outcome) {
	b.answer(zone)
	old, known := b.outcomes[zone]
	if known && (old.pass > pass || old.outcome == o) {
		return
	}
	b.outcomes[zone] = outcomeEntry{pass: pass, outcome: o}
	for key, d := range b.devices {
		if d.facts.Zone == zone {
			b.wakeDevice(key)
		}
	}
	for name, c := range b.conduits {
		if slices.Contains(c.facts.Zones, zone) {
			b.wakeConduit(name)
		}
	}
}

// answer wakes all who asked in vain: a pass that finds out nothing, because
// its input cannot be known, has no facts that would wake them.
func (b *board) answer(zone string) {
	for who := range b.askers[zone] {
		if who.kind == plan.KindDevice {
			b.wakeDevice(who.NamespacedName)
		} else {
			b.wakeConduit(who.Name)
		}
	}
	delete(b.askers, zone)
}

// device returns what is known of a device in this version.
func (b *board) device(key types.NamespacedName, uid types.UID, generation int64) (deviceFacts, outcome, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	entry, ok := b.devices[key]
	if !ok || entry.facts.UID != string(uid) || entry.facts.Generation != generation {
		return deviceFacts{}, outcome{}, false
	}
	return entry.facts, b.outcomes[entry.facts.Zone].outcome, true
}

// conduit returns what is known of a conduit in this version, and the outcomes
// of the zones that it joins. Nothing is known before all of its zones have
// spoken.
func (b *board) conduit(name string, uid types.UID, generation int64) (conduitFacts, []outcome, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	entry, ok := b.conduits[name]
	f := entry.facts
	if !ok || f.UID != string(uid) || f.Generation != generation {
		return conduitFacts{}, nil, false
	}
	spoken := voice{uid: f.UID, generation: f.Generation, standing: f.Standing, state: f.State}
	for _, zone := range f.Zones {
		if entry.voices[zone] != spoken {
			return conduitFacts{}, nil, false
		}
	}
	outcomes := make([]outcome, 0, len(f.Joined))
	for _, zone := range f.Joined {
		outcomes = append(outcomes, b.outcomes[zone].outcome)
	}
	return f, outcomes, true
}

// unknown returns why nothing can be known of zones, if that is so of any; and
// if not, who asks is woken by their next passes.
func (b *board) unknown(zones []string, who asker) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, zone := range zones {
		if o := b.outcomes[zone].outcome; o.state == outcomeUnknown {
			return o.message
		}
	}
	for _, zone := range zones {
		if b.askers[zone] == nil {
			b.askers[zone] = map[asker]bool{}
		}
		b.askers[zone][who] = true
	}
	return ""
}

// wakeZones wakes zones.
func (b *board) wakeZones(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range names {
		b.wakeZone(name)
	}
}

// tellZones wakes zones in a while.
func (b *board) tellZones(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range names {
		b.tellZone(name)
	}
}

// closures returns what the last pass of a zone that judged others said of its
// conduits.
func (b *board) closures(zone string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outcomes[zone].outcome.closures
}

// forgetZone drops what is known of a zone that does not exist and that nobody
// names: there is no end to the names that people may mistype.
func (b *board) forgetZone(zone string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.outcomes, zone)
	delete(b.used, zone)
	delete(b.askers, zone)
	delete(b.prints, printKey{zone, printMembers})
	delete(b.prints, printKey{zone, printClaims})
}

// forgetDevice drops what is known of a device that is gone.
func (b *board) forgetDevice(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.devices, key)
}

// forgetConduit drops what is known of a conduit that is gone.
func (b *board) forgetConduit(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conduits, name)
}
