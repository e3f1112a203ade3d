package compile

import (
	"cmp"
	"slices"
	"time"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/guard"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A Result is what a Snapshot compiles to.
type Result struct {
	Plan *plan.Plan
	// Problems are sorted by object. For zones outside the snapshot's focus, and
	// for devices and conduits that touch none in it, they may be incomplete.
	Problems []plan.Problem
	// Guards are those of the plan, as far as the compiler looked at them.
	Guards *guard.Guards
}

// Compile compiles a Snapshot, which it does not modify. It is total: any
// input gives a Plan and Problems.
func Compile(in *snapshot.Snapshot) Result {
	c := newCompiler(in)
	c.resolveZones()
	c.bindDevices()
	c.resolveConduits()
	c.partAddresses()
	c.resolveEnds()
	c.warnOfCluster()
	p := c.plan()
	guards := guard.New(p)
	c.warnOfGuard(p.Target, guards)
	return Result{Plan: p, Problems: plan.SortProblems(c.problems), Guards: guards}
}

// A compiler holds the state of one compilation.
type compiler struct {
	in        *snapshot.Snapshot
	catalogue *catalog.Catalogue

	zones    []*zone
	byName   map[string]*zone
	devices  []*device
	conduits []*conduit

	sorted   []snapshot.Device             // by namespace and name
	pods     map[string][]snapshot.Pod     // by namespace
	services map[string][]snapshot.Service // by namespace
	exists   map[string]snapshot.Namespace
	// segmented are the namespaces that Device zones close.
	segmented map[string]bool
	owners    []owned // the prefixes of all zones, sorted

	workloads map[plan.WorkloadKey]*workload
	groups    []plan.Group
	problems  []plan.Problem
}

func newCompiler(in *snapshot.Snapshot) *compiler {
	c := &compiler{
		in:        in,
		catalogue: in.Catalogue,
		byName:    map[string]*zone{},
		pods:      map[string][]snapshot.Pod{},
		services:  map[string][]snapshot.Service{},
		exists:    map[string]snapshot.Namespace{},
		workloads: map[plan.WorkloadKey]*workload{},
	}
	if c.catalogue == nil {
		c.catalogue = catalog.Embedded()
	}
	c.sorted = slices.Clone(in.Devices)
	slices.SortFunc(c.sorted, func(a, b snapshot.Device) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	for _, p := range in.Pods {
		c.pods[p.Namespace] = append(c.pods[p.Namespace], p)
	}
	for _, list := range c.pods {
		slices.SortFunc(list, func(a, b snapshot.Pod) int { return cmp.Compare(a.Name, b.Name) })
	}
	for _, s := range in.Services {
		c.services[s.Namespace] = append(c.services[s.Namespace], s)
	}
	for _, list := range c.services {
		slices.SortFunc(list, func(a, b snapshot.Service) int { return cmp.Compare(a.Name, b.Name) })
	}
	for _, n := range in.Namespaces {
		c.exists[n.Name] = n
	}
	return c
}

// A seniority orders objects in a conflict: accepted first, then older, then
// by UID and name, so that the order is total.
type seniority struct {
	accepted bool
	since    time.Time
	created  time.Time
	uid      string
	name     string
}

func (s seniority) compare(o seniority) int {
	if s.accepted != o.accepted {
		if s.accepted {
			return -1
		}
		return 1
	}
	return cmp.Or(
		s.since.Compare(o.since),
		s.created.Compare(o.created),
		cmp.Compare(s.uid, o.uid),
		cmp.Compare(s.name, o.name),
	)
}

// refused reports whether a problem refuses the spec it is about.
func refused(problems []plan.Problem) bool {
	return slices.ContainsFunc(problems, func(p plan.Problem) bool {
		return p.Severity() == medfencev1alpha1.SeverityRefuse
	})
}

// zoneNames returns the names of all zones that the snapshot knows of.
func (c *compiler) zoneNames() []string {
	names := slices.Clone(c.in.OtherZones)
	for _, z := range c.zones {
		names = append(names, z.in.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
