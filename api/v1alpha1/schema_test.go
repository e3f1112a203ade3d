package v1alpha1_test

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// A rule that no test sees at work may be one that never fires.
func TestEveryRuleIsSeenToRefuse(t *testing.T) {
	seen := refusals()
	for kind, root := range crdSchemas(t) {
		walk("", &root, func(path string, s *apiextensionsv1.JSONSchemaProps) {
			for _, rule := range s.XValidations {
				at, says := cmp.Or(path+rule.FieldPath, "<nil>"), phrase(rule)
				if !slices.ContainsFunc(seen, func(r string) bool { return strings.HasPrefix(r, at+": ") && strings.Contains(r, says) }) {
					t.Errorf("%s: no case is refused at %s with %q", kind, at, says)
				}
			}
		})
	}
}

// refusals are all answers that the tables expect, with the items of a list
// named as walk names them.
func refusals() []string {
	out := []string{nameWords, roleWords}
	for _, cases := range []map[string]ruleCase{deviceZoneCases(), medicalDeviceCases(), conduitCases()} {
		for _, tc := range cases {
			for _, answer := range tc.want {
				out = append(out, regexp.MustCompile(`\[\d+\]`).ReplaceAllString(answer, "[]"))
			}
		}
	}
	return out
}

// phrase is a part of a rule's message that is the same for every object: of a
// message that is computed, the longest text in it.
func phrase(rule apiextensionsv1.ValidationRule) string {
	if rule.MessageExpression == "" {
		return rule.Message
	}
	var texts []string
	for _, quoted := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(rule.MessageExpression, -1) {
		texts = append(texts, regexp.MustCompile(`%[sd]`).Split(quoted[1], -1)...)
	}
	return slices.MaxFunc(texts, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
}

// Without bounds the API server cannot tell what a rule costs, and one object
// could fill etcd.
func TestEveryStringAndListIsBoundedAndEveryListHasAType(t *testing.T) {
	for kind, root := range crdSchemas(t) {
		walk("", &root, func(path string, s *apiextensionsv1.JSONSchemaProps) {
			if ofKubernetes(path) {
				return
			}
			if s.Type == "string" && s.MaxLength == nil && s.Enum == nil && s.Format == "" {
				t.Errorf("%s: %s has no maximum length", kind, path)
			}
			if s.Type != "array" {
				return
			}
			if s.MaxItems == nil {
				t.Errorf("%s: %s has no maximum of items", kind, path)
			}
			if s.XListType == nil {
				t.Errorf("%s: %s has no list type", kind, path)
			}
		})
	}
}

// ofKubernetes tells the fields whose types are not ours.
func ofKubernetes(path string) bool {
	return regexp.MustCompile(`^$|^(apiVersion|kind|metadata)|Selector\.|conditions\[\]`).MatchString(path)
}

// walk visits a schema and all that is in it: "spec.services", then its items
// as "spec.services[]".
func walk(path string, s *apiextensionsv1.JSONSchemaProps, visit func(path string, s *apiextensionsv1.JSONSchemaProps)) {
	visit(path, s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		walk(strings.TrimPrefix(path+"."+name, "."), &property, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(path+"[]", s.Items.Schema, visit)
	}
}

// crdSchemas are the schemas that controller-gen made, by kind.
func crdSchemas(t *testing.T) map[string]apiextensionsv1.JSONSchemaProps {
	t.Helper()
	files, err := filepath.Glob(crdDirectory + "/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("CRDs found: %v, %v", files, err)
	}
	out := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		out[crd.Spec.Names.Kind] = *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return out
}
