package analysis

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// Policies are those that are judged beside the plan.
type Policies struct {
	// Standing are the policies of a cluster as they stand, ours among them, or
	// those in the manifests.
	Standing []*unstructured.Unstructured
	// Recorded are the UIDs of those of Standing that zones recorded as theirs.
	// Labels prove nothing: anybody can write them.
	Recorded map[types.UID]bool
	// Rendered adds what the plan renders to, in the place of what is recorded.
	Rendered bool
}

// A judge answers what the policies do, whoever wrote them.
type judge struct {
	*verdict.Judge
	semantics    verdict.Semantics
	ours         map[verdict.Policy]part
	own, foreign []*unstructured.Unstructured
}

// A part tells what an object of ours is for.
type part struct{ zone, component string }

// Judge lets policies be judged beside the plan, for what is to be asked about
// some places, or about whole zones where none is named.
//
// Of what is rendered only the objects are read that can concern what is asked:
// those of the zones of the places, and of the policies that permit something to
// workloads those that select the pods which are asked about. Where somebody
// else has a policy in or around a zone, all of it is read; and where there are
// many zones, and nobody else has a policy near one, nothing: what is rendered
// does what is intended, by the law faithful (docs/testing.md).
func (r *Reach) Judge(p Policies, places ...*Place) error {
	j := &judge{ours: map[verdict.Policy]part{}}
	j.semantics = verdict.Semantics{Engine: verdict.NetworkPolicy}
	if r.Plan.Target == snapshot.Cilium {
		j.semantics = verdict.Semantics{Engine: verdict.Cilium, Cluster: r.Plan.Cilium.Cluster}
	}
	for _, o := range p.Standing {
		switch ours := p.Recorded[o.GetUID()]; {
		case ours && !p.Rendered:
			j.add(o)
		case !ours:
			j.foreign = append(j.foreign, o)
		}
	}
	r.judge, r.intrusions = j, nil
	r.touched = r.touchedZones()
	r.sparing = p.Rendered && len(places) == 0 && len(r.zones) > manyZones
	var objects []object.Object
	if p.Rendered {
		objects = r.objects(places)
		j.dropDoubles(objects)
	}
	for _, o := range r.relevant(objects, places) {
		u, err := verdict.Unstructured(o.KubeObject)
		if err != nil {
			return fmt.Errorf("judging %s %s: %w", o.Kind(), o.GetName(), err)
		}
		j.add(u)
	}
	j.Judge = verdict.New(j.semantics, slices.Concat(j.own, j.foreign)...)
	return nil
}

// manyZones are so many that asking every cell of the matrix what was rendered
// would take seconds.
const manyZones = 40

// dropDoubles leaves out of what stands in manifests the policies that are
// rendered: they were kept there, rendered before.
func (j *judge) dropDoubles(objects []object.Object) {
	if len(j.foreign) == 0 {
		return
	}
	rendered := map[verdict.Policy]bool{}
	for _, o := range objects {
		rendered[verdict.Policy{Kind: o.Kind(), Namespace: o.GetNamespace(), Name: o.GetName()}] = true
	}
	j.foreign = slices.DeleteFunc(j.foreign, func(o *unstructured.Unstructured) bool { return rendered[policyOf(o)] })
}

// objects returns what the zones of the places render to, or all zones.
func (r *Reach) objects(places []*Place) []object.Object {
	var zones []string
	switch {
	case len(places) == 0 && !r.sparing:
		return render.AllOf(r.Guards, render.InTurn)
	case len(places) == 0:
		zones = r.around()
	}
	for _, p := range places {
		zones = append(zones, p.Zone)
	}
	slices.Sort(zones)
	var out []object.Object
	for _, z := range slices.Compact(zones) {
		out = append(out, render.ZoneOf(r.Guards, z)...)
	}
	return out
}

// relevant leaves out the policies of workloads that nobody asks about.
func (r *Reach) relevant(objects []object.Object, places []*Place) []object.Object {
	if len(places) == 0 {
		for i := range r.Plan.Zones {
			if z := r.Plan.Zones[i].Name; !r.sparing || r.touched[z] {
				places = append(places, r.probes(z, true)...)
			}
		}
	}
	asked := r.askedAbout(places)
	return slices.DeleteFunc(slices.Clone(objects), func(o object.Object) bool {
		labels := o.GetLabels()
		return labels[medfencev1alpha1.LabelComponent] == object.ComponentAllow && !r.touched[labels[medfencev1alpha1.LabelZone]] &&
			!asked[[2]string{o.GetNamespace(), o.GetName()}]
	})
}

// askedAbout returns the namespaces and names of the policies of the workloads
// that select the pods of the places.
func (r *Reach) askedAbout(places []*Place) map[[2]string]bool {
	out := map[[2]string]bool{}
	for _, p := range places {
		pod, ok := r.podOf(p)
		if !ok {
			continue
		}
		for _, w := range r.selecting(pod) {
			out[[2]string{w.Namespace, object.AllowName(w)}] = true
		}
	}
	return out
}

// selecting returns the workloads that select a pod.
func (r *Reach) selecting(pod *snapshot.Pod) []*plan.Workload {
	if r.workIn == nil {
		r.workIn = map[string][]*plan.Workload{}
		for i := range r.Plan.Workloads {
			w := &r.Plan.Workloads[i]
			r.workIn[w.Namespace] = append(r.workIn[w.Namespace], w)
		}
	}
	var out []*plan.Workload
	for _, w := range r.workIn[pod.Namespace] {
		if selects(w.Selector, pod.Labels) {
			out = append(out, w)
		}
	}
	return out
}

// around returns the zones that somebody touches, and those that conduits join to
// them, sorted.
func (r *Reach) around() []string {
	all := map[string]bool{}
	for zone, near := range r.neighbours() {
		if r.touched[zone] {
			maps.Copy(all, near)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// touchedZones returns the zones in or around which somebody else has a policy, and
// those in which ours cannot be written.
func (r *Reach) touchedZones() map[string]bool {
	spaces, everywhere := map[string]bool{}, false
	for _, o := range r.judge.foreign {
		spaces[o.GetNamespace()] = true
		everywhere = everywhere || o.GetNamespace() == ""
	}
	out := map[string]bool{}
	for zone, near := range r.neighbours() {
		for other := range near {
			if everywhere || slices.ContainsFunc(r.zones[other].Namespaces, func(n plan.Namespace) bool { return spaces[n.Name] || n.Terminating }) {
				out[zone] = true
			}
		}
	}
	return out
}

// add takes an object of ours.
func (j *judge) add(o *unstructured.Unstructured) {
	labels := o.GetLabels()
	j.ours[policyOf(o)] = part{labels[medfencev1alpha1.LabelZone], labels[medfencev1alpha1.LabelComponent]}
	j.own = append(j.own, o)
}

func policyOf(o *unstructured.Unstructured) verdict.Policy {
	return verdict.Policy{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}
