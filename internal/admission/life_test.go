package admission_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/admission"
)

// inForce waits until the guards refuse.
func (l *lab) inForce(s scene) {
	l.Helper()
	l.eventually("the guards to be in force", func() error { return l.play(s, admission.Deny) })
}

func TestANamespaceWithOurObjectsIsDeletedAndItsGarbageCollected(t *testing.T) {
	l := newLab(t, false)
	l.staff()
	l.hospital()
	l.install(admission.Deny)
	l.inForce(ownScenes()[0])
	owner := &corev1.ConfigMap{}
	owner.Namespace, owner.Name = "ward", "owner"
	l.must(l.root.Create(t.Context(), owner))
	// The operator takes a foreign owner off its objects, but after a moment.
	owned := &networkingv1.NetworkPolicy{}
	owned.Namespace, owned.Name = "ward", "medfence-owned"
	owned.Labels = map[string]string{"medfence.io/zone": "ward"}
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	l.must(l.people["operator"].Create(t.Context(), owned))
	l.must(l.people["ada"].Delete(t.Context(), owner))
	l.gone("the garbage", owned)

	for _, n := range []string{"icu", "leaving"} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n}}
		l.must(l.people["ada"].Delete(t.Context(), namespace))
		l.gone("namespace "+n, namespace)
	}
}

func (l *lab) gone(what string, o client.Object) {
	l.Helper()
	l.eventually(what+" to be gone", func() error {
		err := l.root.Get(l.Context(), client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there"), err)
	})
}

func TestEachGuardIsTurnedByItself(t *testing.T) {
	l := newLab(t, false)
	l.staff()
	l.hospital()
	// One scene of each guard, and each guard refuses in one round.
	heralds := map[string]scene{
		admission.OwnObjects: ownScenes()[1], admission.ForeignPolicies: policyScenes()[0], admission.SideDoors: podScenes()[0],
		admission.SecurityLabels: labelScenes()[0], admission.EnforceUnregistered: enforceScenes()[0], admission.UnclosedNamespace: unclosedScenes()[0],
	}
	modes := []admission.Mode{admission.Deny, admission.Warn, admission.Off}
	for round := range modes {
		turned := map[string]admission.Mode{}
		for i, g := range admission.Guards() {
			turned[g.Name] = modes[(i+round)%len(modes)]
		}
		l.installModes(turned)
		for guard, s := range heralds {
			l.eventually(fmt.Sprintf("guard %s to be %s: %s", guard, turned[guard], s.name), func() error { return l.play(s, turned[guard]) })
		}
	}
}

// Installed first, or left behind by CRDs that somebody deleted, the guards must
// stop nobody.
func TestWithoutCRDsOrOperatorNothingIsStopped(t *testing.T) {
	l := newLab(t, true)
	l.install(admission.Deny)
	l.create("{apiVersion: v1, kind: Namespace, metadata: {name: icu}}\n---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: devices, namespace: icu}}")
	ours := scene{"our marks", "root", creates(policyIn("NetworkPolicy", "icu", "medfence.io/zone: icu")), refused, "medfence-own-objects", []string{"may not mark"}}
	l.inForce(ours) // needs no CRD
	pass := []scene{
		{"a pod", "root", creates(pod("icu", "", "hostNetwork: true")), passes, "", nil},
		{"a policy", "root", creates(policyIn("NetworkPolicy", "icu", "")), passes, "", nil},
		{"a Service", "root", service("icu", "type: NodePort"), passes, "", nil},
		{"a workload", "root", creates(workload("Deployment", "icu")), passes, "", nil},
	}
	for _, s := range pass {
		if err := l.play(s, admission.Deny); err != nil {
			t.Errorf("without CRDs: %s: %v", s.name, err)
		}
	}
	l.installKinds()
	l.zone("icu", "Enforce", []string{"icu"}, nil)
	l.inForce(scene{"host network", "root", creates(pod("icu", "", "hostNetwork: true")), refused, "medfence-side-doors", nil})
	l.eventually("the CRD to be gone", func() error {
		crd := named("DeviceZone devicezones.medfence.io")
		crd.SetAPIVersion("apiextensions.k8s.io/v1")
		crd.SetKind("CustomResourceDefinition")
		err := client.IgnoreNotFound(l.root.Delete(t.Context(), crd))
		if apierrors.IsNotFound(l.root.Get(t.Context(), keyOf(crd), crd)) {
			return err
		}
		return errors.Join(errors.New("it is there"), err)
	})
	for _, s := range pass {
		l.eventually("no CRD to stop nobody: "+s.name, func() error { return l.play(s, admission.Deny) })
	}
}

// A site of 128 zones with 128 namespaces each is more than any hospital has.
func TestManyZonesStayWithinTheCostThatTheAPIServerAllows(t *testing.T) {
	l := newLab(t, false)
	l.staff()
	l.hospital()
	before := l.pace("free")
	l.install(admission.Deny)
	l.inForce(podScenes()[0])
	few := l.pace("free")
	for z := range 128 {
		namespaces := make([]string, 128)
		for n := range namespaces {
			namespaces[n] = fmt.Sprintf("zone-%03d-%s-%03d", z, strings.Repeat("n", 40), n)
		}
		l.zone(fmt.Sprintf("zone-%03d", z), []string{"Enforce", "Observe"}[z%2], namespaces, nil)
	}
	last := "zone-126-" + strings.Repeat("n", 40) + "-127"
	l.create("{apiVersion: v1, kind: Namespace, metadata: {name: " + last + "}}\n---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: devices, namespace: " + last + "}}")
	l.inForce(scene{"host network in the last of many", "nora", creates(pod(last, "", "hostNetwork: true")), refused, "medfence-side-doors", []string{"zone zone-126"}})
	l.inForce(scene{"a policy in the last of many", "nora", creates(policyIn("CiliumNetworkPolicy", last, "")), refused, "medfence-foreign-policies", []string{"zone zone-126"}})
	for _, s := range scenes() {
		if err := l.play(s, admission.Deny); err != nil && !strings.Contains(s.name, "all namespaces but") {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	t.Logf("creating a pod elsewhere takes %s without guards, %s with 9 zones, %s with 137", before, few, l.pace("free"))
}

// pace returns how long the creation of a pod takes.
func (l *lab) pace(namespace string) time.Duration {
	l.Helper()
	a := creates(pod(namespace, "", ""))
	const times = 50
	start := time.Now()
	for range times {
		l.must(a(l.Context(), l.people["nora"]))
	}
	return time.Since(start) / times
}
