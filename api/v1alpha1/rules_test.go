package v1alpha1_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A ruleCase is a spec as a user writes it, and what the API server answers:
// "field: message", one for each thing that is wrong. None means accepted.
type ruleCase struct {
	spec string
	want []string
}

// manifest is a whole object, of which a test gives the spec as YAML.
func manifest(t *testing.T, kind, name, spec string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		t.Fatalf("the test's own YAML: %v\n%s", err, spec)
	}
	obj.Object["spec"] = fields
	obj.SetGroupVersionKind(medfencev1alpha1.GroupVersion.WithKind(kind))
	obj.SetName(name)
	if kind == "MedicalDevice" {
		obj.SetNamespace("default")
	}
	return obj
}

// testRules tries to create an object of each case; nothing is stored. A field
// that does not exist is an error, so that no case passes by a typing error.
func testRules(t *testing.T, kind string, cases map[string]ruleCase) {
	t.Helper()
	c := newClient(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := manifest(t, kind, "a-rule", tc.spec)
			err := c.Create(t.Context(), obj, client.DryRunAll, client.FieldValidation("Strict"))
			if diff := cmp.Diff(slices.Sorted(slices.Values(tc.want)), complaints(t, err)); diff != "" {
				t.Errorf("answer of the API server (-want +got):\n%s", diff)
			}
		})
	}
}

// complaints are the API server's words about each field that is wrong.
func complaints(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		t.Fatalf("not a refusal of the object: %v", err)
	}
	var out []string
	for _, cause := range status.ErrStatus.Details.Causes {
		out = append(out, fmt.Sprintf("%s: %s", cause.Field, words(cause.Message)))
	}
	slices.Sort(out)
	return out
}

// words leaves out the value that the API server quotes before the message.
func words(message string) string {
	return quoted.ReplaceAllString(message, "")
}

var quoted = regexp.MustCompile(`^Invalid value: (("[^"]*"|[0-9]+|null): )?`)

// unchecked is what the API server adds when a field is so wrong that it does
// not try the rules.
const unchecked = "<nil>: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"
