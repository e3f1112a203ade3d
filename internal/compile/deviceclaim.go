package compile

import (
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A rivalry is something that two devices claim: an address or a pod.
type rivalry struct {
	winner, loser *device
	// incumbent is true where the winner had it before.
	incumbent bool
	// taken is the address that the loser loses; strip tells that it does so
	// although it was accepted. Both are zero where pods are at stake.
	taken netip.Prefix
	strip bool
	// problem is the loser's.
	problem plan.Problem
}

// settleDevices finds what two devices claim and makes losers give way. It
// reports whether anything changed. As between zones, only a device that is
// certain to lose gives way: to an incumbent or, when there is none left, to a
// newcomer that loses nothing itself.
func (c *compiler) settleDevices() bool {
	all := slices.Concat(c.addressRivalries(), c.podRivalries())
	if len(all) == 0 {
		return false
	}
	certain := slices.DeleteFunc(slices.Clone(all), func(r rivalry) bool { return !r.incumbent })
	if len(certain) == 0 {
		certain = unbeaten(all)
	}
	for _, r := range certain {
		c.problems = append(c.problems, r.problem)
		if r.strip {
			r.loser.lost[r.taken] = true
		}
	}
	for _, r := range certain {
		c.standDevice(r.loser, true)
	}
	return true
}

// unbeaten returns the rivalries between newcomers whose winner is certain: the
// most senior wins all of its own; who loses to it, wins none for now.
func unbeaten(all []rivalry) []rivalry {
	slices.SortStableFunc(all, func(a, b rivalry) int { return a.winner.senior.compare(b.winner.senior) })
	var out []rivalry
	open := map[*device]bool{} // whose claims may change yet
	for _, r := range all {
		if !open[r.winner] {
			out = append(out, r)
		}
		open[r.loser] = true
	}
	return out
}

// addressRivalries finds devices that claim one address.
func (c *compiler) addressRivalries() []rivalry {
	type holder struct {
		prefix netip.Prefix
		device *device
	}
	var all []holder
	for _, d := range c.devices {
		for _, p := range d.prefixes {
			all = append(all, holder{p, d})
		}
	}
	slices.SortStableFunc(all, func(a, b holder) int { return flow.ComparePrefixes(a.prefix, b.prefix) })
	var out []rivalry
	var outer []holder // prefixes that cover the current one, outermost first
	for _, h := range all {
		for len(outer) > 0 && !flow.Covers(outer[len(outer)-1].prefix, h.prefix) {
			outer = outer[:len(outer)-1]
		}
		for _, o := range outer {
			if o.device != h.device {
				out = append(out, rivalsFor(o.device, o.prefix, h.device, h.prefix))
			}
		}
		outer = append(outer, h)
	}
	return out
}

// rivalsFor tells which of two devices keeps an address that both claim.
func rivalsFor(a *device, pa netip.Prefix, b *device, pb netip.Prefix) rivalry {
	hadA, hadB := a.hadAddress(pa), b.hadAddress(pb)
	r, kept := rivalry{winner: a, loser: b, incumbent: hadA, taken: pb}, pa
	if (hadB && !hadA) || (hadA == hadB && b.senior.compare(a.senior) < 0) {
		r, kept = rivalry{winner: b, loser: a, incumbent: hadB, taken: pa}, pb
	}
	r.strip = r.loser.standing != plan.Current || r.loser.hadAddress(r.taken)
	r.problem = r.loser.problem(medfencev1alpha1.ReasonAddressTaken, "spec.addresses",
		"address %s is already that of device %s (%s); give each device its own address", addressText(r.taken), r.winner.in.Key(), addressText(kept))
	return r
}

// hadAddress reports whether an address was accepted before.
func (d *device) hadAddress(p netip.Prefix) bool {
	if d.in.Accepted == nil {
		return false
	}
	return slices.ContainsFunc(d.in.Accepted.Spec.Addresses, func(text string) bool {
		q, err := parseAddress(text)
		return err == nil && flow.Covers(q, p)
	})
}

// podRivalries finds pods that two devices select by different selectors. The
// newcomer loses. Two devices that were both accepted before are left as they
// are: cutting either would be a guess.
func (c *compiler) podRivalries() []rivalry {
	var out []rivalry
	seen := map[[2]*device]bool{}
	c.eachSharedPod(func(_ snapshot.Pod, keys []plan.WorkloadKey, by map[plan.WorkloadKey][]*device) {
		var all []*device
		for _, k := range keys {
			all = append(all, by[k]...)
		}
		winner := slices.MinFunc(all, comparePodRights)
		for _, d := range all {
			if d.key == winner.key || d.standing != plan.Current || d.hadSelector() || seen[[2]*device{winner, d}] {
				continue
			}
			seen[[2]*device{winner, d}] = true
			out = append(out, rivalry{winner: winner, loser: d, incumbent: winner.hadSelector(), problem: d.problem(
				medfencev1alpha1.ReasonPodTaken, "spec.workload.podSelector",
				"pods of device %s match this selector too; narrow the selector, so that each pod is one device", winner.in.Key())})
		}
	})
	return out
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
	return a != nil && a.Spec.Workload != nil && d.spec.Workload != nil &&
		sameSelector(&a.Spec.Workload.PodSelector, &d.spec.Workload.PodSelector)
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
		selecting := newSelecting(slices.SortedFunc(maps.Keys(by), compareKeys), func(k plan.WorkloadKey) *device { return by[k][0] })
		for _, p := range c.pods[ns] {
			if matched := selecting.pod(p); len(matched) > 1 {
				f(p, matched, by)
			}
		}
	}
}

// selecting finds the selectors that match a pod. Each is looked at only for pods
// that have a label of it: of many devices, each pod has those of one or two.
type selecting struct {
	keys    []plan.WorkloadKey
	matches []labels.Selector
	// byLabel are the selectors that want a label to have a value, by the first
	// that they want, and others are the rest.
	byLabel map[[2]string][]int
	others  []int
}

func newSelecting(keys []plan.WorkloadKey, deviceOf func(plan.WorkloadKey) *device) *selecting {
	s := &selecting{keys: keys, byLabel: map[[2]string][]int{}}
	for i, k := range keys {
		d := deviceOf(k)
		s.matches = append(s.matches, d.matches)
		wanted := d.selector.MatchLabels
		if len(wanted) == 0 {
			s.others = append(s.others, i)
			continue
		}
		first := slices.Min(slices.Collect(maps.Keys(wanted)))
		s.byLabel[[2]string{first, wanted[first]}] = append(s.byLabel[[2]string{first, wanted[first]}], i)
	}
	return s
}

// pod returns the keys of those that match a pod, in their order.
func (s *selecting) pod(p snapshot.Pod) []plan.WorkloadKey {
	candidates := slices.Clone(s.others)
	for label, value := range p.Labels {
		candidates = append(candidates, s.byLabel[[2]string{label, value}]...)
	}
	slices.Sort(candidates)
	var out []plan.WorkloadKey
	for _, i := range candidates {
		if s.matches[i].Matches(labelSet(p.Labels)) {
			out = append(out, s.keys[i])
		}
	}
	return out
}

// warnOfSharedPods reports pods that two accepted devices select: for each two
// selectors the first such pod.
func (c *compiler) warnOfSharedPods() {
	type meeting struct {
		device *device
		other  plan.WorkloadKey
	}
	seen := map[meeting]bool{}
	c.eachSharedPod(func(p snapshot.Pod, keys []plan.WorkloadKey, by map[plan.WorkloadKey][]*device) {
		for i, k := range keys {
			other := keys[(i+1)%len(keys)]
			for _, d := range by[k] {
				if seen[meeting{d, other}] {
					continue
				}
				seen[meeting{d, other}] = true
				c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonPodShared, "spec.workload.podSelector",
					"pod %s is selected by device %s too, and has the conduits of both; narrow one podSelector", p.Name, by[other][0].in.Name))
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
// they were accepted, in the namespaces that it lists.
func (c *compiler) acceptedIn(z *zone) []*device {
	var out []*device
	for _, in := range c.sorted {
		if a := in.Accepted; a == nil || in.Deleting || a.Spec.Zone != z.in.Name || a.Spec.Workload == nil ||
			!slices.Contains(z.in.Spec.Members.Namespaces, in.Namespace) {
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
