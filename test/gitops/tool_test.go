package gitops

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What Argo CD and Flux mark objects with.
const (
	trackingID   = "argocd.argoproj.io/tracking-id"
	instance     = "app.kubernetes.io/instance"
	waveOf       = "argocd.argoproj.io/sync-wave"
	syncOptions  = "argocd.argoproj.io/sync-options"
	fluxName     = "kustomize.toolkit.fluxcd.io/name"
	fluxSpace    = "kustomize.toolkit.fluxcd.io/namespace"
	argoManager  = "argocd-controller"
	fluxManager  = "kustomize-controller"
	needsConfirm = "Prune=confirm"
)

// An app is an Application of Argo CD, or a Kustomization of Flux, at work: it
// applies what is in Git by server-side apply, and prunes what bears its mark
// and is not in Git any more.
type app struct {
	*lab
	name string
	client.Client
	scripts map[string]string
	flux    bool
	// confirmed is what a person says to Argo CD, for objects that need it.
	confirmed bool
}

// watched are the kinds in which an app looks for objects that bear its mark.
var watched = []schema.GroupVersionKind{
	{Version: "v1", Kind: "Namespace"}, {Version: "v1", Kind: "Pod"},
	{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "medfence.io", Version: "v1alpha1", Kind: "DeviceZone"}, {Group: "medfence.io", Version: "v1alpha1", Kind: "Conduit"},
	{Group: "medfence.io", Version: "v1alpha1", Kind: "MedicalDevice"},
}

// mark puts the app's mark on what it applies: both of Argo CD's ways at once.
func (a *app) mark(o *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	labels, annotations := o.GetLabels(), o.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	if a.flux {
		labels[fluxName], labels[fluxSpace] = a.name, "flux-system"
	} else {
		labels[instance] = a.name
		annotations[trackingID] = fmt.Sprintf("%s:%s/%s:%s/%s", a.name, o.GroupVersionKind().Group, o.GetKind(), o.GetNamespace(), o.GetName())
	}
	o.SetLabels(labels)
	o.SetAnnotations(annotations)
	return o
}

// mine tells whether an object bears the app's mark, by either of the ways that
// Argo CD can be told to track by.
func (a *app) mine(o *unstructured.Unstructured) bool {
	if a.flux {
		return o.GetLabels()[fluxName] == a.name
	}
	id, _, _ := strings.Cut(o.GetAnnotations()[trackingID], ":")
	return id == a.name || o.GetLabels()[instance] == a.name
}

// live lists what the cluster has of a kind.
func (l *lab) live(t *testing.T, kinds ...schema.GroupVersionKind) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := l.root.List(t.Context(), list); err != nil {
			if meta.IsNoMatchError(err) {
				continue
			}
			t.Fatal(err)
		}
		for i := range list.Items {
			out = append(out, &list.Items[i])
		}
	}
	return out
}

// prunable are the objects that bear the mark and are not in Git. What has an
// owner is that one's child, and never pruned on its own.
func (a *app) prunable(t *testing.T, git []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	return slices.DeleteFunc(a.live(t, watched...), func(o *unstructured.Unstructured) bool {
		return !a.mine(o) || len(o.GetOwnerReferences()) > 0 || o.GetDeletionTimestamp() != nil ||
			slices.ContainsFunc(git, func(g *unstructured.Unstructured) bool { return title(g) == title(o) })
	})
}

// apply applies one object, and reports whether that wrote anything.
func (a *app) apply(t *testing.T, o *unstructured.Unstructured) (bool, error) {
	t.Helper()
	before := &unstructured.Unstructured{}
	before.SetGroupVersionKind(o.GroupVersionKind())
	if err := a.root.Get(t.Context(), client.ObjectKeyFromObject(o), before); client.IgnoreNotFound(err) != nil {
		return false, err
	}
	manager := argoManager
	if a.flux {
		manager = fluxManager
	}
	after := a.mark(o)
	err := a.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(after), client.FieldOwner(manager), client.ForceOwnership)
	return err == nil && after.GetResourceVersion() != before.GetResourceVersion(), err
}

// propagation is how what is pruned takes its children along: as the example's
// Applications say, and as Flux does.
func (a *app) propagation() metav1.DeletionPropagation { return metav1.DeletePropagationBackground }

// A task is something that a sync does, in a wave.
type task struct {
	wave  int
	prune bool
	*unstructured.Unstructured
}

// plan puts what is to be done into waves. Argo CD prunes in the reverse order:
// what came last goes first. Flux knows no waves; it applies namespaces first
// and prunes at the end.
func (a *app) plan(git, gone []*unstructured.Unstructured) []task {
	wave := func(o *unstructured.Unstructured) int {
		n, _ := strconv.Atoi(o.GetAnnotations()[waveOf])
		if a.flux {
			n = 0
		}
		return n
	}
	var tasks []task
	for _, o := range git {
		tasks = append(tasks, task{wave(o), false, o})
	}
	waves := map[int]bool{}
	for _, o := range gone {
		waves[wave(o)] = true
	}
	order := slices.Sorted(maps.Keys(waves))
	for _, o := range gone {
		n := order[len(order)-1-slices.Index(order, wave(o))]
		if a.flux {
			n = 1
		}
		tasks = append(tasks, task{n, true, o})
	}
	slices.SortStableFunc(tasks, func(x, y task) int {
		first := func(k task) int { return map[bool]int{true: 0, false: 1}[k.GetKind() == "Namespace" && !k.prune] }
		return cmp.Or(cmp.Compare(x.wave, y.wave), cmp.Compare(first(x), first(y)))
	})
	return tasks
}

// sync brings the cluster to what is in Git. It returns how many objects it
// wrote, and what waits for a person to confirm.
func (a *app) sync(t *testing.T, git []*unstructured.Unstructured) (wrote int, waiting []string) {
	t.Helper()
	tasks := a.plan(git, a.prunable(t, git))
	var written []task // ApplyOutOfSyncOnly: what was in sync is no part of it
	for i, k := range tasks {
		if i > 0 && tasks[i-1].wave != k.wave && !a.flux {
			a.healthy(t, written)
		}
		if k.prune {
			if !a.flux && !a.confirmed && strings.Contains(k.GetAnnotations()[syncOptions], needsConfirm) {
				waiting = append(waiting, title(k.Unstructured))
				continue
			}
			if err := a.Delete(t.Context(), k.Unstructured, client.PropagationPolicy(a.propagation())); client.IgnoreNotFound(err) != nil {
				t.Fatalf("%s prunes %s: %v", a.name, title(k.Unstructured), err)
			}
			wrote++
			continue
		}
		eventually(t, a.name+" to apply "+title(k.Unstructured), func() error {
			changed, err := a.apply(t, k.Unstructured)
			if changed {
				wrote++
				written = append(written, k)
			}
			return err
		})
	}
	return wrote, waiting
}

// healthy waits until Argo CD would go on to the next wave.
func (a *app) healthy(t *testing.T, tasks []task) {
	t.Helper()
	for _, k := range tasks {
		if k.prune || a.scripts[k.GetKind()] == "" {
			continue
		}
		eventually(t, title(k.Unstructured)+" to be healthy", func() error { return a.is(t, k.Unstructured, "Healthy") })
	}
}

// is returns an error if an object has another health in Argo CD.
func (a *app) is(t *testing.T, o *unstructured.Unstructured, want string) error {
	t.Helper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	if err := a.root.Get(t.Context(), client.ObjectKeyFromObject(o), live); err != nil {
		return err
	}
	if got := healthOf(t, a.scripts[o.GetKind()], live.Object); got.Status != want {
		return fmt.Errorf("%s is %s: %s", title(o), got.Status, got.Message)
	}
	return nil
}

// gone returns an error while an object is there.
func (l *lab) gone(t *testing.T, o *unstructured.Unstructured) error {
	t.Helper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	err := l.root.Get(t.Context(), client.ObjectKeyFromObject(o), live)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(fmt.Errorf("%s is there", title(o)), err)
}

// without returns what is in Git but for some objects.
func without(git []*unstructured.Unstructured, titles ...string) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(git), func(o *unstructured.Unstructured) bool { return slices.Contains(titles, title(o)) })
}
