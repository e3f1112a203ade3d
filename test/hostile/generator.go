package hostile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/config/crd"
)

// A Generator makes objects; the same seed makes the same ones. It must not be
// used from several goroutines.
type Generator struct {
	*rand.Rand
	kinds map[string]definition
	// wild is how many of a hundred values of a field that has a meaning (a
	// prefix, a zone's name) are drawn from the schema alone.
	wild int
}

// A definition is a kind with the schema of its spec.
type definition struct {
	version    schema.GroupVersionKind
	namespaced bool
	spec       apiextensionsv1.JSONSchemaProps
}

// New returns the generator of a seed, for the definitions of config/crd.
func New(seed uint64) (*Generator, error) {
	g := &Generator{Rand: rand.New(rand.NewPCG(seed, 0x686f7374696c65)), kinds: map[string]definition{}, wild: 6}
	files, err := crd.Bases.ReadDir("bases")
	if err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	for _, f := range files {
		raw, err := crd.Bases.ReadFile("bases/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
		var d apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(raw, &d); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
		v := d.Spec.Versions[0]
		g.kinds[d.Spec.Names.Kind] = definition{
			version:    schema.GroupVersionKind{Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind},
			namespaced: d.Spec.Scope == apiextensionsv1.NamespaceScoped,
			spec:       v.Schema.OpenAPIV3Schema.Properties["spec"],
		}
	}
	return g, nil
}

// Kinds returns the kinds of config/crd, sorted.
func (g *Generator) Kinds() []string { return slices.Sorted(maps.Keys(g.kinds)) }

// Object returns an object of a kind. Its name, and that of its namespace, are
// drawn from pools, so that later objects meet, and replace, earlier ones.
func (g *Generator) Object(kind string) *unstructured.Unstructured {
	d := g.kinds[kind]
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetGroupVersionKind(d.version)
	o.SetName(g.name(kind))
	if d.namespaced {
		o.SetNamespace(g.pick(Namespaces...))
	}
	g.Mark(o)
	g.Respec(o)
	return o
}

// Respec gives an object of ours a new spec.
func (g *Generator) Respec(o *unstructured.Unstructured) {
	d := g.kinds[o.GetKind()]
	spec, _ := g.value("spec", &d.spec).(map[string]any)
	if g.IntN(100) >= g.wild {
		g.reconcile(o.GetKind(), spec)
	}
	o.Object["spec"] = spec
}

// Mark gives an object labels and annotations, some of them in our name.
func (g *Generator) Mark(o metav1.Object) {
	labels, annotations := map[string]string{}, map[string]string{}
	for range g.IntN(3) {
		labels[g.pick(labelKeys...)] = g.pick(labelValues...)
	}
	for range g.IntN(2) {
		annotations[g.pick(annotationKeys...)] = g.text(0, 200)
	}
	o.SetLabels(labels)
	o.SetAnnotations(annotations)
}

// value returns a value that fits a schema, at a path such as "spec.to.zones[]".
func (g *Generator) value(path string, s *apiextensionsv1.JSONSchemaProps) any {
	if hint := hints[path]; hint != nil && g.IntN(100) >= g.wild {
		if v := hint(g); v != nil {
			return v
		}
	}
	if len(s.Enum) > 0 {
		return unquote(s.Enum[g.IntN(len(s.Enum))].Raw)
	}
	switch s.Type {
	case "object":
		return g.object(path, s)
	case "array":
		return g.array(path, s)
	case "integer":
		return g.integer(s)
	case "boolean":
		return g.chance(50)
	}
	return g.word(s)
}

func (g *Generator) object(path string, s *apiextensionsv1.JSONSchemaProps) any {
	out := map[string]any{}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		for range g.size(0, 40) {
			out[g.pick(labelKeys...)] = g.value(path+"{}", s.AdditionalProperties.Schema)
		}
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		if slices.Contains(s.Required, name) || g.chance(wanted(path+"."+name)) {
			out[name] = g.value(path+"."+name, &child)
		}
	}
	return out
}

func (g *Generator) array(path string, s *apiextensionsv1.JSONSchemaProps) any {
	least, most := int64(0), int64(70)
	if s.MinItems != nil {
		least = *s.MinItems
	}
	if s.MaxItems != nil {
		most = *s.MaxItems
	}
	out, seen := []any{}, map[string]bool{}
	unique := s.XListType != nil && *s.XListType == "set" || g.IntN(100) >= g.wild
	for range g.size(int(least), int(most)) {
		v := g.value(path+"[]", s.Items.Schema)
		if k := fmt.Sprint(v); !unique || !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	return out
}

func (g *Generator) integer(s *apiextensionsv1.JSONSchemaProps) any {
	least, most := int64(-1<<31), int64(1<<31-1)
	if s.Minimum != nil {
		least = int64(*s.Minimum)
	}
	if s.Maximum != nil {
		most = int64(*s.Maximum)
	}
	switch g.IntN(4) {
	case 0:
		return least
	case 1:
		return most
	}
	return least + g.Int64N(most-least+1)
}

// word returns a string that fits a schema.
func (g *Generator) word(s *apiextensionsv1.JSONSchemaProps) any {
	if s.Format == "date-time" {
		return g.pick(times...)
	}
	least, most := int64(0), int64(300)
	if s.MinLength != nil {
		least = *s.MinLength
	}
	if s.MaxLength != nil {
		most = *s.MaxLength
	}
	return g.text(int(least), int(most))
}

// size returns a number of items: most are few, some are at the limits.
func (g *Generator) size(least, most int) int {
	switch r := g.IntN(100); {
	case r < 10:
		return least
	case r < 13:
		return most
	}
	return min(most, least+g.IntN(4))
}

func (g *Generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g *Generator) pick(from ...string) string { return from[g.IntN(len(from))] }
