package schema

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/config/crd"
)

// A Violation is one thing for which the API server refuses an object.
type Violation struct {
	// Path is the field, such as "spec.services[0].port"; empty is the object.
	Path string
	// Message says what is wrong.
	Message string
}

// A Checker checks objects of all our kinds. It may be used from several
// goroutines.
type Checker struct{ kinds map[string]*kind }

// A kind is the schema and the rules of one definition.
type kind struct {
	namespaced bool
	structural *structuralschema.Structural
	fields     validation.SchemaValidator
	rules      *cel.Validator
}

// New reads the definitions.
func New() (*Checker, error) {
	files, err := crd.Bases.ReadDir("bases")
	if err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	c := &Checker{kinds: map[string]*kind{}}
	for _, f := range files {
		data, err := crd.Bases.ReadFile("bases/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &definition); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
		if c.kinds[definition.Spec.Names.Kind], err = newKind(&definition); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
	}
	return c, nil
}

func newKind(definition *apiextensionsv1.CustomResourceDefinition) (*kind, error) {
	var internal apiextensions.JSONSchemaProps
	v1 := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v1, &internal, nil); err != nil {
		return nil, fmt.Errorf("converting the schema: %w", err)
	}
	structural, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return nil, fmt.Errorf("understanding the schema: %w", err)
	}
	fields, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, fmt.Errorf("preparing the schema: %w", err)
	}
	return &kind{
		namespaced: definition.Spec.Scope == apiextensionsv1.NamespaceScoped,
		structural: structural, fields: fields,
		rules: cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// Check returns why the API server would refuse an object, given as JSON, by
// field. The namespace is that into which it is applied. Other kinds than ours,
// and what is no object, have no violations.
func (c *Checker) Check(ctx context.Context, kindName, namespace string, data []byte) []Violation {
	k := c.kinds[kindName]
	object := map[string]any{}
	if k == nil || json.Unmarshal(data, &object) != nil {
		return nil
	}
	delete(object, "status") // which the API server drops from what people apply
	whole(object)
	if metadata, ok := object["metadata"].(map[string]any); ok && namespace != "" {
		metadata["namespace"] = namespace
	}
	errs := k.metadata(object)
	defaulting.Default(object, k.structural)
	shape := validation.ValidateCustomResource(nil, object, k.fields)
	shape = append(shape, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...)
	errs = append(errs, shape...)
	if len(shape) == 0 && !lacking(errs) { // as the API server does: rules may rely on the shape
		broken, _ := k.rules.Validate(ctx, nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	return violations(errs)
}

// lacking reports whether something is missing that a rule may ask for.
func lacking(errs field.ErrorList) bool {
	return slices.ContainsFunc(errs, func(e *field.Error) bool { return e.Type == field.ErrorTypeRequired })
}

// metadata checks the name, the labels and the annotations.
func (k *kind) metadata(object map[string]any) field.ErrorList {
	o := &unstructured.Unstructured{Object: object}
	return metavalidation.ValidateObjectMetaAccessor(o, k.namespaced, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

// whole makes whole numbers of those that JSON reads as fractions.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			v[key] = whole(child)
		}
	case []any:
		for i, child := range v {
			v[i] = whole(child)
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

func violations(errs field.ErrorList) []Violation {
	out := make([]Violation, 0, len(errs))
	for _, e := range errs {
		out = append(out, Violation{strings.TrimPrefix(strings.TrimPrefix(e.Field, "<nil>"), "."), words(e)})
	}
	slices.SortFunc(out, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}

// words leaves out the value of what is invalid: it may be the whole object, and
// it stands in the line that is named.
func words(e *field.Error) string {
	switch e.Type {
	case field.ErrorTypeInvalid, field.ErrorTypeTypeInvalid, field.ErrorTypeForbidden:
		return cmp.Or(e.Detail, e.ErrorBody())
	case field.ErrorTypeRequired:
		return strings.TrimSuffix("the field is required; write it: "+e.Detail, ": ")
	}
	return strings.ToLower(e.ErrorBody()[:1]) + e.ErrorBody()[1:]
}
