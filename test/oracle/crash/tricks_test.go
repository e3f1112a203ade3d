package crash

import (
	"context"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/apply"
)

// A trick is one kind of edit of a policy of the operator's.
type trick struct {
	name string
	do   func(*unstructured.Unstructured) error
	// of is the kind for which it is; empty for all.
	of string
	// foreign leaves a policy of somebody else. Without a guard what that one
	// opens is open: it is told as an opening, and not repaired.
	foreign bool
}

func (a *adversary) tricks() []trick {
	return []trick{
		{name: "opens it", do: a.opens},
		{name: "empties it", do: a.empties},
		{name: "deletes it", do: a.deletes},
		{name: "takes its name", do: a.takes, foreign: true},
		{name: "takes its labels away", do: func(u *unstructured.Unstructured) error { u.SetLabels(nil); return a.opens(u) }},
		{name: "takes its annotations away", do: func(u *unstructured.Unstructured) error { u.SetAnnotations(nil); return a.opens(u) }},
		{name: "says that it is another zone's", do: a.disowns},
		{name: "says that it stands for another", do: a.confuses},
		{name: "opens it and makes it look written", do: a.forges},
		{name: "copies it, open", do: a.copies, foreign: true},
		{name: "holds it by a finalizer and deletes it", do: a.holds},
		{name: "adds what another group has", of: "CiliumCIDRGroup", do: a.mixes},
		{name: "adds what another group has, and takes its annotations away", of: "CiliumCIDRGroup", do: func(u *unstructured.Unstructured) error { u.SetAnnotations(nil); return a.mixes(u) }},
		{name: "takes back one of his own", do: func(*unstructured.Unstructured) error { a.takeBack(a.dice.IntN(1 + len(a.theirs))); return nil }},
	}
}

func (a *adversary) update(u *unstructured.Unstructured) error {
	return a.admin.Update(context.Background(), u)
}

func (a *adversary) opens(u *unstructured.Unstructured) error {
	delete(u.Object, "specs")
	u.Object["spec"] = open[u.GetKind()]
	return a.update(u)
}

// empties lets a policy select, or a group hold, nothing of what it did.
func (a *adversary) empties(u *unstructured.Unstructured) error {
	delete(u.Object, "specs")
	nobody := map[string]any{"matchLabels": map[string]any{"nobody": "is"}}
	switch u.GetKind() {
	case "NetworkPolicy":
		u.Object["spec"] = map[string]any{"podSelector": nobody, "policyTypes": []any{"Ingress"}}
	case "CiliumCIDRGroup":
		u.Object["spec"] = map[string]any{"externalCIDRs": []any{"192.0.2.1/32"}}
	default:
		u.Object["spec"] = map[string]any{"endpointSelector": nobody, "ingress": []any{map[string]any{}}}
	}
	return a.update(u)
}

func (a *adversary) deletes(u *unstructured.Unstructured) error {
	return a.admin.Delete(context.Background(), u)
}

// takes deletes a policy and puts an open one of his own by its name.
func (a *adversary) takes(u *unstructured.Unstructured) error {
	if err := a.deletes(u); err != nil {
		return err
	}
	mine := blank(u.GroupVersionKind())
	mine.SetNamespace(u.GetNamespace())
	mine.SetName(u.GetName())
	mine.Object["spec"] = open[u.GetKind()]
	return a.create(mine)
}

func (a *adversary) create(mine *unstructured.Unstructured) error {
	err := a.admin.Create(context.Background(), mine)
	if err == nil {
		a.theirs = append(a.theirs, mine)
	}
	return err
}

func (a *adversary) disowns(u *unstructured.Unstructured) error {
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[medfencev1alpha1.AnnotationZoneUID] = "00000000-0000-0000-0000-000000000000"
	u.SetAnnotations(annotations)
	return a.opens(u)
}

// forges opens a policy and removes the hash that would tell.
func (a *adversary) forges(u *unstructured.Unstructured) error {
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[apply.AnnotationIntent] = "0123456789abcdef"
	u.SetAnnotations(annotations)
	return a.opens(u)
}

// copies puts an open policy beside, with all labels and annotations of ours.
func (a *adversary) copies(u *unstructured.Unstructured) error {
	mine := blank(u.GroupVersionKind())
	mine.SetNamespace(u.GetNamespace())
	mine.SetName(u.GetName() + "-" + strconv.Itoa(2+a.dice.IntN(4)))
	mine.SetLabels(u.GetLabels())
	mine.SetAnnotations(u.GetAnnotations())
	mine.Object["spec"] = open[u.GetKind()]
	return a.create(mine)
}

// confuses lets a policy claim that it is another one under a strange name.
func (a *adversary) confuses(u *unstructured.Unstructured) error {
	all := a.ours()
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[apply.AnnotationStandsFor] = all[a.dice.IntN(len(all))].GetName()
	u.SetAnnotations(annotations)
	return a.opens(u)
}

// holds opens a policy and deletes it, so that it stays as it is, and is
// nothing that could be repaired.
func (a *adversary) holds(u *unstructured.Unstructured) error {
	u.SetFinalizers([]string{"example.org/mine"})
	if err := a.opens(u); err != nil {
		return err
	}
	return a.deletes(u)
}

// mixes adds to a group what another one has: addresses that might as well be on
// their way from the one to the other.
func (a *adversary) mixes(u *unstructured.Unstructured) error {
	groups := slices.DeleteFunc(a.ours(), func(x *unstructured.Unstructured) bool { return x.GetKind() != u.GetKind() })
	other := groups[a.dice.IntN(len(groups))]
	had, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "externalCIDRs")
	more, _, _ := unstructured.NestedStringSlice(other.Object, "spec", "externalCIDRs")
	if err := unstructured.SetNestedStringSlice(u.Object, slices.Concat(had, more), "spec", "externalCIDRs"); err != nil {
		return err
	}
	return a.update(u)
}

// takeBack removes one of the adversary's own, if there are so many.
func (a *adversary) takeBack(i int) {
	a.Helper()
	if i >= len(a.theirs) {
		return
	}
	mine := a.theirs[i]
	a.theirs = slices.Delete(a.theirs, i, i+1)
	if err := a.admin.Delete(context.Background(), mine); client.IgnoreNotFound(err) != nil {
		a.Fatal(err)
	}
}
