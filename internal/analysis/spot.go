package analysis

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/nearest"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Place is one end of a question: what somebody calls pod/ns/name,
// device/ns/name, zone/name, an address, or world.
type Place struct {
	// Text is how it was asked for, in full.
	Text string
	// Zone is the zone that it belongs to; empty for none.
	Zone string
	// Device is the registered device that it is, or that owns it.
	Device *plan.Device
	// Pod is the pod, if it is one.
	Pod *snapshot.Pod
	// Prefix is the address, if it is one, or the first of a device.
	Prefix netip.Prefix
	// World is true for any address outside all zones.
	World bool
	// Whole is true for a zone as a whole.
	Whole bool
	// Unregistered is true for a pod of a Device zone that no device selects.
	Unregistered bool

	ends      []end
	workloads []plan.WorkloadKey
	example   *snapshot.Pod // of the workloads, once somebody asked
}

// Words returns "device biomed-inventory/pump-icu-07 (LifeSustaining, 10.20.1.17) in zone infusion".
func (p *Place) Words() string {
	text := p.Text
	var more []string
	if p.Device != nil && !strings.HasPrefix(text, "device ") {
		more = append(more, "device "+deviceKey(p.Device))
	}
	if p.Device != nil {
		more = append(more, string(p.Device.Spec.Criticality))
		if strings.HasPrefix(text, "device ") && len(p.Device.Prefixes) > 0 {
			more = append(more, prefixWords(p.Device.Prefixes))
		}
	}
	if p.Unregistered {
		more = append(more, "registered by nobody")
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	switch {
	case p.Whole || p.World:
		return text
	case p.Zone == "":
		return text + ", in no zone"
	}
	return text + " in zone " + p.Zone
}

func prefixWords(list []netip.Prefix) string {
	var out []string
	for _, p := range list {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
			continue
		}
		out = append(out, p.String())
	}
	return clipped(out, 3)
}

// Find resolves what somebody calls an endpoint. The error says what to write
// instead.
func (r *Reach) Find(text string) (*Place, error) {
	kind, rest, _ := strings.Cut(text, "/")
	switch kind {
	case "world":
		return &Place{Text: "the world outside all zones", World: true}, nil
	case "zone":
		return r.findZone(rest)
	case "device":
		return r.findDevice(rest)
	case "pod":
		return r.findPod(rest)
	}
	if p, ok := parseAddress(text); ok {
		return r.findAddress(p)
	}
	if near := nearest.Name(kind, []string{"device", "pod", "zone", "world"}); near != "" && kind != text {
		return nil, fmt.Errorf("%q is no endpoint; did you mean %s/%s?", text, near, rest)
	}
	return nil, fmt.Errorf("%q is no endpoint; write pod/NAMESPACE/NAME, device/NAMESPACE/NAME, zone/NAME, an IP address, or world", text)
}

func parseAddress(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}

func (r *Reach) findZone(name string) (*Place, error) {
	if r.zones[name] == nil {
		var names []string
		for n := range r.zones {
			names = append(names, n)
		}
		return nil, missing("zone", name, names)
	}
	p := &Place{Text: "zone " + name, Zone: name, Whole: true}
	for i := range r.classes[name] {
		p.ends = append(p.ends, r.classes[name][i].ends...)
	}
	p.ends = unique(p.ends)
	return p, nil
}

// missing names the nearest that exists.
func missing(kind, name string, names []string) error {
	slices.Sort(names)
	if near := nearest.Name(name, names); near != "" {
		return fmt.Errorf("there is no %s %q; did you mean %s/%s?", kind, name, kind, near)
	}
	return fmt.Errorf("there is no %s %q; there are %s", kind, name, cmp.Or(clipped(names, 8), "none"))
}

func (r *Reach) findDevice(name string) (*Place, error) {
	d := r.devices[name]
	if d == nil && !strings.Contains(name, "/") {
		var same []string
		for key := range r.devices {
			if strings.HasSuffix(key, "/"+name) {
				same = append(same, key)
			}
		}
		slices.Sort(same)
		if len(same) > 1 {
			return nil, fmt.Errorf("there are several devices %q; write one of device/%s", name, strings.Join(same, ", device/"))
		}
		if len(same) == 1 {
			d = r.devices[same[0]]
		}
	}
	if d == nil {
		names := make([]string, 0, len(r.devices))
		for key := range r.devices {
			names = append(names, key)
		}
		return nil, missing("device", name, names)
	}
	return r.placeOf(d), nil
}

// placeOf returns a device's place.
func (r *Reach) placeOf(d *plan.Device) *Place {
	p := &Place{Text: "device " + deviceKey(d), Zone: d.Zone, Device: d}
	if d.Workload.Namespace != "" {
		p.workloads = []plan.WorkloadKey{d.Workload}
	}
	if len(d.Prefixes) > 0 {
		p.Prefix = d.Prefixes[0]
	}
	if d.Standing != plan.Absent {
		p.ends = r.endsOfDevice(d, r.groupSpace(d.Zone))
	}
	return p
}

func (r *Reach) findPod(name string) (*Place, error) {
	namespace, podName, ok := strings.Cut(name, "/")
	if !ok {
		return nil, fmt.Errorf("pod/%s names no namespace; write pod/NAMESPACE/%s", name, name)
	}
	var names []string
	for i := range r.Snapshot.Pods {
		pod := &r.Snapshot.Pods[i]
		if pod.Namespace == namespace && pod.Name == podName {
			return r.placeOfPod(pod), nil
		}
		names = append(names, pod.Namespace+"/"+pod.Name)
	}
	return nil, missing("pod", name, names)
}

// placeOfPod finds the workloads that select a pod, and the device.
func (r *Reach) placeOfPod(pod *snapshot.Pod) *Place {
	p := &Place{Text: "pod " + pod.Namespace + "/" + pod.Name, Pod: pod}
	for i := range r.Plan.Workloads {
		w := &r.Plan.Workloads[i]
		if w.Namespace != pod.Namespace || !selects(w.Selector, pod.Labels) {
			continue
		}
		p.workloads = append(p.workloads, w.WorkloadKey)
		p.Zone = cmp.Or(p.Zone, w.Zone)
		p.ends = append(p.ends, r.spots[w.Zone][w.WorkloadKey]...)
		if w.Device && len(w.Devices) > 0 {
			p.Device = r.devices[w.Devices[0]]
		}
	}
	p.ends = unique(p.ends)
	if home := r.zoneOfNamespace(pod.Namespace); p.Zone == "" && home != "" {
		p.Zone, p.Unregistered = home, r.Segmented(home)
		if !p.Unregistered {
			p.Zone = "" // the zone's podSelector leaves it out
		}
	}
	return p
}

// zoneOfNamespace returns the zone that lists a namespace.
func (r *Reach) zoneOfNamespace(namespace string) string {
	for i := range r.Plan.Zones {
		z := &r.Plan.Zones[i]
		if slices.ContainsFunc(z.Namespaces, func(n plan.Namespace) bool { return n.Name == namespace }) {
			return z.Name
		}
	}
	return ""
}

func selects(s metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&s)
	return err == nil && selector.Matches(labels.Set(set))
}

// findAddress finds the zone, group and device of an address.
func (r *Reach) findAddress(prefix netip.Prefix) (*Place, error) {
	p := &Place{Text: prefixWords([]netip.Prefix{prefix}), Prefix: prefix}
	for _, c := range r.Snapshot.Cluster.Ranges {
		if c.Overlaps(prefix) {
			return nil, fmt.Errorf("%s lies in the cluster's own range %s, where addresses change hands; name the pod, as pod/NAMESPACE/NAME", p.Text, c)
		}
	}
	for _, o := range meeting(r.spaces, prefix) {
		if !flow.Covers(o.prefix, prefix) {
			return nil, fmt.Errorf("%s lies in several zones, or only partly in zone %s (%s); ask for a narrower one", p.Text, o.owner, o.prefix)
		}
		p.Zone = o.owner
	}
	for _, o := range meeting(r.groupSpace(p.Zone), prefix) {
		p.ends = append(p.ends, r.sites[o.owner]...)
	}
	p.ends = unique(p.ends)
	for i := range r.Plan.Devices {
		d := &r.Plan.Devices[i]
		if d.Zone == p.Zone && slices.ContainsFunc(d.Prefixes, func(own netip.Prefix) bool { return flow.Covers(own, prefix) }) {
			p.Device = d
		}
	}
	return p, nil
}

// has reports whether the place takes part in a conduit on a side, as a member
// of a zone.
func (p *Place) has(conduit string, side Side, zone string) bool {
	_, found := slices.BinarySearchFunc(p.ends, end{conduit, side, zone}, end.compare)
	return found
}

// member reports whether the place takes part in a conduit on a side.
func (p *Place) member(conduit string, side Side) bool {
	return slices.ContainsFunc(p.ends, func(e end) bool { return e.conduit == conduit && e.side == side })
}

// nowhere reports whether the place has neither pods nor addresses that a
// conduit could name.
func (r *Reach) nowhere(p *Place) bool {
	if p.inCluster() || p.World {
		return false
	}
	prefixes := []netip.Prefix{p.Prefix}
	if p.Device != nil && p.Device.Standing != plan.Absent && strings.HasPrefix(p.Text, "device ") {
		prefixes = p.Device.Prefixes
	}
	space := r.groupSpace(p.Zone)
	return !slices.ContainsFunc(prefixes, func(one netip.Prefix) bool { return one.IsValid() && len(meeting(space, one)) > 0 })
}

// closed reports whether an enforced zone isolates the place in the cluster: a
// pod of one of its namespaces.
func (r *Reach) closed(p *Place) bool { return r.Enforced(p.Zone) && r.runs(p) }

// runs reports whether the place has pods, or is a zone that has some.
func (r *Reach) runs(p *Place) bool {
	return p.inCluster() && (!p.Whole || len(r.zones[p.Zone].Namespaces) > 0)
}

// inCluster reports whether the place has pods, which policies can isolate.
func (p *Place) inCluster() bool { return p.Pod != nil || len(p.workloads) > 0 || p.Whole }

// moated reports whether the moat of an enforced zone keeps a pod from an address
// of the zone. Only Cilium has moats; the pods of the zone itself are closed.
func (r *Reach) moated(address, pod *Place) bool {
	if r.Plan.Target != snapshot.Cilium || !r.Enforced(address.Zone) || !r.runs(pod) {
		return false
	}
	if address.Whole {
		return len(r.groups[address.Zone]) > 0
	}
	return !address.inCluster() && address.Prefix.IsValid() && len(meeting(r.groupSpace(address.Zone), address.Prefix)) > 0
}

// stopped reports whether policies stop what no conduit permits between two
// places.
func (r *Reach) stopped(from, to *Place) bool {
	return r.closed(from) || r.closed(to) || r.moated(from, to) || r.moated(to, from)
}
