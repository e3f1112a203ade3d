package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/admission"
	"github.com/medfence/medfence/test/controlplane"
)

// refusals are the requests of an operator that the API server forbids.
type refusals struct {
	mu   sync.Mutex
	seen []string
}

func (r *refusals) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(q *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(q)
		if err == nil && response.StatusCode == http.StatusForbidden {
			r.mu.Lock()
			r.seen = append(r.seen, q.Method+" "+q.URL.Path)
			r.mu.Unlock()
		}
		return response, err
	})
}

// guarded starts a lab with every guard on deny.
func guarded(t *testing.T) *lab {
	t.Helper()
	l, stop, err := newLab(context.Background(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := l.installCilium(); err != nil {
		t.Fatal(err)
	}
	if err := l.createFiles(t.Context(), "../config/admission/roles.yaml"); err != nil {
		t.Fatal(err)
	}
	modes := map[string]admission.Mode{}
	for _, g := range admission.Guards() {
		modes[g.Name] = admission.Deny
	}
	files, err := admission.Manifests(admission.Options{Namespace: operatorNamespace, ServiceAccount: operatorAccount, Modes: modes})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		objects, err := parse(string(f.Text))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if err := l.admin.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	return l
}

// breakglass is an administrator who takes the group of emergencies.
func (b *bench) breakglass() client.Client {
	b.Helper()
	config := rest.CopyConfig(b.cluster.Config())
	config.Impersonate = rest.ImpersonationConfig{UserName: admission.Breakglass, Groups: []string{admission.Breakglass}}
	c, err := client.New(config, client.Options{Scheme: b.admin.Scheme()})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func TestTheOperatorDoesItsWorkWithEveryGuardOnDeny(t *testing.T) {
	l := guarded(t)
	for _, target := range []string{"netpol", "cilium"} {
		t.Run(target, func(t *testing.T) {
			refused := &refusals{}
			b := newBenchWith(t, l, target, func(o *Options) { o.Config.Wrap(refused.wrap) })
			b.namespace("infusion", "druglib")
			b.create(happy)
			b.createOne(gateway("gw-1"))
			zone := &medfencev1alpha1.DeviceZone{}
			b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonEnforced)
			b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)

			b.guardsStand()
			b.drifts()
			edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Members.CIDRs = []string{"10.20.1.0/24"} })
			b.create("{apiVersion: medfence.io/v1alpha1, kind: MedicalDevice, metadata: {name: ct, namespace: infusion}, spec: {zone: infusion, criticality: Ancillary, addresses: [10.20.1.7]}}")
			b.ready(&medfencev1alpha1.MedicalDevice{}, "infusion/ct", "True", medfencev1alpha1.ReasonNetworkOnly)
			edit(b, &medfencev1alpha1.Conduit{}, "library-to-pumps", func(c *medfencev1alpha1.Conduit) { c.Spec.Services[0].Port = new(int32(4000)) })
			b.settled()
			edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Enforcement = medfencev1alpha1.Observe })
			b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonObserving)
			b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "True", medfencev1alpha1.ReasonObserving)
			edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Enforcement = medfencev1alpha1.Enforce })
			b.ready(zone, "infusion", "True", medfencev1alpha1.ReasonEnforced)
			if target == "netpol" {
				b.bornWhileDown()
			}

			edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.DeletionPolicy = medfencev1alpha1.DeletionRelease })
			b.remove(zone, "infusion")
			b.gone("infusion")
			if len(refused.seen) > 0 {
				t.Errorf("the operator was refused %v", refused.seen)
			}
		})
	}
}

// gateway returns a pod that happy declares.
func gateway(name string) *corev1.Pod {
	p := &corev1.Pod{}
	p.Namespace, p.Name, p.Labels = "infusion", name, map[string]string{"app": "gateway"}
	p.Spec.Containers = []corev1.Container{{Name: "main", Image: "example.org/none"}}
	return p
}

// guardsStand waits until the baseline cannot be touched by an administrator.
func (b *bench) guardsStand() {
	b.Helper()
	b.eventually("the guards", func() error {
		p := &networkingv1.NetworkPolicy{}
		p.Namespace, p.Name = "infusion", baselineOfPumps
		err := b.admin.Delete(b.Context(), p, client.DryRunAll)
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "only Medfence's operator writes it") {
			return nil
		}
		return fmt.Errorf("an administrator may: %w", err)
	})
}

// drifts lets an emergency change the baseline, and waits for the repair.
func (b *bench) drifts() {
	b.Helper()
	was := &networkingv1.NetworkPolicy{}
	if err := b.object(was, "infusion/"+baselineOfPumps); err != nil {
		b.Fatal(err)
	}
	repaired := func() error {
		is := &networkingv1.NetworkPolicy{}
		return errors.Join(b.object(is, "infusion/"+baselineOfPumps), differ(was.Spec, is.Spec), differ(was.Labels, is.Labels))
	}
	night := b.breakglass()
	widen := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"ingress":[{}]},"metadata":{"labels":{"medfence.io/zone":null}}}`))
	if err := night.Patch(b.Context(), was.DeepCopy(), widen); err != nil {
		b.Fatal(err)
	}
	b.eventually("the repair", repaired)
	if err := night.Delete(b.Context(), was.DeepCopy()); err != nil {
		b.Fatal(err)
	}
	b.eventually("the policy to be back", repaired)
}

// bornWhileDown adds a namespace that is born while no operator runs: without
// Cilium nothing closes it, and no pod starts in it until the operator is back.
func (b *bench) bornWhileDown() {
	b.Helper()
	const born = "infusion-born"
	zone := &medfencev1alpha1.DeviceZone{}
	edit(b, zone, "infusion", func(z *medfencev1alpha1.DeviceZone) { z.Spec.Members.Namespaces = []string{"infusion", born} })
	b.eventually("the zone to wait for its namespace", func() error {
		return errors.Join(b.object(zone, "infusion"), differ([]medfencev1alpha1.NamespaceStatus{
			{Name: "infusion", Baseline: true}, {Name: born},
		}, zone.Status.Namespaces))
	})
	b.stop()
	b.namespace(born)
	pod := gateway("early")
	pod.Namespace = born
	b.eventually("the pod to be refused", func() error {
		err := b.admin.Create(b.Context(), pod.DeepCopy(), client.DryRunAll)
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "may not create Pod infusion-born/early yet") {
			return nil
		}
		return fmt.Errorf("it may be created: %w", err)
	})
	b.createOne(gateway("gw-2")) // what is closed stops for nobody
	b.start()
	b.eventually("the pod to start", func() error { return b.admin.Create(b.Context(), pod.DeepCopy()) })
	if got := b.policies(born); len(got) != 1 || got[0] != baselineOfPumps {
		b.Errorf("a pod started in a namespace with the policies %v", got)
	}
}
