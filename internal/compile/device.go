package compile

import (
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// labelSet is a map of labels as selectors read it.
type labelSet = labels.Set

// A device is a MedicalDevice on its way into the plan.
type device struct {
	in       snapshot.Device
	senior   seniority
	standing plan.Standing
	spec     medfencev1alpha1.MedicalDeviceSpec
	// lost are addresses that lost a conflict although they were accepted.
	lost     map[netip.Prefix]bool
	zone     *zone // nil when it contributes nothing
	selector metav1.LabelSelector
	matches  labels.Selector // nil without workload
	key      plan.WorkloadKey
	prefixes []netip.Prefix
	pods     int
	conduits []string
}

func (d *device) problem(reason, path, format string, args ...any) plan.Problem {
	return plan.Problem{
		Reason: reason, Kind: plan.KindDevice, Namespace: d.in.Namespace, Name: d.in.Name,
		Path: path, Message: sentence(format, args...),
	}
}

// bindDevices decides which spec of each device is in force and binds it to
// its zone. Devices that are being deleted contribute nothing.
func (c *compiler) bindDevices() {
	for _, in := range c.sorted {
		d := &device{in: in, lost: map[netip.Prefix]bool{}}
		d.senior = seniority{created: in.Created, uid: in.UID, name: in.Key()}
		if in.Accepted != nil {
			d.senior.accepted, d.senior.since = true, in.Accepted.Since.Time
		}
		c.devices = append(c.devices, d)
	}
	c.devices = slices.CompactFunc(c.devices, func(a, b *device) bool { return a.in.Key() == b.in.Key() })
	c.devices = slices.DeleteFunc(c.devices, func(d *device) bool { return d.in.Deleting })
	for _, d := range c.devices {
		found := c.checkDevice(d)
		c.problems = append(c.problems, found...)
		c.standDevice(d, refused(found))
	}
	for c.settleDevices() {
	}
	for _, d := range c.devices {
		c.locate(d)
		c.noteDeviceNarrowing(d)
	}
	c.warnOfSharedPods()
}

// standDevice sets the device's standing, and binds what its spec in force says
// to what zones there are.
func (c *compiler) standDevice(d *device, refused bool) {
	switch {
	case !refused:
		d.standing, d.spec = plan.Current, d.in.Spec
	case d.in.Accepted != nil:
		d.standing, d.spec = plan.Last, d.in.Accepted.Spec
	default:
		d.standing, d.spec = plan.Absent, medfencev1alpha1.MedicalDeviceSpec{}
	}
	d.zone, d.matches, d.key, d.prefixes = nil, nil, plan.WorkloadKey{}, nil
	z := c.byName[d.spec.Zone]
	if d.standing == plan.Absent || !z.usable() || !z.segmented() {
		return
	}
	d.zone = z
	d.bindWorkload(z)
	for _, text := range d.spec.Addresses {
		if p, err := parseAddress(text); err == nil {
			d.prefixes = append(d.prefixes, clip([]netip.Prefix{p}, z.space)...)
		}
	}
	d.prefixes = slices.DeleteFunc(d.prefixes, func(p netip.Prefix) bool { return d.lost[p] })
	slices.SortFunc(d.prefixes, flow.ComparePrefixes)
	d.prefixes = slices.Compact(d.prefixes)
}

func (d *device) bindWorkload(z *zone) {
	if d.spec.Workload == nil || !slices.Contains(z.closed(), d.in.Namespace) {
		return
	}
	selector := d.spec.Workload.PodSelector
	if selectorProblem(&selector) != "" {
		return
	}
	d.selector = canonicalSelector(&selector)
	matches, err := parseSelector(&d.selector)
	if err != nil {
		return
	}
	d.matches = matches
	d.key = plan.WorkloadKey{Zone: z.in.Name, Namespace: d.in.Namespace, Selector: selectorText(d.selector)}
}

// coveredBy reports whether a merged list covers all of p.
func coveredBy(merged []netip.Prefix, p netip.Prefix) bool {
	i, found := slices.BinarySearchFunc(merged, p, flow.ComparePrefixes)
	if found {
		return true
	}
	return i > 0 && flow.Covers(merged[i-1], p)
}

// locate counts the device's pods and adds the device to its zone.
func (c *compiler) locate(d *device) {
	if d.zone == nil {
		return
	}
	d.zone.devices = append(d.zone.devices, d)
	if d.matches == nil {
		return
	}
	for _, p := range c.pods[d.in.Namespace] {
		if d.matches.Matches(labelSet(p.Labels)) {
			d.pods++
		}
	}
	w := c.workload(d.key, d.selector, d.zone)
	w.devices = append(w.devices, d.in.Key())
}
