package object

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// A Stage is the place of an object in the order of writing (DESIGN section 3,
// rule 5). Creation goes up, release goes down.
type Stage int

// The stages, in order of creation.
const (
	StageGroup Stage = iota
	StageAllow
	StageBaseline
	StageGuard
	StageMoat
)

// The components that an object can be: the values of medfence.io/component.
const (
	ComponentGroup    = "group"
	ComponentAllow    = "allow"
	ComponentBaseline = "baseline"
	ComponentGuard    = "guard"
	ComponentMoat     = "moat"
)

// A KubeObject is any typed object of Kubernetes.
type KubeObject interface {
	metav1.Object
	runtime.Object
}

// An Object is a rendered object. Its TypeMeta is set, its spec is complete
// (no field is left to the API server's defaults), and it has no status.
type Object struct {
	Stage Stage
	KubeObject
}

// Kind returns the kind of the object.
func (o Object) Kind() string { return o.GetObjectKind().GroupVersionKind().Kind }

// Sort orders objects by stage, kind, namespace and name.
func Sort(objects []Object) {
	slices.SortStableFunc(objects, func(a, b Object) int {
		return cmp.Or(
			cmp.Compare(a.Stage, b.Stage),
			cmp.Compare(a.Kind(), b.Kind()),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()),
			cmp.Compare(a.GetName(), b.GetName()),
		)
	})
}
