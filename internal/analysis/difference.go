package analysis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
)

// A FlowChange is traffic between two parties that is permitted on one side of
// a change only.
type FlowChange struct {
	From, To *Party
	// Permission is what is permitted on the one side and not on the other.
	Permission Permission
	// Conduits are those that permit it on that side.
	Conduits []string
	// Purpose is that of the first of them.
	Purpose string
	// Passes is true where the flow passes anyhow, since no zone concerned is
	// enforced on the other side of the change.
	Passes bool
	// Notes say where a policy of somebody else's makes it pass, or stops it,
	// whatever the conduits are.
	Notes []string
}

// Devices are the registered devices at both ends, the gravest first.
func (c *FlowChange) Devices() []*plan.Device {
	out := slices.Concat(c.From.Devices, c.To.Devices)
	slices.SortStableFunc(out, func(a, b *plan.Device) int {
		return cmp.Or(cmp.Compare(Weight(a), Weight(b)), cmp.Compare(deviceKey(a), deviceKey(b)))
	})
	return slices.CompactFunc(out, func(a, b *plan.Device) bool { return deviceKey(a) == deviceKey(b) })
}

// LifeSustaining reports whether a life-sustaining device is concerned.
func (c *FlowChange) LifeSustaining() bool {
	return slices.ContainsFunc(c.Devices(), lifeSustaining)
}

func lifeSustaining(d *plan.Device) bool {
	return d.Spec.Criticality == medfencev1alpha1.CriticalityLifeSustaining
}

// An IsolationChange is a namespace that a zone begins or ceases to close, or
// DNS that its pods gain or lose.
type IsolationChange struct {
	Zone, Namespace string
	// What says in a sentence what becomes of its pods.
	What    string
	Devices []*plan.Device
}

// A PolicyChange is an object of ours that is created, changed or deleted.
type PolicyChange struct{ Kind, Namespace, Name string }

// String returns "NetworkPolicy/infusion/medfence-baseline-infusion".
func (p PolicyChange) String() string {
	return plan.Problem{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}.Object()
}

// A Difference is what a change does.
type Difference struct {
	Opened, Cut []*FlowChange
	// Opens and Closes are changes of the isolation itself: beside the conduits,
	// everything that others permit passes, or does no longer.
	Opens, Closes []IsolationChange
	// Created, Changed and Deleted are policies.
	Created, Changed, Deleted []PolicyChange
	// Intruders are what others' policies open and cut after the change and did not
	// before, and Gone what they no longer do. Reaches that cannot be judged have
	// none.
	Intruders, Gone []Intruder
	// Problems are those that the change brings.
	Problems []plan.Problem
}

// Compare returns what a change does to reachability and to policies.
func Compare(before, after *Reach) (*Difference, error) {
	d := &Difference{}
	p := partiesOf(before, after)
	d.flows(p, before, after)
	d.isolation(before, after)
	d.judge(before, after)
	known := map[plan.Problem]bool{}
	for _, problem := range before.Problems {
		known[apart(problem)] = true
	}
	for _, problem := range after.Problems {
		if !known[apart(problem)] {
			d.Problems = append(d.Problems, problem)
		}
	}
	return d, d.policies(before.Plan, after.Plan)
}

// apart is a problem without its field: of what was accepted before, the
// services stand elsewhere.
func apart(p plan.Problem) plan.Problem {
	p.Path = ""
	return p
}

// A pair is two parties by their place in the list.
type pair struct{ from, to int }

// permitted is what passes between two parties, and by which conduits.
type permitted struct {
	permission Permission
	conduits   []*plan.Conduit
}

func (d *Difference) flows(p *parties, before, after *Reach) {
	was := permissions(p, before, func(one *Party) []end { return one.before })
	is := permissions(p, after, func(one *Party) []end { return one.after })
	byPlace := func(a, b pair) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }
	for _, at := range sortedKeys(byPlace, was, is) {
		from, to := p.list[at.from], p.list[at.to]
		if opened := is[at].permission.Without(was[at].permission); len(opened) > 0 {
			d.Opened = append(d.Opened, change(from, to, opened, is[at]))
			d.Opened[len(d.Opened)-1].Passes = before.Default(from.Before, to.Before) == Observed
		}
		if cut := was[at].permission.Without(is[at].permission); len(cut) > 0 {
			d.Cut = append(d.Cut, change(from, to, cut, was[at]))
			d.Cut[len(d.Cut)-1].Passes = after.Default(from.After, to.After) == Observed
		}
	}
	d.Opened, d.Cut = sortChanges(d.Opened), sortChanges(d.Cut)
}

func change(from, to *Party, permission Permission, by permitted) *FlowChange {
	out := &FlowChange{From: from, To: to, Permission: permission}
	for _, c := range by.conduits {
		if len(PermissionOf(c.Services).Without(permission)) == len(PermissionOf(c.Services)) &&
			len(permission.Without(PermissionOf(c.Services))) == len(permission) {
			continue // it permits other traffic between the two
		}
		out.Conduits = append(out.Conduits, c.Name)
		out.Purpose = cmp.Or(out.Purpose, oneLine(c.Spec.Purpose))
	}
	return out
}

// sortChanges puts life-sustaining devices first.
func sortChanges(list []*FlowChange) []*FlowChange {
	weight := func(c *FlowChange) int {
		if all := c.Devices(); len(all) > 0 {
			return Weight(all[0])
		}
		return len(weights) + 1
	}
	slices.SortStableFunc(list, func(a, b *FlowChange) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), cmp.Compare(a.From.Zone(), b.From.Zone()), cmp.Compare(a.To.Zone(), b.To.Zone()),
			cmp.Compare(strings.Join(a.Conduits, ","), strings.Join(b.Conduits, ",")), cmp.Compare(a.Permission.String(), b.Permission.String()))
	})
	return list
}

// permissions returns what a plan permits between the parties.
func permissions(p *parties, r *Reach, ends func(*Party) []end) map[pair]permitted {
	members := map[end][]int{}
	for i, one := range p.list {
		for _, e := range ends(one) {
			members[e] = append(members[e], i)
		}
	}
	out := map[pair]permitted{}
	for i := range r.Plan.Conduits {
		c := &r.Plan.Conduits[i]
		if !c.Permits() {
			continue
		}
		permission := PermissionOf(c.Services)
		for _, joined := range c.Pairs() {
			for _, f := range members[end{c.Name, From, joined.From.Zone}] {
				for _, t := range members[end{c.Name, To, joined.To.Zone}] {
					if !enforceable(p.list[f], p.list[t]) {
						continue
					}
					at := out[pair{f, t}]
					if at.permission == nil {
						at.permission = Permission{}
					}
					at.permission.Add(permission)
					at.conduits = append(at.conduits, c)
					out[pair{f, t}] = at
				}
			}
		}
	}
	return out
}

// enforceable leaves out what no conduit is about: a name reaches nothing.
func enforceable(from, _ *Party) bool {
	return len(from.Pods)+len(from.Prefixes) > 0 || slices.ContainsFunc(from.Names, func(n string) bool { return strings.HasPrefix(n, "entity ") })
}

// isolation compares which namespaces are closed, and DNS.
func (d *Difference) isolation(before, after *Reach) {
	was, is := closedNamespaces(before), closedNamespaces(after)
	for _, n := range sortedKeys(strings.Compare, was, is) {
		b, closedBefore := was[n]
		a, closedAfter := is[n]
		switch {
		case closedBefore && !closedAfter:
			d.Opens = append(d.Opens, IsolationChange{Zone: b.Name, Namespace: n, Devices: devicesIn(before, n),
				What: fmt.Sprintf("zone %s no longer closes namespace %s: whatever other policies permit passes, both ways", b.Name, n)})
		case !closedBefore && closedAfter:
			d.Closes = append(d.Closes, IsolationChange{Zone: a.Name, Namespace: n, Devices: devicesIn(after, n),
				What: fmt.Sprintf("zone %s closes namespace %s: what no conduit permits is cut, both ways", a.Name, n)})
		case closedBefore && b.DNS != a.DNS:
			one := IsolationChange{Zone: a.Name, Namespace: n, Devices: devicesIn(after, n),
				What: fmt.Sprintf("registered pods of namespace %s resolve names by dns: %s instead of %s", n, a.DNS, b.DNS)}
			if a.DNS == medfencev1alpha1.DNSCluster || b.DNS == medfencev1alpha1.DNSNone {
				d.Opens = append(d.Opens, one)
				continue
			}
			d.Closes = append(d.Closes, one)
		}
	}
}

// closedNamespaces are those that an enforced zone closes.
func closedNamespaces(r *Reach) map[string]*plan.Zone {
	out := map[string]*plan.Zone{}
	for i := range r.Plan.Zones {
		z := &r.Plan.Zones[i]
		if !r.Enforced(z.Name) || z.Released {
			continue
		}
		for _, n := range z.Namespaces {
			out[n.Name] = z
		}
	}
	return out
}

// devicesIn returns the devices with pods in a namespace, the gravest first.
func devicesIn(r *Reach, namespace string) []*plan.Device {
	var out []*plan.Device
	for i := range r.Plan.Devices {
		if d := &r.Plan.Devices[i]; d.Workload.Namespace == namespace {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b *plan.Device) int {
		return cmp.Or(cmp.Compare(Weight(a), Weight(b)), cmp.Compare(deviceKey(a), deviceKey(b)))
	})
	return out
}

// policies compares what both plans render to.
func (d *Difference) policies(before, after *plan.Plan) error {
	was, err := rendered(before)
	if err != nil {
		return err
	}
	is, err := rendered(after)
	if err != nil {
		return err
	}
	byName := func(a, b PolicyChange) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}
	for _, key := range sortedKeys(byName, was, is) {
		b, existed := was[key]
		a, exists := is[key]
		switch {
		case !existed:
			d.Created = append(d.Created, key)
		case !exists:
			d.Deleted = append(d.Deleted, key)
		case a != b:
			d.Changed = append(d.Changed, key)
		}
	}
	return nil
}

// rendered returns the objects of a plan as JSON, by name.
func rendered(p *plan.Plan) (map[PolicyChange]string, error) {
	out := map[PolicyChange]string{}
	for _, o := range render.All(p) {
		fields, err := object.Fields(o.KubeObject)
		if err != nil {
			return nil, fmt.Errorf("comparing %s %s: %w", o.Kind(), o.GetName(), err)
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("comparing %s %s: %w", o.Kind(), o.GetName(), err)
		}
		out[PolicyChange{o.Kind(), o.GetNamespace(), o.GetName()}] = string(text)
	}
	return out, nil
}

// Kept reports whether the change opens nothing.
func (d *Difference) Kept() bool {
	return len(d.Opened)+len(d.Opens) == 0 && !slices.ContainsFunc(d.Intruders, func(i Intruder) bool { return !i.Cuts() })
}

// Cuts reports whether the change cuts anything.
func (d *Difference) Cuts() bool {
	return len(d.Cut)+len(d.Closes) > 0 || slices.ContainsFunc(d.Intruders, Intruder.Cuts)
}

// CutsLifeSustaining reports whether a life-sustaining device loses a flow, or
// is closed in anew.
func (d *Difference) CutsLifeSustaining() bool {
	return slices.ContainsFunc(d.Cut, (*FlowChange).LifeSustaining) ||
		slices.ContainsFunc(d.Closes, func(c IsolationChange) bool { return slices.ContainsFunc(c.Devices, lifeSustaining) })
}

// Losers returns the devices that lose a flow, the gravest first.
func (d *Difference) Losers() []*plan.Device {
	all := map[string]*plan.Device{}
	for _, c := range d.Cut {
		for _, one := range c.Devices() {
			all[deviceKey(one)] = one
		}
	}
	for _, c := range d.Closes {
		for _, one := range c.Devices {
			all[deviceKey(one)] = one
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b *plan.Device) int {
		return cmp.Or(cmp.Compare(Weight(a), Weight(b)), cmp.Compare(deviceKey(a), deviceKey(b)))
	})
}
