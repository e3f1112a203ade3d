package analysis

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
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

// Judge lets policies be judged beside the plan.
//
// Of what is rendered only the objects of the zones are judged, or all where none
// is named: an object of ours concerns the pods and addresses of its own zone.
func (r *Reach) Judge(p Policies, zones ...string) error {
	j := &judge{ours: map[verdict.Policy]part{}}
	j.semantics = verdict.Semantics{Engine: verdict.NetworkPolicy}
	if r.Plan.Target == snapshot.Cilium {
		j.semantics = verdict.Semantics{Engine: verdict.Cilium, Cluster: r.Plan.Cilium.Cluster}
	}
	if p.Rendered {
		for _, o := range r.objects(zones) {
			u, err := verdict.Unstructured(o.KubeObject)
			if err != nil {
				return fmt.Errorf("judging %s %s: %w", o.Kind(), o.GetName(), err)
			}
			j.add(u)
		}
	}
	for _, o := range p.Standing {
		_, twice := j.ours[policyOf(o)]
		switch {
		case twice, p.Rendered && p.Recorded[o.GetUID()]:
		case p.Recorded[o.GetUID()]:
			j.add(o)
		default:
			j.foreign = append(j.foreign, o)
		}
	}
	j.Judge = verdict.New(j.semantics, slices.Concat(j.own, j.foreign)...)
	r.judge = j
	return nil
}

// add takes an object of ours.
func (j *judge) add(o *unstructured.Unstructured) {
	labels := o.GetLabels()
	j.ours[policyOf(o)] = part{labels[medfencev1alpha1.LabelZone], labels[medfencev1alpha1.LabelComponent]}
	j.own = append(j.own, o)
}

func (r *Reach) objects(zones []string) []object.Object {
	if len(zones) == 0 {
		return render.All(r.Plan)
	}
	slices.Sort(zones)
	var out []object.Object
	for _, z := range slices.Compact(zones) {
		out = append(out, render.Zone(r.Plan, z)...)
	}
	return out
}

func policyOf(o *unstructured.Unstructured) verdict.Policy {
	return verdict.Policy{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}
