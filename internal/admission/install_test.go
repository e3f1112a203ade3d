package admission_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/admission"
)

func install(t *testing.T, o admission.Options) []admission.Installed {
	t.Helper()
	out, err := admission.Install(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestConfigHoldsWhatThePackageMakes(t *testing.T) {
	files, err := admission.Manifests(admission.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := os.ReadFile("../../config/admission/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(listed, &kustomization); err != nil {
		t.Fatal(err)
	}
	want := []string{"roles.yaml"}
	for _, f := range files {
		want = append(want, f.Name)
		got, err := os.ReadFile(filepath.Join("../../config/admission", f.Name))
		if err != nil || !bytes.Equal(got, f.Text) {
			t.Errorf("%s is not what `go generate ./internal/admission` writes (%v)", f.Name, err)
		}
		if bytes.Contains(f.Text, []byte("{{")) {
			t.Errorf("%s has braces that a template of Helm would read", f.Name)
		}
	}
	if diff := cmp.Diff(want, kustomization.Resources); diff != "" {
		t.Errorf("kustomization (-want +got):\n%s", diff)
	}
}

func TestTheModeOfAGuardIsInItsBindingsAlone(t *testing.T) {
	d, w, a := admissionregistrationv1.Deny, admissionregistrationv1.Warn, admissionregistrationv1.Audit
	wants := map[admission.Mode][]admissionregistrationv1.ValidationAction{admission.Deny: {d, a}, admission.Warn: {w, a}}
	for _, g := range admission.Guards() {
		var policies [][]*admissionregistrationv1.ValidatingAdmissionPolicy
		for mode := range wants {
			var mine []*admissionregistrationv1.ValidatingAdmissionPolicy
			for _, i := range install(t, admission.Options{Modes: map[string]admission.Mode{g.Name: mode}}) {
				if i.Guard != g.Name {
					continue
				}
				mine = append(mine, i.Policy)
				want := wants[mode]
				if strings.HasSuffix(i.Binding.Name, "-observe") {
					want = wants[admission.Warn] // whatever the mode
				}
				if !slices.Equal(i.Binding.Spec.ValidationActions, want) {
					t.Errorf("%s in mode %s: %v", i.Binding.Name, mode, i.Binding.Spec.ValidationActions)
				}
			}
			policies = append(policies, mine)
		}
		if diff := cmp.Diff(policies[0], policies[1]); diff != "" || len(policies[0]) == 0 {
			t.Errorf("policies of %s differ by mode:\n%s", g.Name, diff)
		}
		for _, i := range install(t, admission.Options{Modes: map[string]admission.Mode{g.Name: admission.Off}}) {
			if i.Guard == g.Name {
				t.Errorf("%s is off and installs %s", g.Name, i.Policy.Name)
			}
		}
	}
}

func TestTheDefaultsAreThoseOfTheDesign(t *testing.T) {
	got := map[string]admission.Mode{}
	for _, g := range admission.Guards() {
		got[g.Name] = g.Default
	}
	want := map[string]admission.Mode{
		admission.OwnObjects: admission.Deny, admission.ForeignPolicies: admission.Warn, admission.SideDoors: admission.Deny,
		admission.SecurityLabels: admission.Deny, admission.EnforceUnregistered: admission.Warn, admission.UnclosedNamespace: admission.Deny,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is fail-closed must look at nothing but our own things, and need no zone.
func TestOnlyPoliciesAboutOurOwnThingsFailClosed(t *testing.T) {
	var closed []string
	for _, i := range install(t, admission.Options{}) {
		spec := i.Policy.Spec
		if *spec.FailurePolicy == admissionregistrationv1.Fail {
			closed = append(closed, i.Policy.Name)
			if spec.ParamKind != nil {
				t.Errorf("%s fails closed where the CRD of zones is gone", i.Policy.Name)
			}
		}
		ref := i.Binding.Spec.ParamRef
		if (spec.ParamKind == nil) != (ref == nil) {
			t.Errorf("%s: parameters without a reference, or the reverse", i.Policy.Name)
		}
		if ref != nil && (*ref.ParameterNotFoundAction != admissionregistrationv1.AllowAction || len(ref.Selector.MatchLabels)+len(ref.Selector.MatchExpressions) > 0) {
			t.Errorf("%s does not take every zone, or stops all where there is none", i.Policy.Name)
		}
	}
	if diff := cmp.Diff([]string{"medfence-own-objects", "medfence-security-labels"}, closed); diff != "" {
		t.Error(diff)
	}
}

func TestAnInstallationElsewhereKnowsItsOperatorAndItsProtectedNamespaces(t *testing.T) {
	for _, i := range install(t, admission.Options{Namespace: "segmentation", ServiceAccount: "fence", Protected: []string{"vault"}}) {
		if e := i.Policy.Spec.MatchConditions[0].Expression; !strings.Contains(e, "'system:serviceaccount:segmentation:fence'") {
			t.Errorf("%s: %s", i.Policy.Name, e)
		}
		selector := i.Policy.Spec.MatchConstraints.NamespaceSelector
		if selector == nil {
			continue
		}
		for _, n := range []string{"segmentation", "vault", "kube-system", "cilium", "default"} {
			if !slices.Contains(selector.MatchExpressions[0].Values, n) {
				t.Errorf("%s looks at %s", i.Policy.Name, n)
			}
		}
	}
}

func TestMistakenModesAreRefused(t *testing.T) {
	cases := map[string]struct {
		modes map[string]admission.Mode
		want  string
	}{
		"no guard": {map[string]admission.Mode{"own-object": admission.Warn}, `there is no guard "own-object": the guards are own-objects, `},
		"no mode":  {map[string]admission.Mode{"side-doors": "on"}, `guard side-doors: "on" is not a mode of a guard: use off, warn or deny`},
		"empty":    {map[string]admission.Mode{"side-doors": ""}, `"" is not a mode`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := admission.Manifests(admission.Options{Modes: tc.modes}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// Whoever is refused must hear who, why, and what to do instead, also where the
// words cannot be worked out.
func TestEveryRefusalSaysWhatToDo(t *testing.T) {
	for _, i := range install(t, admission.Options{}) {
		for _, v := range i.Policy.Spec.Validations {
			if v.Message == "" || !strings.Contains(v.MessageExpression, "request.userInfo.username + ' ") {
				t.Errorf("%s does not say who: %s", i.Policy.Name, v.MessageExpression)
			}
			if i.Guard != admission.EnforceUnregistered && !strings.Contains(v.MessageExpression, admission.Breakglass) {
				t.Errorf("%s shows no way out", i.Policy.Name)
			}
		}
	}
}
