package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// create creates an object that goes with the test.
func (c *crowd) create(o client.Object) {
	c.Helper()
	if err := c.Admin.Create(c.Context(), o); err != nil {
		c.Fatalf("%s: %v", o.GetName(), err)
	}
}

// until waits for a condition of an object.
func (c *crowd) until(o client.Object, what string, holds func() bool) {
	c.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if err := c.Admin.Get(c.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			c.Fatal(err)
		}
		if holds() {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s never %s: %+v", o.GetName(), what, o)
		}
	}
}

func settled(conditions []metav1.Condition, generation int64) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
		return c.Type == medfencev1alpha1.ConditionReady && c.ObservedGeneration == generation
	})
}

func (c *crowd) deviceZone(name string, namespaces, cidrs []string) *medfencev1alpha1.DeviceZone {
	c.Helper()
	z := &medfencev1alpha1.DeviceZone{}
	z.Name = name
	z.Spec.Role, z.Spec.Enforcement = medfencev1alpha1.RoleDevice, medfencev1alpha1.Enforce
	z.Spec.Members.Namespaces, z.Spec.Members.CIDRs = namespaces, cidrs
	c.create(z)
	return z
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	g, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{T: t, Generator: g, Stage: cluster(t)}
	t.Cleanup(c.sweep)
	for _, name := range Namespaces[:4] {
		space := &corev1.Namespace{}
		space.Name = name
		if err := c.Admin.Create(t.Context(), space); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Ten thousand problems of one object at once: 32 are listed, all are counted,
// what refuses comes first, and the status is written.
func TestTenThousandProblemsFitIntoAStatus(t *testing.T) {
	c := newCrowd(t)
	c.deviceZone("icu", []string{"hostile-a"}, nil)
	c.deviceZone("imaging", []string{"hostile-b"}, nil)
	d := &medfencev1alpha1.MedicalDevice{}
	d.Namespace, d.Name = "hostile-a", "gateway"
	d.Spec.Zone, d.Spec.Criticality = "icu", medfencev1alpha1.CriticalityLifeSustaining
	d.Spec.Workload = &medfencev1alpha1.DeviceWorkload{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "gateway"}}}
	c.create(d)
	const services, ports = 50, 200
	for i := range services {
		s := &corev1.Service{}
		s.Namespace, s.Name = "hostile-a", fmt.Sprintf("gateway-%02d", i)
		s.Spec.Selector, s.Spec.ClusterIP = map[string]string{"app": "gateway"}, corev1.ClusterIPNone
		for p := range ports {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("p%d", p), Port: int32(1 + ports*i + p), TargetPort: intstr.FromInt32(40000)})
		}
		c.create(s)
	}
	conduit := &medfencev1alpha1.Conduit{}
	conduit.Name = "everything"
	conduit.Spec.From.Zones, conduit.Spec.To.Zones = []string{"imaging"}, []string{"icu"}
	conduit.Spec.Services = []medfencev1alpha1.ConduitService{{Protocol: "TCP", Port: new(int32(1)), EndPort: new(int32(services * ports)), Encrypted: medfencev1alpha1.EncryptedYes}}
	conduit.Spec.Purpose, conduit.Spec.RiskAcceptance = "All ports of all Services", "It is a test of ten thousand problems"
	c.create(conduit)
	operator := live(t, c.Stage)
	c.until(conduit, "has a status", func() bool { return settled(conduit.Status.Conditions, conduit.Generation) })
	if got := int(conduit.Status.Warnings); got < services*ports {
		t.Errorf("%d warnings are counted, want at least %d", got, services*ports)
	}
	if got := len(conduit.Status.Problems); got != 32 {
		t.Errorf("%d problems are listed", got)
	}
	edit := conduit.DeepCopy()
	edit.Spec.To.Zones = []string{"icv"}
	if err := c.Admin.Patch(t.Context(), edit, client.MergeFrom(conduit)); err != nil {
		t.Fatal(err)
	}
	c.until(conduit, "is refused", func() bool {
		return settled(conduit.Status.Conditions, edit.Generation) && len(conduit.Status.Problems) > 0 && conduit.Status.Problems[0].Reason == "UnknownZone"
	})
	operator.rest()
	c.everyStatusIsSound()
	for _, text := range operator.complaints("refused", "panic") {
		t.Errorf("complained %s", text)
	}
	operator.stop()
}

// Objects that fill every list of their schema are compiled, written and told of;
// what does not fit into etcd is told of too.
func TestObjectsAtTheirLimitsAreCompiledAndToldOf(t *testing.T) {
	c := newCrowd(t)
	var prefixes, selected []string
	for i := range 256 {
		prefixes = append(prefixes, fmt.Sprintf("2001:db8:1111:2222:3333:4444:5555:%x/128", i+1))
	}
	for i := range 64 {
		selected = append(selected, fmt.Sprintf("v%s%02d", strings.Repeat("x", 60), i))
	}
	zone := c.deviceZone("icu", []string{"hostile-a"}, prefixes)
	c.deviceZone("imaging", []string{"hostile-b"}, nil)
	selector := metav1.LabelSelector{}
	for i := range 32 {
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: fmt.Sprintf("k%02d", i), Operator: metav1.LabelSelectorOpIn, Values: selected,
		})
	}
	large := c.device("hostile-b", "large", "imaging", selector)
	selector.MatchExpressions = selector.MatchExpressions[:1]
	for i := range 9000 {
		selector.MatchExpressions[0].Values = append(selector.MatchExpressions[0].Values, fmt.Sprintf("w%s%05d", strings.Repeat("x", 55), i))
	}
	huge := c.device("hostile-b", "huge", "imaging", selector)
	conduit := &medfencev1alpha1.Conduit{}
	conduit.Name = "full"
	conduit.Spec.From.Zones, conduit.Spec.To.Zones = []string{"imaging"}, []string{"icu"}
	for i := range 16 {
		conduit.Spec.Services = append(conduit.Spec.Services, medfencev1alpha1.ConduitService{
			Protocol: "TCP", Port: new(int32(1000 + 100*i)), EndPort: new(int32(1063 + 100*i)), Encrypted: medfencev1alpha1.EncryptedYes,
		})
	}
	conduit.Spec.Purpose, conduit.Spec.RiskAcceptance = strings.Repeat("é", 256), strings.Repeat("日", 512)
	c.create(conduit)
	operator := live(t, c.Stage)
	operator.rest()
	for o, want := range map[client.Object]string{zone: "Enforced", large: "NoMembers", huge: "SelectorInvalid"} {
		c.until(o, "is "+want, func() bool { return readyReason(o) == want })
	}
	c.until(conduit, "is enforced", func() bool { return strings.HasPrefix(readyReason(conduit), "Enforced") })
	c.everyStatusIsSound()
	for _, text := range operator.complaints("refused", "panic", "too large") {
		t.Errorf("complained %s", text)
	}
	operator.stop()
}

func (c *crowd) device(namespace, name, zone string, selector metav1.LabelSelector) *medfencev1alpha1.MedicalDevice {
	c.Helper()
	d := &medfencev1alpha1.MedicalDevice{}
	d.Namespace, d.Name = namespace, name
	d.Spec.Zone, d.Spec.Criticality = zone, medfencev1alpha1.CriticalityMonitoring
	d.Spec.Workload = &medfencev1alpha1.DeviceWorkload{PodSelector: selector}
	c.create(d)
	return d
}

func readyReason(o client.Object) string {
	var list []metav1.Condition
	switch x := o.(type) {
	case *medfencev1alpha1.DeviceZone:
		list = x.Status.Conditions
	case *medfencev1alpha1.MedicalDevice:
		list = x.Status.Conditions
	case *medfencev1alpha1.Conduit:
		list = x.Status.Conditions
	}
	for _, c := range list {
		if c.Type == medfencev1alpha1.ConditionReady && c.ObservedGeneration == o.GetGeneration() {
			return c.Reason
		}
	}
	return ""
}
