package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A ward is the hospital that is changed all the time. It has places for
// devices, conduits and pods; what stands in a place goes, and something with a
// name that never was before comes.
type ward struct {
	client.Client
	dice  *rand.Rand
	zones int
	// places hold what is there now.
	devices, conduits, pods []client.Object
	// strange are policies of other teams, and broken objects of ours.
	strange []client.Object
	serial  int
	edits   int
}

// newWard prepares a hospital with so many zones, four devices and two pods a
// zone and a conduit from each to the next.
func newWard(c client.Client, zones int, seed uint64) *ward {
	w := &ward{Client: c, dice: rand.New(rand.NewPCG(seed, 0x736f616b)), zones: zones}
	w.devices = make([]client.Object, 4*zones)
	w.pods = make([]client.Object, 2*zones)
	w.conduits = make([]client.Object, 2*zones)
	return w
}

func zoneName(i int) string { return fmt.Sprintf("ward-%02d", i) }

// build creates the zones, which stay, and fills the places.
func (w *ward) build(ctx context.Context) error {
	for i := range w.zones {
		space := &corev1.Namespace{}
		space.Name = zoneName(i)
		if err := w.Create(ctx, space); err != nil {
			return fmt.Errorf("creating a namespace: %w", err)
		}
		account := &corev1.ServiceAccount{}
		account.Namespace, account.Name = space.Name, "default"
		if err := w.Create(ctx, account); client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("creating an account: %w", err)
		}
		zone := &medfencev1alpha1.DeviceZone{}
		zone.Name = zoneName(i)
		zone.Spec.Role, zone.Spec.Enforcement = medfencev1alpha1.RoleDevice, medfencev1alpha1.Enforce
		zone.Spec.Members.Namespaces = []string{zone.Name}
		zone.Spec.Members.CIDRs = []string{fmt.Sprintf("10.%d.0.0/16", 10+i)}
		if err := w.Create(ctx, zone); err != nil {
			return fmt.Errorf("creating a zone: %w", err)
		}
	}
	return w.restore(ctx)
}

// restore makes all as many as at the beginning: every place is filled, every
// zone enforced, and what is strange is gone.
func (w *ward) restore(ctx context.Context) error {
	var errs []error
	for _, o := range w.strange {
		errs = append(errs, client.IgnoreNotFound(w.Delete(ctx, o)))
	}
	w.strange = nil
	for i := range w.zones {
		errs = append(errs, w.editZone(ctx, i, func(z *medfencev1alpha1.DeviceZone) {
			z.Spec.Enforcement = medfencev1alpha1.Enforce
			z.Spec.Members.CIDRs = z.Spec.Members.CIDRs[:1]
		}))
	}
	for _, places := range []struct {
		list []client.Object
		of   func(int) client.Object
	}{{w.devices, w.device}, {w.pods, w.pod}, {w.conduits, w.conduit}} {
		for i, o := range places.list {
			if o == nil {
				errs = append(errs, w.fill(ctx, places.list, i, places.of))
			}
		}
	}
	return errors.Join(errs...)
}

// fill puts something new into a place.
func (w *ward) fill(ctx context.Context, places []client.Object, i int, of func(int) client.Object) error {
	o := of(i)
	if err := w.Create(ctx, o); err != nil {
		return fmt.Errorf("creating %s: %w", o.GetName(), err)
	}
	places[i] = o
	return nil
}

// empty removes what is in a place.
func (w *ward) empty(ctx context.Context, places []client.Object, i int) error {
	if places[i] == nil {
		return nil
	}
	err := w.Delete(ctx, places[i], client.GracePeriodSeconds(0))
	places[i] = nil
	return client.IgnoreNotFound(err)
}

// replace empties a place and, most of the time, fills it again.
func (w *ward) replace(ctx context.Context, places []client.Object, of func(int) client.Object) error {
	i := w.dice.IntN(len(places))
	if err := w.empty(ctx, places, i); err != nil || w.dice.IntN(3) == 0 {
		return err
	}
	return w.fill(ctx, places, i, of)
}

// name returns one that never was before.
func (w *ward) name(of string) string {
	w.serial++
	return fmt.Sprintf("%s-%06d", of, w.serial)
}

func (w *ward) device(place int) client.Object {
	zone := place % w.zones
	d := &medfencev1alpha1.MedicalDevice{}
	d.Namespace, d.Name = zoneName(zone), w.name("device")
	d.Labels = map[string]string{"kind": fmt.Sprintf("kind-%d", w.dice.IntN(3))}
	d.Spec.Zone, d.Spec.Criticality = d.Namespace, medfencev1alpha1.CriticalityTherapeutic
	if place < 2*w.zones {
		d.Spec.Workload = &medfencev1alpha1.DeviceWorkload{}
		d.Spec.Workload.PodSelector.MatchLabels = map[string]string{"app": fmt.Sprintf("app-%d-%d", place/w.zones, w.dice.IntN(3))}
		return d
	}
	d.Spec.Addresses = []string{fmt.Sprintf("10.%d.%d.%d", 10+zone, place/w.zones, 1+w.dice.IntN(250))}
	return d
}

func (w *ward) pod(place int) client.Object {
	p := &corev1.Pod{}
	p.Namespace, p.Name = zoneName(place%w.zones), w.name("pod")
	p.Labels = map[string]string{"app": fmt.Sprintf("app-%d-%d", place/w.zones, w.dice.IntN(3))}
	p.Spec.Containers = []corev1.Container{{Name: "main", Image: "example.org/none"}}
	return p
}

func (w *ward) conduit(place int) client.Object {
	c := &medfencev1alpha1.Conduit{}
	c.Name = w.name("conduit")
	from := place % w.zones
	c.Spec.From.Zones, c.Spec.To.Zones = []string{zoneName(from)}, []string{zoneName((from + 1 + w.dice.IntN(w.zones-1)) % w.zones)}
	if w.dice.IntN(3) == 0 {
		c.Spec.From.DeviceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kind": fmt.Sprintf("kind-%d", w.dice.IntN(3))}}
	}
	c.Spec.Services = []medfencev1alpha1.ConduitService{{Protocol: "TCP", Port: new(int32(1000 + w.dice.IntN(5))), Encrypted: medfencev1alpha1.EncryptedYes}}
	c.Spec.Purpose = "What the soak permits for a while"
	if w.dice.IntN(5) == 0 {
		c.Spec.ExpiresAt = new(metav1.NewTime(time.Now().Add(time.Duration(1+w.dice.IntN(15)) * time.Second)))
	}
	return c
}

// churn does one thing that somebody does.
func (w *ward) churn(ctx context.Context) error {
	w.edits++
	switch w.dice.IntN(12) {
	case 0, 1:
		return w.replace(ctx, w.devices, w.device)
	case 2, 3:
		return w.replace(ctx, w.conduits, w.conduit)
	case 4, 5, 6:
		return w.replace(ctx, w.pods, w.pod)
	case 7:
		return w.editZone(ctx, w.dice.IntN(w.zones), func(z *medfencev1alpha1.DeviceZone) {
			z.Spec.Enforcement = []medfencev1alpha1.Enforcement{medfencev1alpha1.Observe, medfencev1alpha1.Enforce}[w.dice.IntN(2)]
		})
	case 8:
		return w.editZone(ctx, w.dice.IntN(w.zones), func(z *medfencev1alpha1.DeviceZone) {
			z.Spec.Members.CIDRs = append(z.Spec.Members.CIDRs[:1:1], fmt.Sprintf("172.16.%d.0/24", w.dice.IntN(4)))
		})
	case 9:
		return w.tamper(ctx)
	}
	return w.intrude(ctx)
}

func (w *ward) editZone(ctx context.Context, i int, change func(*medfencev1alpha1.DeviceZone)) error {
	z := &medfencev1alpha1.DeviceZone{}
	if err := w.Get(ctx, client.ObjectKey{Name: zoneName(i)}, z); err != nil {
		return fmt.Errorf("getting a zone: %w", err)
	}
	was := z.DeepCopy()
	change(z)
	if err := w.Patch(ctx, z, client.MergeFrom(was)); err != nil {
		return fmt.Errorf("changing a zone: %w", err)
	}
	return nil
}

// tamper changes or deletes a policy of ours.
func (w *ward) tamper(ctx context.Context) error {
	var list networkingv1.NetworkPolicyList
	ours := client.MatchingLabels{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy}
	if err := w.List(ctx, &list, ours); err != nil || len(list.Items) == 0 {
		return err
	}
	p := &list.Items[w.dice.IntN(len(list.Items))]
	if w.dice.IntN(2) == 0 {
		return client.IgnoreNotFound(w.Delete(ctx, p))
	}
	p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
	if err := w.Update(ctx, p); !apierrors.IsConflict(err) {
		return client.IgnoreNotFound(err)
	}
	return nil
}

// intrude makes a policy of another team that opens a zone, or a device that
// names a zone that nobody ever heard of.
func (w *ward) intrude(ctx context.Context) error {
	if w.dice.IntN(2) == 0 {
		p := &networkingv1.NetworkPolicy{}
		p.Namespace, p.Name = zoneName(w.dice.IntN(w.zones)), w.name("allow-all")
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		w.strange = append(w.strange, p)
		return w.Create(ctx, p)
	}
	d, _ := w.device(w.dice.IntN(len(w.devices))).(*medfencev1alpha1.MedicalDevice)
	d.Spec.Zone = w.name("unheard-of")
	w.strange = append(w.strange, d)
	return w.Create(ctx, d)
}

// objects counts what stands in the places.
func (w *ward) objects() int {
	n := w.zones + len(w.strange)
	for _, places := range [][]client.Object{w.devices, w.pods, w.conduits} {
		for _, o := range places {
			if o != nil {
				n++
			}
		}
	}
	return n
}
