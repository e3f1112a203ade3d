package apply

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A ChangeSet is what an Apply did, and what it could not do yet.
type ChangeSet struct {
	// Created, Updated and Deleted follow from what was rendered.
	Created, Updated, Deleted []Change
	// Repaired were changed or deleted by somebody else; the note says how.
	Repaired []Change
	// Foreign are objects of somebody else that bear a name of ours, or are
	// copies of ours; the note says which, and where ours was written.
	Foreign []Change
	// Altered were written but came back different, by an admission webhook or
	// a default that we do not know; the note says where.
	Altered []Change
	// Invalid are as they shall be, but Cilium does not take them; the note is its
	// own word for why.
	Invalid []Change
	// Skipped were not written since their namespace is missing or going.
	Skipped []Change
	// Unrecordable were not created, since the zone's status cannot record more.
	// Nothing but fewer policies helps.
	Unrecordable []Change
	// Waiting could not be done yet; the note says for what. Another pass is
	// needed, soon.
	Waiting []Change
	// Awaited are the objects of other zones for which it waits, where it is known:
	// news of them are worth another pass.
	Awaited []Change
	// AwaitedZones are the other zones whose writes it waits for, where it is known,
	// sorted.
	AwaitedZones []string
	// Tidying says that all that waits is to be removed from groups, or with them: no
	// flow that is permitted depends on when.
	Tidying bool
	// Recorded is the zone's new record, sorted.
	Recorded []medfencev1alpha1.PolicyReference
}

// A Change is about one object.
type Change struct {
	Kind, Namespace, Name string
	// Note is a part of a sentence, empty where nothing need be said.
	Note string
}

// noteDeleted is the note of a repair of what somebody deleted.
const noteDeleted = "deleted"

// Recreated reports whether a repair made an object anew that somebody had
// deleted.
func (c Change) Recreated() bool { return c.Note == noteDeleted }

// Object returns an object that refers to the one that was changed.
func (c Change) Object() runtime.Object {
	return blank(key{kind: c.Kind, namespace: c.Namespace, name: c.Name})
}

// Written returns the number of objects that were created, updated, repaired or
// deleted.
func (s ChangeSet) Written() int {
	return len(s.Created) + len(s.Updated) + len(s.Repaired) + len(s.Deleted)
}

// changes closes the run: one line for each object, all lists sorted.
func (r *run) changes() ChangeSet {
	r.readValidity()
	s := r.set
	for _, list := range []*[]Change{
		&s.Created, &s.Updated, &s.Deleted, &s.Repaired,
		&s.Foreign, &s.Altered, &s.Invalid, &s.Skipped, &s.Unrecordable, &s.Waiting, &s.Awaited,
	} {
		*list = sortChanges(*list)
	}
	s.Tidying = len(s.Waiting) > 0 && !r.hurried
	slices.Sort(s.AwaitedZones)
	s.AwaitedZones = slices.Compact(s.AwaitedZones)
	s.Recorded = nil
	for k, uid := range r.record {
		s.Recorded = append(s.Recorded, reference(k, uid))
	}
	slices.SortFunc(s.Recorded, compareReferences)
	s.Recorded = r.fit(s.Recorded)
	return s
}

func reference(k key, uid string) medfencev1alpha1.PolicyReference {
	return medfencev1alpha1.PolicyReference{Kind: k.kind, Namespace: k.namespace, Name: k.name, UID: uid}
}

func compareReferences(a, b medfencev1alpha1.PolicyReference) int {
	return key{a.Kind, a.Namespace, a.Name}.compare(key{b.Kind, b.Namespace, b.Name})
}

// sortChanges orders changes by object and keeps one for each: a group that
// grew and shrank was updated once.
func sortChanges(list []Change) []Change {
	slices.SortStableFunc(list, func(a, b Change) int {
		return key{a.Kind, a.Namespace, a.Name}.compare(key{b.Kind, b.Namespace, b.Name})
	})
	return slices.CompactFunc(list, func(a, b Change) bool {
		return a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name
	})
}

// A key names an object of the cluster.
type key struct{ kind, namespace, name string }

// String returns "NetworkPolicy icu/medfence-pump" or "CiliumCIDRGroup medfence-a".
func (k key) String() string {
	if k.namespace == "" {
		return k.kind + " " + k.name
	}
	return k.kind + " " + k.namespace + "/" + k.name
}

func (k key) compare(other key) int {
	return cmp.Or(
		cmp.Compare(k.kind, other.kind),
		cmp.Compare(k.namespace, other.namespace),
		cmp.Compare(k.name, other.name),
	)
}

func (k key) change(note string) Change {
	return Change{Kind: k.kind, Namespace: k.namespace, Name: k.name, Note: note}
}
