package analysis

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// Follow makes after what the cluster would hold once it replaced before: what
// was accepted before is known, as the operator would know it. A mistake in one
// object then leaves its last accepted spec in force, an incumbent keeps its
// rights, and a zone that is gone holds the namespaces in which pods still run.
//
// Where prune is false objects that after lacks stay, as kubectl apply leaves
// them.
func Follow(before *Reach, after *snapshot.Snapshot, prune bool) {
	f := follower{before: before, after: after, prune: prune}
	f.zones()
	f.devices()
	f.conduits()
}

type follower struct {
	before *Reach
	after  *snapshot.Snapshot
	prune  bool
}

// next is the generation of a spec: one more where it was edited.
func next(generation int64, edited bool) int64 {
	if edited {
		return generation + 1
	}
	return generation
}

func (f *follower) zones() {
	names := map[string]int{}
	for i, z := range f.after.Zones {
		names[z.Name] = i
	}
	for _, was := range f.before.Snapshot.Zones {
		p := f.before.zones[was.Name]
		was.Accepted, was.Closed = acceptedZone(p, was), closedBy(p, was)
		i, stays := names[was.Name]
		if !stays {
			was.Deleting = was.Deleting || f.prune
			f.after.Zones = append(f.after.Zones, was)
			continue
		}
		z := &f.after.Zones[i]
		z.UID, z.Created, z.Accepted, z.Closed = was.UID, was.Created, was.Accepted, was.Closed
		z.Generation = next(was.Generation, !equality.Semantic.DeepEqual(z.Spec, was.Spec))
	}
}

// acceptedZone is what status would hold of a zone.
func acceptedZone(p *plan.Zone, was snapshot.Zone) *medfencev1alpha1.AcceptedZone {
	if p == nil || p.Standing != plan.Current {
		return was.Accepted
	}
	out := &medfencev1alpha1.AcceptedZone{Generation: was.Generation, Spec: was.Spec}
	if was.Accepted != nil {
		out.Since = was.Accepted.Since
	}
	return out
}

// closedBy is what status would say of a zone's baselines.
func closedBy(p *plan.Zone, was snapshot.Zone) []medfencev1alpha1.NamespaceStatus {
	out := slices.Clone(was.Closed)
	if p == nil || !p.Enforce || p.Role != medfencev1alpha1.RoleDevice {
		return out
	}
	for _, n := range p.Namespaces {
		if !slices.ContainsFunc(out, func(s medfencev1alpha1.NamespaceStatus) bool { return s.Name == n.Name }) {
			out = append(out, medfencev1alpha1.NamespaceStatus{Name: n.Name, Held: n.Held, Baseline: true})
		}
	}
	return out
}

func (f *follower) devices() {
	names := map[string]int{}
	for i := range f.after.Devices {
		names[f.after.Devices[i].Key()] = i
	}
	for _, was := range f.before.Snapshot.Devices {
		if p := f.before.devices[was.Key()]; p != nil && p.Standing == plan.Current {
			since := metav1.Time{}
			if was.Accepted != nil {
				since = was.Accepted.Since
			}
			was.Accepted = &medfencev1alpha1.AcceptedDevice{Generation: was.Generation, Since: since, Spec: was.Spec}
		}
		i, stays := names[was.Key()]
		if !stays {
			if !f.prune {
				f.after.Devices = append(f.after.Devices, was)
			}
			continue
		}
		d := &f.after.Devices[i]
		d.UID, d.Created, d.Accepted = was.UID, was.Created, was.Accepted
		d.Generation = next(was.Generation, !equality.Semantic.DeepEqual(d.Spec, was.Spec))
	}
}

func (f *follower) conduits() {
	names := map[string]int{}
	for i := range f.after.Conduits {
		names[f.after.Conduits[i].Name] = i
	}
	for _, was := range f.before.Snapshot.Conduits {
		if p := f.before.conduits[was.Name]; p != nil && p.Standing == plan.Current {
			since := metav1.Time{}
			if was.Accepted != nil {
				since = was.Accepted.Since
			}
			was.Accepted = &medfencev1alpha1.AcceptedConduit{Generation: was.Generation, Since: since, Services: p.Resolved, Spec: was.Spec}
		}
		i, stays := names[was.Name]
		if !stays {
			if !f.prune {
				f.after.Conduits = append(f.after.Conduits, was)
			}
			continue
		}
		c := &f.after.Conduits[i]
		c.UID, c.Created, c.Accepted = was.UID, was.Created, was.Accepted
		c.Generation = next(was.Generation, !equality.Semantic.DeepEqual(c.Spec, was.Spec))
	}
}
