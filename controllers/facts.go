package controllers

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// A subject is an object, in the version that a pass of a zone compiled.
type subject struct {
	UID        string
	Generation int64
	Standing   plan.Standing
	Problems   []medfencev1alpha1.ProblemStatus
}

// deviceFacts are what a pass found out about a device.
type deviceFacts struct {
	subject
	// Zone is the zone of the spec in force; empty when it has none.
	Zone string
	// Workload is true when the device has a pod selector in force.
	Workload  bool
	Pods      int
	Addresses int
	Conduits  int
}

// conduitFacts are what a pass found out about a conduit.
type conduitFacts struct {
	subject
	State plan.State
	Point medfencev1alpha1.EnforcementPoint
	// Opens is true when the target can enforce any of its services.
	Opens bool
	// Partly is true when the target cannot enforce all of it.
	Partly bool
	// Zones are the zones of the current spec and of the last accepted one;
	// Joined are those of the spec in force.
	Zones, Joined []string
	Resolved      []medfencev1alpha1.AcceptedService
	// From, To, Services and Expires are for people.
	From, To, Services, Expires string
}

// passFacts are all that one pass of a zone publishes.
type passFacts struct {
	zone     string
	devices  map[types.NamespacedName]deviceFacts
	conduits map[string]conduitFacts
	outcome  outcome
	prints   prints
}

// A problemIndex finds the problems of an object.
type problemIndex map[string][]medfencev1alpha1.ProblemStatus

func indexProblems(problems []plan.Problem) problemIndex {
	out := problemIndex{}
	for _, p := range problems {
		out[p.Object()] = append(out[p.Object()], problemStatus(p))
	}
	return out
}

func (x problemIndex) of(kind, namespace, name string) []medfencev1alpha1.ProblemStatus {
	return x[plan.Problem{Kind: kind, Namespace: namespace, Name: name}.Object()]
}

// collectFacts picks out of a pass of a zone what concerns the devices and
// conduits that name it.
func collectFacts(zone string, in *gather.Gathering, result compile.Result) passFacts {
	problems := indexProblems(result.Problems)
	return passFacts{
		zone:     zone,
		devices:  collectDevices(zone, in.Snapshot, result.Plan, problems),
		conduits: collectConduits(zone, in.Snapshot, result.Plan, problems),
		prints:   fingerprints(result.Plan, zone, in.Near),
	}
}

func collectDevices(zone string, in *snapshot.Snapshot, p *plan.Plan, problems problemIndex) map[types.NamespacedName]deviceFacts {
	planned := make(map[types.NamespacedName]*plan.Device, len(p.Devices))
	for i := range p.Devices {
		planned[types.NamespacedName{Namespace: p.Devices[i].Namespace, Name: p.Devices[i].Name}] = &p.Devices[i]
	}
	out := map[types.NamespacedName]deviceFacts{}
	for i := range in.Devices {
		d := &in.Devices[i]
		key := types.NamespacedName{Namespace: d.Namespace, Name: d.Name}
		if result := planned[key]; result != nil && speaksFor(zone, d, result) {
			out[key] = deviceFacts{
				subject: subject{
					UID: d.UID, Generation: d.Generation, Standing: result.Standing,
					Problems: problems.of(plan.KindDevice, d.Namespace, d.Name),
				},
				Zone:      result.Zone,
				Workload:  result.Workload != plan.WorkloadKey{},
				Pods:      result.Pods,
				Addresses: len(result.Spec.Addresses),
				Conduits:  len(result.Conduits),
			}
		}
	}
	return out
}

// speaksFor reports whether a zone is the one that knows how a device stands:
// the zone of its spec in force, or else the zone that it names.
func speaksFor(zone string, d *snapshot.Device, result *plan.Device) bool {
	if result.Zone != "" {
		return result.Zone == zone
	}
	return d.Spec.Zone == zone
}

func collectConduits(zone string, in *snapshot.Snapshot, p *plan.Plan, problems problemIndex) map[string]conduitFacts {
	planned := make(map[string]*plan.Conduit, len(p.Conduits))
	for i := range p.Conduits {
		planned[p.Conduits[i].Name] = &p.Conduits[i]
	}
	out := map[string]conduitFacts{}
	for i := range in.Conduits {
		c := &in.Conduits[i]
		result := planned[c.Name]
		if result == nil || !slices.Contains(zonesOfConduit(c), zone) {
			continue
		}
		spec := &c.Spec
		if result.Standing != plan.Absent {
			spec = &result.Spec
		}
		out[c.Name] = conduitFacts{
			subject: subject{
				UID: c.UID, Generation: c.Generation, Standing: result.Standing,
				Problems: problems.of(plan.KindConduit, "", c.Name),
			},
			State:    result.State,
			Point:    result.Point,
			Opens:    len(result.Services) > 0,
			Partly:   result.Partly,
			Zones:    zonesOfConduit(c),
			Joined:   slices.Concat(spec.From.Zones, spec.To.Zones),
			Resolved: result.Resolved,
			From:     shortZones(spec.From.Zones),
			To:       shortZones(spec.To.Zones),
			Services: shortServices(spec.Services),
			Expires:  shortTime(spec.ExpiresAt),
		}
	}
	return out
}

// zonesOfConduit returns the zones of a conduit's current spec and of its last
// accepted one, sorted.
func zonesOfConduit(c *snapshot.Conduit) []string {
	names := slices.Concat(c.Spec.From.Zones, c.Spec.To.Zones)
	if c.Accepted != nil {
		names = slices.Concat(names, c.Accepted.Spec.From.Zones, c.Accepted.Spec.To.Zones)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
}
