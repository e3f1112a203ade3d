package controllers

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/plan"
)

// A listening is a board, and what it woke.
type listening struct {
	*board
	woken []string
}

func listen() *listening {
	l := &listening{board: newBoard()}
	l.wakeZone = func(name string) { l.woken = append(l.woken, "zone "+name) }
	l.tellZone = l.wakeZone
	l.wakeConduit = func(name string) { l.woken = append(l.woken, "conduit "+name) }
	l.wakeDevice = func(key types.NamespacedName) { l.woken = append(l.woken, "device "+key.Name) }
	return l
}

// heard returns what was woken since the last time.
func (l *listening) heard() []string {
	out := l.woken
	l.woken = nil
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	pumpKey   = types.NamespacedName{Namespace: "n", Name: "pump"}
	pumpFacts = deviceFacts{subject: subject{UID: "u", Generation: 1, Standing: plan.Current}, Zone: "a"}
	pipeFacts = conduitFacts{subject: subject{UID: "c", Generation: 1, Standing: plan.Current}, State: plan.Active, Zones: []string{"a", "b"}, Joined: []string{"a", "b"}}
)

func passOf(zone string) passFacts {
	return passFacts{
		zone: zone, outcome: enforced,
		devices:  map[types.NamespacedName]deviceFacts{},
		conduits: map[string]conduitFacts{"pipe": pipeFacts},
		prints:   prints{{"a", printMembers}: "1", {"b", printMembers}: "1"},
	}
}

func TestOnlyWhomNewsConcernIsWoken(t *testing.T) {
	l := listen()
	facts := passOf("a")
	facts.devices[pumpKey] = pumpFacts
	l.publish(l.begin(), facts)
	if diff := cmp.Diff([]string{"conduit pipe", "device pump"}, l.heard()); diff != "" {
		t.Errorf("at first: %s", diff)
	}
	l.publish(l.begin(), facts)
	if got := l.heard(); len(got) > 0 {
		t.Errorf("the same again woke %v", got)
	}
	facts.outcome.enforce = false
	l.publish(l.begin(), facts)
	if diff := cmp.Diff([]string{"conduit pipe", "device pump"}, l.heard()); diff != "" {
		t.Errorf("with another outcome: %s", diff)
	}
}

func TestAConduitIsKnownWhenAllItsZonesHaveSpoken(t *testing.T) {
	l := listen()
	l.publish(l.begin(), passOf("a"))
	if _, _, known := l.conduit("pipe", "c", 1); known {
		t.Error("known after one zone of two")
	}
	l.publish(l.begin(), passOf("b"))
	if _, zones, known := l.conduit("pipe", "c", 1); !known || len(zones) != 2 {
		t.Errorf("known: %v, zones: %v", known, zones)
	}
	if _, _, known := l.conduit("pipe", "c", 2); known {
		t.Error("a later spec is known before it was compiled")
	}
	if _, _, known := l.conduit("pipe", "another", 1); known {
		t.Error("another conduit of that name is known")
	}
	ended := pipeFacts
	ended.State = plan.Expired
	facts := passOf("a")
	facts.conduits["pipe"] = ended
	l.publish(l.begin(), facts)
	if _, _, known := l.conduit("pipe", "c", 1); known {
		t.Error("known although one zone has ended it and the other has not")
	}
}

func TestAnOlderPassDoesNotOverwriteANewerOne(t *testing.T) {
	l := listen()
	older, newer := l.begin(), l.begin()
	facts := passOf("a")
	facts.devices[pumpKey] = deviceFacts{subject: subject{UID: "u", Generation: 2}, Zone: "a"}
	l.publish(newer, facts)
	facts = passOf("a")
	facts.devices[pumpKey] = pumpFacts
	l.publish(older, facts)
	if _, _, known := l.device(pumpKey, "u", 2); !known {
		t.Error("the older facts won")
	}
}

func TestAZoneThatBecameAnotherWakesThoseWhoTookItForWhatItWas(t *testing.T) {
	l := listen()
	l.publish(l.begin(), passOf("a"))
	l.publish(l.begin(), passOf("b"))
	l.heard()
	facts := passOf("b")
	facts.prints = prints{{"a", printMembers}: "1", {"b", printMembers}: "2"}
	l.publish(l.begin(), facts)
	if diff := cmp.Diff([]string{"zone a"}, l.heard()); diff != "" {
		t.Error(diff)
	}
	l.publish(l.begin(), facts)
	if got := l.heard(); len(got) > 0 {
		t.Errorf("the same again woke %v: this would never end", got)
	}
}

// A new process whose first pass finds out nothing has no facts of anybody.
func TestWhoAskedInVainIsWokenByAPassThatFindsOutNothing(t *testing.T) {
	l := listen()
	pump, pipe := asker{plan.KindDevice, pumpKey}, asker{plan.KindConduit, types.NamespacedName{Name: "pipe"}}
	if got := l.unknown([]string{"a"}, pump) + l.unknown([]string{"a", "b"}, pipe); got != "" {
		t.Fatalf("unknown before any pass: %q", got)
	}
	nothing := outcome{state: outcomeUnknown, message: "the CRD is missing"}
	l.conclude(l.begin(), "a", nothing)
	if diff := cmp.Diff([]string{"conduit pipe", "device pump"}, l.heard()); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if got := l.unknown([]string{"a"}, pump); got != nothing.message {
		t.Errorf("unknown: %q", got)
	}
	l.conclude(l.begin(), "a", nothing)
	if got := l.heard(); len(got) > 0 {
		t.Errorf("the same again woke %v: this would never end", got)
	}
	l.conclude(l.begin(), "b", nothing)
	if diff := cmp.Diff([]string{"conduit pipe"}, l.heard()); diff != "" {
		t.Errorf("woken by the other zone (-want +got):\n%s", diff)
	}
}

// Names that nobody uses any more leave nothing behind: there is no end to those
// that people may mistype.
func TestAZoneThatNobodyNamesIsForgotten(t *testing.T) {
	l := listen()
	key := types.NamespacedName{Namespace: "n", Name: "typo"}
	l.unknown([]string{"infusoin"}, asker{plan.KindDevice, key})
	facts := passFacts{
		zone: "infusoin", outcome: outcome{state: outcomeAbsent},
		prints: prints{{"infusoin", printMembers}: "1", {"infusoin", printClaims}: "1"},
	}
	l.publish(l.begin(), facts)
	l.forgetZone("infusoin")
	if n := len(l.outcomes) + len(l.used) + len(l.askers) + len(l.prints); n > 0 {
		t.Errorf("%d entries are left: %v %v %v %v", n, l.outcomes, l.used, l.askers, l.prints)
	}
	l.heard()
	l.publish(l.begin(), facts)
	if got := l.outcomes["infusoin"].outcome.state; got != outcomeAbsent {
		t.Errorf("named again, its outcome is %q", got)
	}
}
