package gitops

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/strongauth"
)

// A site is a hospital whose repository a tool follows.
type site struct {
	*lab
	platform, security, icu, imaging, workICU, workImaging *app
	git                                                    map[*app][]*unstructured.Unstructured
}

// newSite makes an app for each owner, all with the right of one user, or of one
// for each.
func newSite(t *testing.T, l *lab, flux bool, user func(app string) string) *site {
	t.Helper()
	s := &site{lab: l, git: map[*app][]*unstructured.Unstructured{}}
	texts := scripts(t)
	of := func(name, folder string) *app {
		a := &app{lab: l, name: name, Client: l.as(t, user(name)), scripts: texts, flux: flux}
		s.git[a] = l.build(t, folder)
		return a
	}
	s.platform = of("medfence", "platform")
	s.security = of("security", "security")
	s.icu, s.imaging = of("department-icu", "departments/icu"), of("department-imaging", "departments/imaging")
	s.workICU, s.workImaging = of("workloads-icu", "workloads/icu"), of("workloads-imaging", "workloads/imaging")
	return s
}

// install brings Medfence, and the operator here in place of its pod.
func (s *site) install(t *testing.T) {
	t.Helper()
	s.platform.sync(t, s.git[s.platform])
	s.operate(t)
	s.strong(t, strongauth.ArgoCD, fluxUser("medfence-security"), fluxUser("department-icu"), fluxUser("department-imaging"))
}

// all are the apps that follow the platform, in the order of their waves.
func (s *site) all() []*app {
	return []*app{s.security, s.icu, s.imaging, s.workICU, s.workImaging}
}

// syncAll brings everything that is in Git, and waits until it is healthy and
// the workloads have pods.
func (s *site) syncAll(t *testing.T) (wrote int) {
	t.Helper()
	for _, a := range s.all() {
		n, _ := a.sync(t, s.git[a])
		wrote += n
	}
	for _, a := range s.all() {
		for _, o := range s.git[a] {
			if a.scripts[o.GetKind()] != "" {
				eventually(t, title(o)+" to be healthy", func() error { return a.is(t, o, "Healthy") })
			}
		}
	}
	for _, namespace := range []string{"icu", "imaging"} {
		eventually(t, "a pod in "+namespace, func() error { return s.pods(t, namespace, 1) })
		eventually(t, "the gateway of "+namespace+" to be in force", func() error { return s.closed(t, namespace) })
	}
	return wrote
}

// closed returns an error unless the namespace's baseline stands and its zone is
// enforced.
func (s *site) closed(t *testing.T, zone string) error {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(watched[5])
	if err := s.root.Get(t.Context(), client.ObjectKey{Name: zone}, o); err != nil {
		return err
	}
	if c := condition(o, "Enforced"); c == nil || c["status"] != "True" {
		return fmt.Errorf("zone %s says %v", zone, c)
	}
	return s.root.Get(t.Context(), client.ObjectKey{Namespace: zone, Name: "medfence-baseline-" + zone}, &networkingv1.NetworkPolicy{})
}

func (s *site) pods(t *testing.T, namespace string, want int) error {
	t.Helper()
	var list corev1.PodList
	if err := s.root.List(t.Context(), &list, client.InNamespace(namespace)); err != nil || len(list.Items) != want {
		return fmt.Errorf("%s has %d pods (%w)", namespace, len(list.Items), err)
	}
	return nil
}

// versions are the versions of all that people or the operator wrote.
func (s *site) versions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range s.live(t, watched[4:]...) {
		out[title(o)] = o.GetResourceVersion()
	}
	return out
}

// settled waits until nobody writes any more: a zone that is made now has been
// looked at, and a second look finds what the first did.
func (s *site) settled(t *testing.T) map[string]string {
	t.Helper()
	before := s.versions(t)
	eventually(t, "all to settle", func() error {
		s.probe(t)
		now := s.versions(t)
		diff := cmp.Diff(before, now)
		before = now
		if diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	return before
}

// probe makes a zone, waits until the operator has looked at it, and takes it
// away: what was waiting before has been looked at too.
func (s *site) probe(t *testing.T) {
	t.Helper()
	zone := parse(t, "{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: probe}, spec: {role: Corporate}}")[0]
	if err := s.root.Create(t.Context(), zone); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the operator to look", func() error { return s.security.is(t, zone, "Healthy") })
	if err := s.security.Delete(t.Context(), zone); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the probe to be gone", func() error { return s.gone(t, zone) })
}

// fluxUser is the service account of one of the example's Kustomizations.
func fluxUser(name string) string {
	if strings.HasPrefix(name, "workloads") {
		name = "workloads"
	}
	if name == "medfence" || name == "security" {
		name = map[string]string{"medfence": "medfence-platform", "security": "medfence-security"}[name]
	}
	return "system:serviceaccount:flux-system:" + name
}

func argoUser(string) string { return strongauth.ArgoCD }

// newArgoSite gives Argo CD its rights, which are those of an administrator, and
// installs Medfence: once, for all tests.
func newArgoSite(t *testing.T) *site {
	t.Helper()
	l := newLab(t)
	if l.argo != nil {
		l.argo.security.confirmed = false
		return l.argo
	}
	s := newSite(t, l, false, argoUser)
	l.argo = s
	l.create(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, namespace: argocd, name: argocd-application-controller}]`)
	s.install(t)
	return s
}

// unmarked fails for a policy, or anything else that the operator wrote, which a
// tool would take for its own.
func (s *site) unmarked(t *testing.T) {
	t.Helper()
	seen := 0
	for _, o := range s.live(t, watched[4]) {
		if o.GetLabels()["app.kubernetes.io/managed-by"] != "medfence" {
			continue
		}
		seen++
		for _, a := range append(s.all(), s.platform) {
			if a.mine(o) {
				t.Errorf("%s bears the mark of %s: %v %v", title(o), a.name, o.GetLabels(), o.GetAnnotations())
			}
		}
		for key := range maps.Keys(o.GetLabels()) {
			if key == instance || strings.HasPrefix(key, "kustomize.toolkit") {
				t.Errorf("%s has the label %s", title(o), key)
			}
		}
		if len(o.GetOwnerReferences()) > 0 {
			t.Errorf("%s has owners, and would be shown and collected as a child: %v", title(o), o.GetOwnerReferences())
		}
	}
	if seen < 4 {
		t.Errorf("only %d policies of the operator are there", seen)
	}
}

// steady applies all again, three times, and fails if anybody writes anything.
func (s *site) steady(t *testing.T) {
	t.Helper()
	before := s.settled(t)
	for range 3 {
		if wrote := s.syncAll(t); wrote > 0 {
			t.Errorf("a sync of what is there writes %d objects", wrote)
		}
		s.probe(t)
	}
	if diff := cmp.Diff(before, s.versions(t)); diff != "" {
		t.Errorf("somebody writes while Git is still (-before +after)\n%s", diff)
	}
}

func TestArgoCDAndTheOperatorDoNotFight(t *testing.T) {
	s := newArgoSite(t)
	g := s.watchBaselines(t)
	if wrote := s.syncAll(t); wrote == 0 {
		t.Error("the first sync writes nothing")
	}
	s.steady(t)
	s.unmarked(t)
	g.mustHaveHeld(t, "at rest")
	// Argo CD puts back what somebody edits, and leaves the operator's finalizer.
	zone := s.object(t, s.security, "DeviceZone icu")
	if err := s.security.Patch(t.Context(), zone.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"owner":"somebody else"}}`))); err != nil {
		t.Fatal(err)
	}
	if wrote, _ := s.security.sync(t, s.git[s.security]); wrote != 1 {
		t.Errorf("an edit by hand is put back by %d writes", wrote)
	}
	live := zone.DeepCopy()
	if err := s.root.Get(t.Context(), client.ObjectKeyFromObject(zone), live); err != nil || len(live.GetFinalizers()) != 1 {
		t.Errorf("the zone's finalizers are %v (%v)", live.GetFinalizers(), err)
	}
}

func (s *site) object(t *testing.T, a *app, name string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range s.git[a] {
		if title(o) == name {
			return o
		}
	}
	t.Fatalf("%s has no %s", a.name, name)
	return nil
}

func TestAConduitIsPrunedWhenSomebodyConfirms(t *testing.T) {
	s := newArgoSite(t)
	s.syncAll(t)
	g := s.watchBaselines(t)
	conduit := s.object(t, s.security, "Conduit pacs-to-icu")
	less := without(s.git[s.security], title(conduit))
	if _, waiting := s.security.sync(t, less); !cmp.Equal(waiting, []string{title(conduit)}) {
		t.Errorf("unconfirmed, these wait: %v", waiting)
	}
	if err := s.gone(t, conduit); err == nil {
		t.Error("the conduit is gone, and nobody confirmed")
	}
	s.security.confirmed = true
	s.security.sync(t, less)
	s.security.confirmed = false
	eventually(t, "the conduit and its policy to be gone", func() error {
		return errors.Join(s.gone(t, conduit), s.policies(t, "icu", 1))
	})
	s.settled(t)
	g.mustHaveHeld(t, "a conduit pruned")
	s.syncAll(t)
	eventually(t, "the conduit's policy", func() error { return s.policies(t, "icu", 2) })
	// Argo CD's default is foreground, which leaves the object to the garbage
	// collector: the conduit ends before that has come.
	if err := s.security.Delete(t.Context(), conduit, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the conduit's policy to be gone", func() error { return s.policies(t, "icu", 1) })
	held := &unstructured.Unstructured{}
	held.SetGroupVersionKind(conduit.GroupVersionKind())
	if err := s.root.Get(t.Context(), client.ObjectKeyFromObject(conduit), held); err != nil || !cmp.Equal(held.GetFinalizers(), []string{metav1.FinalizerDeleteDependents}) {
		t.Fatalf("the conduit does not wait for the collector, but has %v (%v)", held.GetFinalizers(), err)
	}
	held.SetFinalizers(nil) // the collector looks at kinds that are new after half a minute
	if err := s.security.Update(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	s.syncAll(t)
}

// policies returns an error unless a namespace has so many of the operator's.
func (s *site) policies(t *testing.T, namespace string, want int) error {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	if err := s.root.List(t.Context(), &list, client.InNamespace(namespace)); err != nil || len(list.Items) != want {
		return fmt.Errorf("%s has %d policies (%w)", namespace, len(list.Items), err)
	}
	return nil
}

// A zone that another team has opened is Degraded. That must not keep anybody
// from taking a conduit away.
func TestAnOpeningHoldsUpNoSync(t *testing.T) {
	s := newArgoSite(t)
	s.syncAll(t)
	const allowAll = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: icu}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}`
	s.create(t, allowAll)
	zone, conduit := s.object(t, s.security, "DeviceZone icu"), s.object(t, s.security, "Conduit pacs-to-icu")
	eventually(t, "the zone to be opened", func() error { return s.security.is(t, zone, "Degraded") })
	s.security.confirmed = true
	s.security.sync(t, without(s.git[s.security], title(conduit)))
	eventually(t, "the conduit and its policy to be gone", func() error {
		return errors.Join(s.gone(t, conduit), s.policies(t, "icu", 2))
	})
	s.security.sync(t, s.git[s.security])
	eventually(t, "the conduit to be back", func() error { return s.policies(t, "icu", 3) })
	if err := s.root.Delete(t.Context(), parse(t, allowAll)[0]); err != nil {
		t.Fatal(err)
	}
	s.syncAll(t)
}

// Nothing waits behind a conduit that has ended, and it is no drift.
func TestAConduitThatHasEndedIsSuspended(t *testing.T) {
	s := newArgoSite(t)
	s.syncAll(t)
	ended := s.object(t, s.security, "Conduit pacs-to-icu").DeepCopy()
	if err := unstructured.SetNestedField(ended.Object, "2020-01-01T00:00:00Z", "spec", "expiresAt"); err != nil {
		t.Fatal(err)
	}
	git := append(without(s.git[s.security], title(ended)), ended)
	s.security.sync(t, git)
	eventually(t, "the conduit to have ended", func() error {
		return errors.Join(s.security.is(t, ended, "Suspended"), s.policies(t, "icu", 1))
	})
	if wrote, _ := s.security.sync(t, git); wrote > 0 {
		t.Errorf("a conduit that has ended is written %d times more", wrote)
	}
	s.syncAll(t)
}

// Whatever goes first, what runs stays closed until it ends; then Git makes all
// anew.
func TestNoOrderOfPruningOpensWhatRuns(t *testing.T) {
	s := newArgoSite(t)
	zones := func() []*unstructured.Unstructured {
		return without(s.git[s.security], "DeviceZone icu", "DeviceZone imaging", "DeviceZone pacs")
	}
	nothing := func() []*unstructured.Unstructured {
		return without(s.git[s.security], "DeviceZone icu", "DeviceZone imaging", "DeviceZone pacs", "Conduit pacs-to-icu", "Conduit imaging-to-pacs")
	}
	for name, order := range map[string][]func(){
		"zones, conduits, devices": {
			func() { s.security.sync(t, zones()) }, func() { s.security.sync(t, nothing()) },
			func() { s.icu.sync(t, nil) }, func() { s.imaging.sync(t, nil) },
		},
		"devices, zones and conduits": {
			func() { s.icu.sync(t, nil) }, func() { s.imaging.sync(t, nil) }, func() { s.security.sync(t, nothing()) },
		},
	} {
		s.syncAll(t)
		g := s.watchBaselines(t)
		s.security.confirmed = true
		for _, step := range order {
			step()
			s.settled(t)
			g.mustHaveHeld(t, name)
			for _, zone := range []string{"icu", "imaging"} {
				if err := s.root.Get(t.Context(), client.ObjectKey{Namespace: zone, Name: "medfence-baseline-" + zone}, &networkingv1.NetworkPolicy{}); err != nil {
					t.Errorf("%s: pods of %s are open: %v", name, zone, err)
				}
			}
		}
		s.security.confirmed = false
		for _, zone := range []string{"icu", "imaging"} {
			o := s.object(t, s.security, "DeviceZone "+zone)
			eventually(t, "the zone to wait for its pods", func() error { return s.security.is(t, o, "Progressing") })
		}
		for _, a := range []*app{s.workICU, s.workImaging} { // the last to go
			a.sync(t, nil)
		}
		for _, zone := range []string{"icu", "imaging"} {
			o := s.object(t, s.security, "DeviceZone "+zone)
			eventually(t, title(o)+" to be gone, with its baseline", func() error { return errors.Join(s.gone(t, o), s.policies(t, zone, 0)) })
		}
		g.mustHaveHeld(t, name+", and then the workloads")
	}
	s.syncAll(t)
}

func TestFluxAndTheOperatorDoNotFight(t *testing.T) {
	argo := newArgoSite(t)
	l := argo.lab
	argo.syncAll(t) // the namespaces that the RoleBindings need
	l.create(t, "{apiVersion: v1, kind: Namespace, metadata: {name: flux-system}}")
	for _, o := range l.build(t, "flux") {
		if !strings.HasSuffix(o.GroupVersionKind().Group, "toolkit.fluxcd.io") {
			if err := l.root.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := newSite(t, l, true, fluxUser)
	g := s.watchBaselines(t)
	s.syncAll(t) // takes over what Argo CD brought, by force
	s.steady(t)
	s.unmarked(t)
	g.mustHaveHeld(t, "with Flux")
	conduit := s.object(t, s.security, "Conduit pacs-to-icu")
	s.security.sync(t, without(s.git[s.security], title(conduit)))
	eventually(t, "the conduit and its policy to be gone", func() error {
		return errors.Join(s.gone(t, conduit), s.policies(t, "icu", 1))
	})
	g.mustHaveHeld(t, "a conduit pruned by Flux")
	// The account of a department brings devices to its own namespace, and no more.
	for name, o := range map[string]*unstructured.Unstructured{
		"a conduit": conduit, "a zone": s.object(t, s.security, "DeviceZone icu"),
		"a device elsewhere": s.object(t, s.imaging, "MedicalDevice imaging/gateway"), "a workload": s.object(t, s.workICU, "Deployment icu/gateway"),
	} {
		if _, err := s.icu.apply(t, o); err == nil || !strings.Contains(err.Error(), "forbidden") {
			t.Errorf("department-icu brings %s: %v", name, err)
		}
	}
}

// The watch is no witness unless it sees what it is there for.
func TestTheWatchSeesAnOpenMoment(t *testing.T) {
	s := newArgoSite(t)
	s.syncAll(t)
	g := s.watchBaselines(t)
	zone := s.object(t, s.security, "DeviceZone icu").DeepCopy()
	if err := s.security.Patch(t.Context(), zone, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"deletionPolicy":"Release"}}`))); err != nil {
		t.Fatal(err)
	}
	if err := s.security.Delete(t.Context(), zone); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watch to see the zone open over its pods", func() error {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.opened) != 1 || !strings.Contains(g.opened[0], "medfence-baseline-icu is deleted over 1 pods") {
			return fmt.Errorf("it saw %v", g.opened)
		}
		return nil
	})
	eventually(t, "the zone to be gone", func() error { return s.gone(t, zone) })
	s.syncAll(t)
}
