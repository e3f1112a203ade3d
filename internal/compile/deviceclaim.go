package compile

import (
	"maps"
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// settleAddresses finds two devices with one address and makes the newcomers
// give way. It reports whether anything changed.
func (c *compiler) settleAddresses() bool {
	type holder struct {
		prefix netip.Prefix
		device *device
	}
	var all []holder
	for _, d := range c.devices {
		if d.zone == nil {
			continue
		}
		for _, p := range d.prefixes {
			all = append(all, holder{p, d})
		}
	}
	slices.SortStableFunc(all, func(a, b holder) int { return flow.ComparePrefixes(a.prefix, b.prefix) })
	changed := false
	var open []holder // prefixes that cover the current position, outermost first
	for _, h := range all {
		for len(open) > 0 && !flow.Covers(open[len(open)-1].prefix, h.prefix) {
			open = open[:len(open)-1]
		}
		for _, o := range open {
			if o.device != h.device {
				changed = c.settleTaken(o.device, o.prefix, h.device, h.prefix) || changed
			}
		}
		open = append(open, h)
	}
	return changed
}

// settleTaken resolves a conflict over one address between two devices.
func (c *compiler) settleTaken(a *device, pa netip.Prefix, b *device, pb netip.Prefix) bool {
	winner, loser, taken, kept := a, b, pb, pa
	hadA, hadB := a.hadAddress(pa), b.hadAddress(pb)
	if (hadB && !hadA) || (hadA == hadB && b.senior.compare(a.senior) < 0) {
		winner, loser, taken, kept = b, a, pa, pb
	}
	if !slices.Contains(winner.prefixes, kept) || !slices.Contains(loser.prefixes, taken) {
		return false
	}
	c.problems = append(c.problems, loser.problem(medfencev1alpha1.ReasonAddressTaken, "spec.addresses",
		"address %s is already that of device %s (%s); give each device its own address", addressText(taken), winner.in.Key(), addressText(kept)))
	loser.lost[taken] = loser.standing != plan.Current || loser.hadAddress(taken)
	c.standDevice(loser, true)
	return true
}

// hadAddress reports whether an address was accepted before.
func (d *device) hadAddress(p netip.Prefix) bool {
	if d.in.Accepted == nil || d.in.Accepted.Spec.Zone != d.in.Spec.Zone && d.standing == plan.Current {
		return false
	}
	for _, text := range d.in.Accepted.Spec.Addresses {
		if q, err := parseAddress(text); err == nil && flow.Covers(q, p) {
			return true
		}
	}
	return false
}

// settlePods finds pods that two devices select by different selectors and
// refuses the newcomer. It reports whether anything changed. Two devices that
// were both accepted before are left as they are: cutting either would be a
// guess.
func (c *compiler) settlePods() bool {
	changed := false
	c.eachSharedPod(func(_ snapshot.Pod, keys []plan.WorkloadKey, by map[plan.WorkloadKey][]*device) {
		senior := slices.MinFunc(slices.Concat(by[keys[0]], by[keys[1]]), comparePodRights)
		for _, k := range keys {
			if k == senior.key {
				continue
			}
			for _, d := range by[k] {
				if d.standing != plan.Current || d.hadSelector() || d.key != k {
					continue
				}
				c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonPodTaken, "spec.workload.podSelector",
					"pods of device %s match this selector too; narrow the selector, so that each pod is one device", senior.in.Key()))
				c.standDevice(d, true)
				changed = true
			}
		}
	})
	return changed
}

// comparePodRights puts first the device whose selector was accepted before,
// then the senior one.
func comparePodRights(a, b *device) int {
	if x, y := a.hadSelector(), b.hadSelector(); x != y {
		if x {
			return -1
		}
		return 1
	}
	return a.senior.compare(b.senior)
}

// hadSelector reports whether the device's selector in force was accepted
// before.
func (d *device) hadSelector() bool {
	a := d.in.Accepted
	if a == nil || a.Spec.Workload == nil || d.spec.Workload == nil {
		return false
	}
	was := canonicalSelector(&a.Spec.Workload.PodSelector)
	return selectorText(was) == d.key.Selector
}

// eachSharedPod calls f for every pod that more than one selector matches, with
// the keys sorted by text and the devices behind each.
func (c *compiler) eachSharedPod(f func(snapshot.Pod, []plan.WorkloadKey, map[plan.WorkloadKey][]*device)) {
	spaces := map[string]map[plan.WorkloadKey][]*device{}
	for _, d := range c.devices {
		if d.zone == nil || d.matches == nil {
			continue
		}
		if spaces[d.in.Namespace] == nil {
			spaces[d.in.Namespace] = map[plan.WorkloadKey][]*device{}
		}
		spaces[d.in.Namespace][d.key] = append(spaces[d.in.Namespace][d.key], d)
	}
	for _, ns := range slices.Sorted(maps.Keys(spaces)) {
		by := spaces[ns]
		if len(by) < 2 {
			continue
		}
		keys := slices.SortedFunc(maps.Keys(by), compareKeys)
		for _, p := range c.pods[ns] {
			var matched []plan.WorkloadKey
			for _, k := range keys {
				if by[k][0].matches != nil && by[k][0].key == k && by[k][0].matches.Matches(labelSet(p.Labels)) {
					matched = append(matched, k)
				}
			}
			if len(matched) > 1 {
				f(p, matched, by)
			}
		}
	}
}

// warnOfSharedPods reports pods that two accepted devices select.
func (c *compiler) warnOfSharedPods() {
	c.eachSharedPod(func(p snapshot.Pod, keys []plan.WorkloadKey, by map[plan.WorkloadKey][]*device) {
		for i, k := range keys {
			other := by[keys[(i+1)%len(keys)]][0]
			for _, d := range by[k] {
				c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonPodShared, "spec.workload.podSelector",
					"pod %s is selected by device %s too, and has the conduits of both; narrow one podSelector", p.Name, other.in.Name))
			}
		}
	})
}

// A sharedPod is a pod that two accepted devices select.
type sharedPod struct{ namespace, pod, first, second string }

// firstSharedPod looks for a shared pod among the devices that were accepted in
// a zone.
func (c *compiler) firstSharedPod(z *zone) (sharedPod, bool) {
	firsts := map[string]map[string]*device{} // namespace, selector text
	for _, d := range c.acceptedIn(z) {
		if firsts[d.in.Namespace] == nil {
			firsts[d.in.Namespace] = map[string]*device{}
		}
		text := selectorText(d.selector)
		if have := firsts[d.in.Namespace][text]; have == nil || d.in.Name < have.in.Name {
			firsts[d.in.Namespace][text] = d
		}
	}
	for _, ns := range slices.Sorted(maps.Keys(firsts)) {
		texts := slices.Sorted(maps.Keys(firsts[ns]))
		for _, p := range c.pods[ns] {
			var matched []*device
			for _, text := range texts {
				if d := firsts[ns][text]; d.matches.Matches(labelSet(p.Labels)) {
					matched = append(matched, d)
				}
			}
			if len(matched) > 1 {
				return sharedPod{p.Namespace, p.Name, matched[0].in.Name, matched[1].in.Name}, true
			}
		}
	}
	return sharedPod{}, false
}

// acceptedIn returns the devices with pods that were accepted in a zone, as
// they were accepted.
func (c *compiler) acceptedIn(z *zone) []*device {
	var out []*device
	for _, in := range c.sorted {
		if a := in.Accepted; a == nil || in.Deleting || a.Spec.Zone != z.in.Name || a.Spec.Workload == nil {
			continue
		}
		d := &device{in: in, spec: in.Accepted.Spec}
		d.selector = canonicalSelector(&d.spec.Workload.PodSelector)
		if matches, err := parseSelector(&d.selector); err == nil && !emptySelector(&d.selector) {
			d.matches = matches
			out = append(out, d)
		}
	}
	return out
}
