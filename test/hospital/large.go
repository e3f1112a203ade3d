package hospital

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// PerWard is the number of devices of each ward of a large hospital: every other
// one a pod, the rest with an address.
const PerWard = 100

// conduitsPerWard is the number of conduits from each ward to its peer.
const conduitsPerWard = 3

// Large returns the wards of a hospital with that many devices, rounded down to
// whole wards but at least one ward: for 10,000 devices 100 Device zones, 300
// conduits, 100 zones at their other ends and 5,000 pods. It is the same each
// time.
func Large(devices int) [][]client.Object {
	wards := make([][]client.Object, max(devices/PerWard, 1))
	left := devices
	for w := range wards {
		wards[w] = Ward(w, min(left, PerWard))
		left -= PerWard
	}
	return wards
}

// Ward returns one ward: its namespaces, its zone, the zone at the other end,
// the conduits between them, and that many devices with their pods. Namespaces
// come first, and devices before their pods. 64,000 wards have addresses.
func Ward(number, devices int) []client.Object {
	out := []client.Object{namespace(WardName(number)), namespace(peerName(number)), wardZone(number), peerZone(number)}
	for i := range conduitsPerWard {
		out = append(out, wardConduit(number, i))
	}
	for i := range devices {
		out = append(out, wardDevice(number, i))
		if hasPod(i) {
			out = append(out, wardPod(number, i))
		}
	}
	return out
}

// WardName is the name of a ward's zone, and of its namespace.
func WardName(number int) string { return fmt.Sprintf("zone-%d", number) }

// WardDevice is the name of a device of a ward.
func WardDevice(number int) string { return fmt.Sprintf("d-%d", number) }

// WardPrefix begins the addresses of a ward: 10.100.7.
func WardPrefix(number int) string { return fmt.Sprintf("10.%d.%d.", 100+number/250, number%250) }

func peerName(number int) string { return fmt.Sprintf("peer-%d", number) }

func hasPod(device int) bool { return device%2 == 0 }

func namespace(name string) client.Object {
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}
}

func ours(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: medfencev1alpha1.GroupVersion.String(), Kind: kind}
}

func wardZone(number int) client.Object {
	z := &medfencev1alpha1.DeviceZone{TypeMeta: ours("DeviceZone"), ObjectMeta: metav1.ObjectMeta{Name: WardName(number)}}
	z.Spec.Role, z.Spec.Enforcement = medfencev1alpha1.RoleDevice, medfencev1alpha1.Enforce
	z.Spec.Owner = "Clinical Engineering"
	z.Spec.SecurityLevel = &medfencev1alpha1.SecurityLevel{Target: 2, Rationale: "RA-1"}
	z.Spec.Members.Namespaces = []string{z.Name}
	z.Spec.Members.CIDRs = []string{WardPrefix(number) + "0/24"}
	return z
}

func peerZone(number int) client.Object {
	z := &medfencev1alpha1.DeviceZone{TypeMeta: ours("DeviceZone"), ObjectMeta: metav1.ObjectMeta{Name: peerName(number)}}
	z.Spec.Role = medfencev1alpha1.RoleClinical
	z.Spec.Members.Namespaces = []string{z.Name}
	return z
}

func wardConduit(ward, number int) client.Object {
	c := &medfencev1alpha1.Conduit{TypeMeta: ours("Conduit"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("zone-%d-%d", ward, number)}}
	c.Spec.From.Zones, c.Spec.To.Zones = []string{WardName(ward)}, []string{peerName(ward)}
	c.Spec.Services = []medfencev1alpha1.ConduitService{{Protocol: "TCP", Port: new(int32(2000 + number)), Encrypted: "Yes"}}
	c.Spec.Purpose = "A purpose for the auditor"
	return c
}

func wardDevice(ward, number int) client.Object {
	d := &medfencev1alpha1.MedicalDevice{TypeMeta: ours("MedicalDevice")}
	d.Namespace, d.Name = WardName(ward), WardDevice(number)
	model := fmt.Sprintf("m-%d", number%5)
	d.Labels = map[string]string{"model": model}
	d.Spec.Zone, d.Spec.Criticality = d.Namespace, medfencev1alpha1.CriticalityTherapeutic
	d.Spec.Identity = medfencev1alpha1.DeviceIdentity{Manufacturer: "Maker", Model: model, FirmwareVersion: "1.0"}
	if !hasPod(number) {
		d.Spec.Addresses = []string{fmt.Sprintf("%s%d", WardPrefix(ward), number+1)}
		return d
	}
	d.Spec.Workload = &medfencev1alpha1.DeviceWorkload{PodSelector: metav1.LabelSelector{MatchLabels: podLabels(number)}}
	return d
}

func podLabels(device int) map[string]string {
	return map[string]string{"app": fmt.Sprintf("app-%d", device)}
}

func wardPod(ward, number int) client.Object {
	p := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}}
	p.Namespace, p.Name, p.Labels = WardName(ward), fmt.Sprintf("app-%d-0", number), podLabels(number)
	p.Spec.Containers = []corev1.Container{{Name: "main", Image: "example.org/none"}}
	return p
}
