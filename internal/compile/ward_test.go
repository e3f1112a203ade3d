package compile_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/scenarios"
)

// ward reads a hospital from a text with an object a line:
//
//	zone     infusion {role: Device, ...}  | was same | since 5 | age 9 | deleting | closed a b | holds c
//	device   infusion/pump {zone: ...}     | was {zone: ...} | labels {model: dx}
//	conduit  to-engine {from: ..., to: ...}| kept [{protocol: TCP, ports: ["104"]}]
//	pod      infusion/pump-0 {app: pump}   | host | nets vlan-20 | ports {web: 8443}
//	namespace infusion {tier: a}           | terminating
//	service  infusion/web {selector: {app: pump}, ports: [...]}
//
// was is the last accepted spec, since and age are hours. A conduit gets its
// purpose, and a device its criticality, where the line has none. A namespace
// that any line names exists, but for those of "missing a b".
func ward(t *testing.T, text string) *snapshot.Snapshot {
	t.Helper()
	setting := scenarios.Setting(snapshot.Cilium)
	w := &wardReader{t: t, s: &snapshot.Snapshot{Now: setting.Now, Target: setting.Target, Cluster: setting.Cluster}, missing: map[string]bool{}}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			w.line(line)
		}
	}
	w.addNamespaces()
	return w.s
}

type wardReader struct {
	t       *testing.T
	s       *snapshot.Snapshot
	missing map[string]bool
}

// options are what stands behind the bars of a line.
type options map[string]string

func (w *wardReader) line(text string) {
	w.t.Helper()
	parts := strings.Split(text, " | ")
	words := strings.SplitN(strings.TrimSpace(parts[0]), " ", 3)
	for len(words) < 3 {
		words = append(words, "")
	}
	kind, name, spec := words[0], words[1], strings.TrimSpace(words[2])
	o := options{}
	for _, part := range parts[1:] {
		word, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		o[word] = strings.TrimSpace(rest)
	}
	switch kind {
	case "zone":
		w.s.Zones = append(w.s.Zones, w.zone(name, spec, o))
	case "device":
		w.s.Devices = append(w.s.Devices, w.device(name, spec, o))
	case "conduit":
		w.s.Conduits = append(w.s.Conduits, w.conduit(name, spec, o))
	case "pod":
		w.s.Pods = append(w.s.Pods, w.pod(name, spec, o))
	case "namespace":
		_, terminating := o["terminating"]
		w.s.Namespaces = append(w.s.Namespaces, snapshot.Namespace{Name: name, Labels: read[map[string]string](w.t, spec), Terminating: terminating})
	case "service":
		service := read[snapshot.Service](w.t, spec)
		service.Namespace, service.Name, _ = strings.Cut(name, "/")
		w.s.Services = append(w.s.Services, service)
	case "missing":
		for _, n := range append(strings.Fields(spec), name) {
			w.missing[n] = true
		}
	default:
		w.t.Fatalf("no such kind: %s", text)
	}
}

func read[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func (w *wardReader) hoursAgo(o options, key string, otherwise int) time.Time {
	w.t.Helper()
	hours := otherwise
	if text, ok := o[key]; ok {
		var err error
		if hours, err = strconv.Atoi(text); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.s.Now.Add(-time.Duration(hours) * time.Hour)
}

// was returns the text of the last accepted spec.
func (o options) was(spec string) (string, bool) {
	text, ok := o["was"]
	if text == "same" {
		text = spec
	}
	return text, ok
}

func (w *wardReader) zone(name, spec string, o options) snapshot.Zone {
	_, deleting := o["deleting"]
	z := snapshot.Zone{Name: name, UID: "uid-" + name, Created: w.hoursAgo(o, "age", 48), Deleting: deleting, Spec: read[medfencev1alpha1.DeviceZoneSpec](w.t, spec)}
	if was, ok := o.was(spec); ok {
		z.Accepted = &medfencev1alpha1.AcceptedZone{Since: metav1.NewTime(w.hoursAgo(o, "since", 24)), Spec: read[medfencev1alpha1.DeviceZoneSpec](w.t, was)}
	}
	for n := range strings.FieldsSeq(o["closed"]) {
		z.Closed = append(z.Closed, medfencev1alpha1.NamespaceStatus{Name: n, Baseline: true})
	}
	for n := range strings.FieldsSeq(o["holds"]) {
		z.Closed = append(z.Closed, medfencev1alpha1.NamespaceStatus{Name: n, Baseline: true, Held: true})
	}
	return z
}

func (w *wardReader) device(name, spec string, o options) snapshot.Device {
	namespace, name, _ := strings.Cut(name, "/")
	_, deleting := o["deleting"]
	d := snapshot.Device{
		Namespace: namespace, Name: name, UID: "uid-" + name, Created: w.hoursAgo(o, "age", 48), Deleting: deleting,
		Labels: read[map[string]string](w.t, o["labels"]), Spec: w.deviceSpec(spec),
	}
	if was, ok := o.was(spec); ok {
		d.Accepted = &medfencev1alpha1.AcceptedDevice{Since: metav1.NewTime(w.hoursAgo(o, "since", 24)), Spec: w.deviceSpec(was)}
	}
	return d
}

func (w *wardReader) deviceSpec(text string) medfencev1alpha1.MedicalDeviceSpec {
	spec := read[medfencev1alpha1.MedicalDeviceSpec](w.t, text)
	if !strings.Contains(text, "criticality") {
		spec.Criticality = medfencev1alpha1.CriticalityTherapeutic
	}
	return spec
}

func (w *wardReader) conduit(name, spec string, o options) snapshot.Conduit {
	_, deleting := o["deleting"]
	c := snapshot.Conduit{Name: name, UID: "uid-" + name, Created: w.hoursAgo(o, "age", 48), Deleting: deleting, Spec: w.conduitSpec(spec)}
	was, ok := o.was(spec)
	if !ok {
		return c
	}
	c.Accepted = &medfencev1alpha1.AcceptedConduit{Since: metav1.NewTime(w.hoursAgo(o, "since", 24)), Spec: w.conduitSpec(was)}
	if kept, ok := o["kept"]; ok {
		c.Accepted.Services = read[[]medfencev1alpha1.AcceptedService](w.t, kept)
		return c
	}
	c.Accepted.Services = resolved(c.Accepted.Spec)
	return c
}

func (w *wardReader) conduitSpec(text string) medfencev1alpha1.ConduitSpec {
	spec := read[medfencev1alpha1.ConduitSpec](w.t, text)
	if !strings.Contains(text, "purpose") {
		spec.Purpose = "A purpose for the auditor"
	}
	return spec
}

// resolved returns the services of a spec as status keeps them.
func resolved(spec medfencev1alpha1.ConduitSpec) []medfencev1alpha1.AcceptedService {
	alone := &snapshot.Snapshot{Conduits: []snapshot.Conduit{{Name: "alone", Spec: spec}}}
	for _, n := range slices.Concat(spec.From.Zones, spec.To.Zones) {
		alone.Zones = append(alone.Zones, snapshot.Zone{Name: n, Spec: medfencev1alpha1.DeviceZoneSpec{Role: "Device", Enforcement: "Enforce"}})
	}
	return compile.Compile(alone).Plan.Conduits[0].Resolved
}

func (w *wardReader) pod(name, labels string, o options) snapshot.Pod {
	namespace, name, _ := strings.Cut(name, "/")
	_, host := o["host"]
	return snapshot.Pod{
		Namespace: namespace, Name: name, Labels: read[map[string]string](w.t, labels), HostNetwork: host,
		Networks: o["nets"], Ports: read[map[string]int32](w.t, o["ports"]),
	}
}

func (w *wardReader) addNamespaces() {
	known := map[string]bool{}
	for _, n := range w.s.Namespaces {
		known[n.Name] = true
	}
	add := func(names ...string) {
		for _, n := range names {
			if n != "" && !known[n] && !w.missing[n] {
				known[n] = true
				w.s.Namespaces = append(w.s.Namespaces, snapshot.Namespace{Name: n})
			}
		}
	}
	for _, z := range w.s.Zones {
		add(z.Spec.Members.Namespaces...)
		add(z.Spec.Members.InventoryNamespaces...)
		if z.Accepted != nil {
			add(z.Accepted.Spec.Members.Namespaces...)
		}
	}
	for _, d := range w.s.Devices {
		add(d.Namespace)
	}
	for _, p := range w.s.Pods {
		add(p.Namespace)
	}
}

// stands lists the standing of every object: "zone infusion Current".
func stands(p *plan.Plan) []string {
	var out []string
	for _, z := range p.Zones {
		out = append(out, fmt.Sprintf("zone %s %s", z.Name, z.Standing))
	}
	for _, d := range p.Devices {
		out = append(out, fmt.Sprintf("device %s/%s %s", d.Namespace, d.Name, d.Standing))
	}
	for _, c := range p.Conduits {
		out = append(out, fmt.Sprintf("conduit %s %s", c.Name, c.Standing))
	}
	return out
}

// flows lists what a plan permits, pair by pair, in words that do not depend on
// how addresses are grouped.
func flows(p *plan.Plan) []string {
	groups := map[string][]netip.Prefix{}
	for _, g := range p.Groups {
		groups[g.Name] = g.Prefixes
	}
	end := func(e plan.End) string {
		var parts []string
		for _, w := range e.Workloads {
			parts = append(parts, w.Namespace+"{"+w.Selector+"}")
		}
		var prefixes []netip.Prefix
		for _, g := range e.Groups {
			prefixes = append(prefixes, groups[g]...)
		}
		for _, x := range flow.MergePrefixes(prefixes) {
			parts = append(parts, x.String())
		}
		parts = append(parts, e.FQDNs...)
		for _, n := range e.Entities {
			parts = append(parts, string(n))
		}
		return e.Zone + "[" + strings.Join(parts, " ") + "]"
	}
	var out []string
	for _, c := range p.Conduits {
		if !c.Permits() {
			continue
		}
		services := make([]string, 0, len(c.Services))
		for _, s := range c.Services {
			services = append(services, s.String())
		}
		for _, pair := range c.Pairs() {
			if !pair.From.Empty() && !pair.To.Empty() {
				out = append(out, fmt.Sprintf("%s: %s -> %s %s", c.Name, end(pair.From), end(pair.To), strings.Join(services, " ")))
			}
		}
	}
	slices.Sort(out)
	return out
}

// members lists what each zone closes or holds, and its addresses.
func members(p *plan.Plan) []string {
	var out []string
	for _, z := range p.Zones {
		text := "zone " + z.Name
		if z.Enforce {
			text += " enforced"
		}
		if z.Released {
			text += " released"
		}
		for _, n := range z.Namespaces {
			text += " " + n.Name
			if n.Held {
				text += "(held)"
			}
		}
		for _, x := range z.Prefixes {
			text += " " + x.String()
		}
		out = append(out, text)
	}
	return out
}
