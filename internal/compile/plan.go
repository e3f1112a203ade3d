package compile

import (
	"cmp"
	"slices"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// plan writes down what was resolved.
func (c *compiler) plan() *plan.Plan {
	p := &plan.Plan{Target: c.in.Target.Kind, DNS: c.in.Cluster.DNS, Workloads: c.planWorkloads(), Groups: c.groups}
	if p.Target == snapshot.Cilium {
		in := c.in.Target
		p.Cilium = plan.Cilium{
			Cluster: in.Cluster, CIDRMatch: in.CIDRMatch, NoICMP: !in.ICMP, Crowd: in.Crowd, MapMax: in.MapMax,
		}
	}
	slices.SortFunc(p.Groups, func(a, b plan.Group) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Name, b.Name))
	})
	for _, z := range c.zones {
		p.Zones = append(p.Zones, z.plan())
	}
	for _, d := range c.devices {
		p.Devices = append(p.Devices, d.plan())
	}
	for _, d := range c.conduits {
		p.Conduits = append(p.Conduits, d.plan())
	}
	return p
}

func (z *zone) plan() plan.Zone {
	out := plan.Zone{
		Name: z.in.Name, UID: z.in.UID, Standing: z.standing, Role: z.in.Spec.Role, Released: z.released,
	}
	if !z.usable() {
		return out
	}
	out.Role = z.spec.Role
	out.Enforce = z.enforce()
	out.DNS = z.dns()
	out.Namespaces = z.namespaces
	out.Prefixes = z.reach
	if !z.segmented() {
		out.PodSelector = z.spec.Members.PodSelector.DeepCopy()
		out.FQDNs = uniqueSorted(z.spec.Members.FQDNs)
		out.Entities = slices.Sorted(slices.Values(z.spec.Members.Entities))
	}
	out.Devices, out.Pods, out.Unregistered, out.Conduits = len(z.devices), z.pods, z.unregistered, z.conduits
	out.Spec = *z.spec.DeepCopy()
	return out
}

func (d *device) plan() plan.Device {
	out := plan.Device{
		Namespace: d.in.Namespace, Name: d.in.Name, UID: d.in.UID, Standing: d.standing, Spec: *d.spec.DeepCopy(),
	}
	if d.zone == nil {
		return out
	}
	out.Zone = d.zone.in.Name
	out.Workload = d.key
	out.Prefixes = flow.MergePrefixes(d.prefixes)
	out.Pods = d.pods
	out.Conduits = uniqueSorted(d.conduits)
	return out
}

func (d *conduit) plan() plan.Conduit {
	out := plan.Conduit{
		Name: d.in.Name, UID: d.in.UID, Standing: d.standing, State: d.state, Services: d.services,
		Resolved: keepServices(d.resolved), From: d.from, To: d.to, Point: d.point, Partly: d.partly, Spec: *d.spec.DeepCopy(),
	}
	byZone := func(a, b plan.End) int { return cmp.Compare(a.Zone, b.Zone) }
	slices.SortFunc(out.From, byZone)
	slices.SortFunc(out.To, byZone)
	return out
}
