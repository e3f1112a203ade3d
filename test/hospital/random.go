package hospital

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
)

// Now is the time in every random hospital.
var Now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Options shape a hospital.
type Options struct {
	// Sound leaves out mistakes: unknown names, broken fields, deletion.
	Sound bool
	// Restless adds namespaces that are being deleted, and some that are listed
	// and do not exist. What a renderer writes there is another matter.
	Restless bool
	// Kind is the target; empty draws one.
	Kind snapshot.TargetKind
}

// Random returns the hospital of a seed.
//
//nolint:gocyclo // one loop for each kind of object
func Random(seed uint64, o Options) *snapshot.Snapshot {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 0x6d656466656e6365)), sound: o.Sound}
	s := &snapshot.Snapshot{Now: Now, Target: d.target(o.Kind), Cluster: d.cluster()}
	for _, n := range namespaces {
		if o.Restless && n != namespaces[0] && d.chance(10) {
			continue
		}
		s.Namespaces = append(s.Namespaces, snapshot.Namespace{
			Name: n, Labels: map[string]string{"kubernetes.io/metadata.name": n, "tier": d.pick("a", "b")},
			Terminating: o.Restless && d.chance(10),
		})
	}
	used := map[string]bool{}
	for i := range 2 + d.IntN(6) {
		s.Zones = append(s.Zones, d.zone(fmt.Sprintf("z%d", i), i, used))
	}
	for i := range d.IntN(10) {
		s.Devices = append(s.Devices, d.device(fmt.Sprintf("d%d", i), s.Zones))
	}
	for i := range d.IntN(7) {
		s.Conduits = append(s.Conduits, d.conduit(fmt.Sprintf("c%d", i), s.Zones))
	}
	for i := range d.IntN(14) {
		s.Pods = append(s.Pods, d.pod(fmt.Sprintf("p%d", i), s.Namespaces))
	}
	for i := range d.IntN(4) {
		s.Services = append(s.Services, d.service(fmt.Sprintf("s%d", i)))
	}
	if d.slip(30) {
		s.OtherZones = []string{"zz-top", "z0", "infusion"}
	}
	return s
}

var (
	namespaces = []string{"n0", "n1", "n2", "n3", "n4", "n5"}
	prefixes   = []string{
		"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.0/28", "10.2.0.0/16", "10.244.0.0/16",
		"0.0.0.0/0", "2001:db8::/32", "2001:db8:1::/48", "192.0.2.0/24",
	}
	addresses = []string{
		"10.1.1.1", "10.1.1.2", "10.1.1.9", "10.1.1.0/30", "10.1.2.1", "10.2.0.1", "10.3.0.1", "10.244.0.9",
		"2001:db8:1::1", "2001:db8::/64", "192.0.2.1",
	}
	services = []medfencev1alpha1.ConduitService{
		{Name: "hl7-mllp"}, {Name: "https"}, {Name: "dicom", Port: new(int32(4242))}, {Name: "dns"}, {Name: "ping"},
		{Protocol: "TCP", Port: new(int32(8000)), EndPort: new(int32(8010))}, {Protocol: "UDP", Port: new(int32(24105))},
		{Protocol: "SCTP", Port: new(int32(3868)), Encrypted: "Yes"}, {Protocol: "ICMP", ICMPType: new(int32(8))},
	}
)

func (d *dice) cluster() snapshot.Cluster {
	out := snapshot.Cluster{
		Ranges: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16"), netip.MustParsePrefix("10.244.0.0/16")},
		DNS: snapshot.DNS{
			Namespace: "kube-system", Selector: map[string]string{"k8s-app": "kube-dns"},
			Ports:  []snapshot.DNSPort{{Protocol: flow.TCP, Port: 53}, {Protocol: flow.UDP, Port: 53}},
			Domain: "cluster.local",
		},
		RangesUnknown: d.slip(10),
	}
	if d.slip(10) {
		out.Protected = []string{"n5"}
	}
	return out
}

// dice draws.
type dice struct {
	*rand.Rand
	sound bool
}

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

// slip is chance, but never in a sound hospital.
func (d *dice) slip(percent int) bool { return !d.sound && d.chance(percent) }

func (d *dice) pick(from ...string) string { return from[d.IntN(len(from))] }

func (d *dice) some(from []string, most int) []string {
	var out []string
	for range d.IntN(most + 1) {
		out = append(out, d.pick(from...))
	}
	return unique(out)
}

func unique(in []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func (d *dice) target(kind snapshot.TargetKind) snapshot.Target {
	if kind == "" {
		kind = snapshot.TargetKind(d.pick(string(snapshot.Netpol), string(snapshot.Cilium)))
	}
	if kind == snapshot.Netpol {
		return snapshot.Target{Kind: kind}
	}
	return snapshot.Target{Kind: kind, HTTP: d.chance(30), ICMP: d.chance(80), DNSProxy: d.chance(80), Cluster: "default"}
}

func (d *dice) pod(name string, existing []snapshot.Namespace) snapshot.Pod {
	p := snapshot.Pod{
		Namespace: existing[d.IntN(len(existing))].Name, Name: name, Labels: d.labels(), HostNetwork: d.slip(5),
	}
	if d.chance(50) {
		p.Ports = map[string]int32{"web": int32(8000 + d.IntN(3))}
	}
	if d.slip(5) {
		p.Networks = d.pick("vlan-20", hostile)
	}
	if d.slip(4) {
		p.Labels["host"] = "x"
	}
	return p
}

func (d *dice) service(name string) snapshot.Service {
	s := snapshot.Service{Namespace: d.pick(namespaces...), Name: name, Selector: d.labels(), HidesSource: d.chance(40)}
	for range 1 + d.IntN(2) {
		port := snapshot.ServicePort{Protocol: flow.Protocol(d.pick("TCP", "TCP", "UDP")), Port: []int32{443, 2575, 8000, 9000}[d.IntN(4)]}
		if d.chance(40) {
			port.TargetName = d.pick("web", "nobody")
		} else {
			port.TargetPort = []int32{443, 8443, 2575, 8001}[d.IntN(4)]
		}
		s.Ports = append(s.Ports, port)
	}
	return s
}

func (d *dice) labels() map[string]string {
	out := map[string]string{}
	for _, k := range []string{"app", "tier"} {
		if d.chance(80) {
			out[k] = d.pick("a", "b", "c")
		}
	}
	return out
}

func (d *dice) selector() metav1.LabelSelector {
	switch {
	case d.slip(8):
		return metav1.LabelSelector{}
	case d.slip(5):
		return metav1.LabelSelector{MatchLabels: map[string]string{"host": "x"}}
	case d.slip(5):
		return d.brokenSelector()
	case d.chance(10):
		op := []metav1.LabelSelectorOperator{metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist}[d.IntN(2)]
		return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: op}}}
	case d.chance(25):
		op := []metav1.LabelSelectorOperator{metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn}[d.IntN(2)]
		return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: op, Values: []string{d.pick("a", "b"), "c"}}}}
	}
	return metav1.LabelSelector{MatchLabels: map[string]string{"app": d.pick("a", "b", "c")}}
}

func (d *dice) created() time.Time { return Now.Add(-time.Duration(1+d.IntN(5)) * time.Hour) }

// zone draws a zone. In a sound hospital it takes only what no zone has yet.
func (d *dice) zone(name string, i int, used map[string]bool) snapshot.Zone {
	z := snapshot.Zone{Name: name, UID: "uid-" + name, Generation: 2, Created: d.created(), Deleting: d.slip(8)}
	z.Spec = d.zoneSpec(i, used)
	if d.chance(60) {
		accepted := *z.Spec.DeepCopy()
		if d.slip(40) {
			accepted = d.zoneSpec(i, used)
			accepted.Role = z.Spec.Role
		}
		// No operator accepts a zone with the cluster's DNS in it.
		accepted.Members.Namespaces = slices.DeleteFunc(slices.Clone(accepted.Members.Namespaces), func(n string) bool { return n == "kube-system" })
		z.Accepted = &medfencev1alpha1.AcceptedZone{Generation: 1, Since: metav1.NewTime(d.created()), Spec: accepted}
		for _, n := range accepted.Members.Namespaces {
			z.Closed = append(z.Closed, medfencev1alpha1.NamespaceStatus{Name: n, Baseline: accepted.Enforcement == medfencev1alpha1.Enforce})
		}
	}
	d.age(&z)
	return z
}

func (d *dice) fresh(from []string, most int, used map[string]bool) []string {
	var out []string
	for _, s := range d.some(from, most) {
		if !d.sound || !used[s] {
			used[s] = true
			out = append(out, s)
		}
	}
	return out
}

func (d *dice) zoneSpec(i int, used map[string]bool) medfencev1alpha1.DeviceZoneSpec {
	spec := medfencev1alpha1.DeviceZoneSpec{Role: medfencev1alpha1.RoleDevice}
	spec.Members.CIDRs = d.fresh(prefixes, 2, used)
	spec.Members.Namespaces = d.fresh(namespaces, 2, used)
	if d.chance(15) {
		spec.Encryption = medfencev1alpha1.EncryptionRequired
	}
	if i > 0 && d.chance(50) {
		return d.peerSpec(spec)
	}
	spec.Enforcement = medfencev1alpha1.Enforcement(d.pick("Enforce", "Enforce", "Observe"))
	spec.DNS = medfencev1alpha1.DNSMode(d.pick("", "Cluster", "None", "Names"))
	spec.Members.InventoryNamespaces = d.some(namespaces, 1)
	if d.chance(10) {
		spec.DeletionPolicy = medfencev1alpha1.DeletionRelease
	}
	if d.slip(5) {
		spec.Members.CIDRs = append(spec.Members.CIDRs, d.pick("10.1.1.1", "10.1.1.1/8", "x", "::ffff:10.0.0.0/104"))
	}
	if d.slip(5) {
		spec.Members.Namespaces = append(spec.Members.Namespaces, d.pick("kube-system", "Ward 3", hostile))
	}
	d.misspell(&spec)
	return spec
}

func (d *dice) peerSpec(spec medfencev1alpha1.DeviceZoneSpec) medfencev1alpha1.DeviceZoneSpec {
	spec.Role = medfencev1alpha1.ZoneRole(d.pick("Clinical", "Infrastructure", "Corporate", "External"))
	if d.chance(25) {
		spec.Members.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": d.pick("a", "b")}}
	}
	if d.chance(30) && (len(spec.Members.Namespaces) > 0 || spec.Members.NamespaceSelector != nil) {
		selector := d.selector()
		spec.Members.PodSelector = &selector
	}
	if d.chance(20) {
		spec.Members.FQDNs = []string{"a.vendor.example", "*.vendor.example"}
	}
	if spec.Role == medfencev1alpha1.RoleInfrastructure && d.chance(30) {
		spec.Members.Entities = []medfencev1alpha1.Entity{medfencev1alpha1.EntityKubeAPIServer}
	}
	d.misspell(&spec)
	return spec
}

func (d *dice) zoneName(zones []snapshot.Zone) string {
	if d.slip(6) {
		return d.pick("zz", "zz", "z00", "", hostile)
	}
	return zones[d.IntN(len(zones))].Name
}

func (d *dice) device(name string, zones []snapshot.Zone) snapshot.Device {
	dev := snapshot.Device{
		Namespace: d.pick(namespaces...), Name: name, UID: "uid-" + name, Generation: 2, Created: d.created(),
		Labels: d.labels(), Deleting: d.slip(5), Spec: d.deviceSpec(zones),
	}
	if d.chance(60) {
		accepted := *dev.Spec.DeepCopy()
		if d.slip(40) {
			accepted = d.deviceSpec(zones)
		}
		dev.Accepted = &medfencev1alpha1.AcceptedDevice{Generation: 1, Since: metav1.NewTime(d.created()), Spec: accepted}
	}
	return dev
}

func (d *dice) deviceSpec(zones []snapshot.Zone) medfencev1alpha1.MedicalDeviceSpec {
	spec := medfencev1alpha1.MedicalDeviceSpec{Zone: d.zoneName(zones), Criticality: medfencev1alpha1.CriticalityTherapeutic}
	if d.chance(60) {
		spec.Workload = &medfencev1alpha1.DeviceWorkload{PodSelector: d.selector()}
	}
	if d.chance(60) {
		spec.Addresses = d.some(addresses, 2)
	}
	if d.slip(4) {
		spec.Criticality = medfencev1alpha1.Criticality(d.pick("", "high", hostile))
	}
	if d.slip(5) {
		spec.Addresses = append(spec.Addresses, d.pick("10.1.1.300", "127.0.0.1", "10.1.1.9/24", "::ffff:10.1.1.1", hostile))
	}
	return spec
}

func (d *dice) conduit(name string, zones []snapshot.Zone) snapshot.Conduit {
	c := snapshot.Conduit{
		Name: name, UID: "uid-" + name, Generation: 2, Created: d.created(), Deleting: d.slip(5), Spec: d.conduitSpec(zones),
	}
	if d.chance(50) {
		accepted := *c.Spec.DeepCopy()
		if d.slip(50) {
			accepted = d.conduitSpec(zones)
		}
		c.Accepted = &medfencev1alpha1.AcceptedConduit{
			Generation: 1, Since: metav1.NewTime(d.created()), Spec: accepted,
			Services: []medfencev1alpha1.AcceptedService{{Name: "hl7-mllp", Protocol: "TCP", Ports: []string{"2575"}}},
		}
	}
	return c
}

func (d *dice) conduitSpec(zones []snapshot.Zone) medfencev1alpha1.ConduitSpec {
	spec := medfencev1alpha1.ConduitSpec{Purpose: "A purpose for the auditor", From: d.end(zones), To: d.end(zones)}
	for range 1 + d.IntN(3) {
		if d.slip(8) {
			spec.Services = append(spec.Services, wrong[d.IntN(len(wrong))])
			continue
		}
		spec.Services = append(spec.Services, services[d.IntN(len(services))])
	}
	if d.chance(15) {
		spec.StartsAt = new(metav1.NewTime(Now.Add(time.Duration(d.IntN(5)-2) * time.Hour)))
	}
	if d.chance(20) {
		spec.ExpiresAt = new(metav1.NewTime(Now.Add(time.Duration(d.IntN(5)-2) * time.Hour)))
	}
	if d.chance(15) {
		spec.RiskAcceptance = "CISO until next year"
	}
	if d.chance(8) {
		spec.HTTP = []medfencev1alpha1.ConduitHTTPRule{{Method: "GET", Path: "/a"}}
	}
	if d.slip(4) {
		spec.HTTP = append(spec.HTTP, http[d.IntN(len(http))])
	}
	if d.slip(3) {
		spec.RiskAcceptance = d.pick("ok", hostile)
	}
	if d.slip(3) {
		spec.Purpose = d.pick("", "flow", hostile)
	}
	return spec
}

func (d *dice) end(zones []snapshot.Zone) medfencev1alpha1.ConduitEnd {
	end := medfencev1alpha1.ConduitEnd{Zones: []string{d.zoneName(zones)}}
	for d.chance(25) {
		end.Zones = append(end.Zones, d.zoneName(zones))
	}
	end.Zones = unique(end.Zones)
	if d.chance(30) {
		selector := d.selector()
		end.DeviceSelector = &selector
	}
	return end
}
