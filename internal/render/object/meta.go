package object

import (
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/plan"
)

// maxAnnotation is the length in bytes at which an annotation ends with "...
// and N more". All annotations of an object together may hold 256 KiB.
const maxAnnotation = 16 << 10

// A Meta is what tells an object of ours from any other.
type Meta struct {
	Zone      *plan.Zone
	Component string
	Namespace string // empty for cluster-scoped objects
	Name      string
	// Conduits are the names of the conduits that the object serves.
	Conduits []string
	// Permits says in words what the object permits.
	Permits string
}

// ObjectMeta returns the metadata of the object. User labels and annotations
// are never copied: Argo CD would adopt and prune what bears them.
func (m Meta) ObjectMeta() metav1.ObjectMeta {
	annotations := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			annotations[key] = value
		}
	}
	set(medfencev1alpha1.AnnotationZoneUID, m.Zone.UID)
	set(medfencev1alpha1.AnnotationConduits, conduitList(m.Conduits))
	set(medfencev1alpha1.AnnotationPermits, m.Permits)
	return metav1.ObjectMeta{
		Namespace: m.Namespace,
		Name:      m.Name,
		Labels: map[string]string{
			medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy,
			medfencev1alpha1.LabelZone:      fitLabel(m.Zone.Name),
			medfencev1alpha1.LabelComponent: m.Component,
		},
		Annotations: annotations,
	}
}

// conduitList returns the names, sorted and joined by commas.
func conduitList(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	kept := within(names, len(","), "... and 1000000 more")
	list := strings.Join(names[:kept], ",")
	if rest := len(names) - kept; rest > 0 {
		return list + "... and " + strconv.Itoa(rest) + " more"
	}
	return list
}

// within returns how many of the texts, each followed by a separator of the
// given length, fit into an annotation: all of them, or as many as leave room
// for the ending.
func within(texts []string, separator int, ending string) int {
	used, kept := 0, 0
	for i, t := range texts {
		used += len(t) + separator
		if used > maxAnnotation {
			return kept
		}
		if used+len(ending) <= maxAnnotation {
			kept = i + 1
		}
	}
	return len(texts)
}

// ConduitsOfGroup returns the names of the conduits that the addresses of a
// group take part in.
func ConduitsOfGroup(g *plan.Group) []string {
	var names []string
	for _, end := range g.Ends {
		if _, name, ok := strings.Cut(end, " "); ok {
			names = append(names, name)
		}
	}
	return names
}
