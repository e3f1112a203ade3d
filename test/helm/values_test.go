package helm

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/admission"
	"github.com/medfence/medfence/internal/strongauth"
)

// everything are values that switch on all that there is.
const everything = `
target: cilium
cluster: {domain: hospital.example, cidrs: [10.42.0.0/16], dns: {name: coredns, nodeLocal: [169.254.20.10]}}
cilium: {config: {namespace: cilium, name: settings}, envoy: true}
protectedNamespaces: [monitoring, backup]
serviceCatalogue:
  services:
  - name: lab-astm
    endpoints: [{protocol: TCP, ports: [5600, "5610-5619"]}]
    carriesPHI: true
image: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", pullSecrets: [{name: registry}]}
replicas: 3
workers: 8
log: {verbosity: 1, format: text}
extraArgs: [--kube-api-qps=200]
tolerations: [{key: control-plane, operator: Exists}]
affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: zone, operator: Exists}]}}]}}
networkPolicy: {apiServerPorts: [16443], metricsFrom: [{namespaceSelector: {matchLabels: {team: monitoring}}}]}
metrics:
  certificateSecret: medfence-metrics-tls
  serviceMonitor: {enabled: true, labels: {release: prometheus}, reader: {namespace: monitoring, name: prometheus-k8s}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboard: {enabled: true, annotations: {grafana_folder: Security}}
admission: {strongAuthentication: {mode: deny}}
commonLabels: {team: platform}
commonAnnotations: {contact: it-desk}
podLabels: {tier: security}
podAnnotations: {scrape: "no"}
`

func TestMistakenValuesAreRefusedWithWords(t *testing.T) {
	cases := map[string]struct{ values, want string }{
		"a name that there is not":       {`targt: netpol`, `additional properties 'targt' not allowed`},
		"one further down":               {`image: {tga: v1}`, `at '/image': additional properties 'tga' not allowed`},
		"a word that there is not":       {`target: calico`, `at '/target': value must be one of 'auto', 'netpol', 'cilium'`},
		"a mode that there is not":       {`admission: {guards: {side-doors: "on"}}`, `at '/admission/guards/side-doors': value must be one of 'off', 'warn', 'deny', false`},
		"a guard that there is not":      {`admission: {guards: {side-door: deny}}`, `additional properties 'side-door' not allowed`},
		"a number as text":               {`replicas: "2"`, `at '/replicas': got string, want integer`},
		"fewer than none":                {`replicas: -1`, `at '/replicas': minimum: got -1, want 0`},
		"a digest that is none":          {`image: {digest: "sha256:abc"}`, `at '/image/digest': 'sha256:abc' does not match pattern`},
		"a prefix that is none":          {`cluster: {cidrs: [10.0.0.0]}`, `at '/cluster/cidrs/0': '10.0.0.0' does not match pattern`},
		"a flag without dashes":          {`extraArgs: [workers=3]`, `at '/extraArgs/0': 'workers=3' does not match pattern '^--[a-z]'`},
		"a root user":                    {`podSecurityContext: {runAsNonRoot: false}`, `at '/podSecurityContext/runAsNonRoot': value must be true`},
		"a service without endpoints":    {`serviceCatalogue: {services: [{name: x}]}`, `missing property 'endpoints'`},
		"a service's typing error":       {`serviceCatalogue: {services: [{name: x, endpoint: []}]}`, `additional properties 'endpoint' not allowed`},
		"a label that Helm writes":       {`commonLabels: {app.kubernetes.io/name: other}`, `invalid propertyName 'app.kubernetes.io/name'`},
		"a label that marks our objects": {`commonLabels: {medfence.io/zone: icu}`, `invalid propertyName 'medfence.io/zone'`},
		"a user with a star":             {`admission: {strongAuthentication: {exempt: ["system:serviceaccount:*"]}}`, `does not match pattern`},
		"half a reader":                  {`metrics: {serviceMonitor: {reader: {name: prometheus}}}`, `properties 'namespace' required, if 'name' exists`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := tryRender(t, namespace, tc.values)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// TestEveryValueIsInTheSchema: one that is not could not be set, and one that
// the schema leaves open could be mistyped.
func TestEveryValueIsInTheSchema(t *testing.T) {
	raw, err := os.ReadFile(chartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := map[string]any{}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(chartDir + "/values.yaml"); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	if err := yaml.Unmarshal(raw, &defaults); err != nil {
		t.Fatal(err)
	}
	compareWithSchema(t, "", defaults, schema)
}

func compareWithSchema(t *testing.T, path string, defaults, schema map[string]any) {
	t.Helper()
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return // a map of the user's own keys
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s/: takes properties that there are not", path)
	}
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		property, ok := properties[key].(map[string]any)
		if !ok {
			t.Errorf("%s/%s is in values.yaml and not in values.schema.json", path, key)
			continue
		}
		if below, ok := defaults[key].(map[string]any); ok {
			compareWithSchema(t, path+"/"+key, below, property)
		}
	}
}

// TestGuardsHaveTheModesOfTheSource: values.yaml repeats the defaults of
// internal/admission, for people to read.
func TestGuardsHaveTheModesOfTheSource(t *testing.T) {
	got := present(t).Values["admission"].(map[string]any)["guards"].(map[string]any)
	for _, g := range admission.Guards() {
		if got[g.Name] != string(g.Default) {
			t.Errorf("guard %s is %v in values.yaml, and %s in internal/admission", g.Name, got[g.Name], g.Default)
		}
	}
	if len(got) != len(admission.Guards()) {
		t.Errorf("values.yaml has %d guards, internal/admission %d", len(got), len(admission.Guards()))
	}
}

func TestAGuardIsRenderedInItsMode(t *testing.T) {
	objects := render(t, "admission: {guards: {side-doors: warn, own-objects: warn, foreign-policies: deny, security-labels: off}}")
	modes := map[string]admission.Mode{
		admission.SideDoors: admission.Warn, admission.OwnObjects: admission.Warn,
		admission.ForeignPolicies: admission.Deny, admission.SecurityLabels: admission.Off,
	}
	wanted, err := admission.Install(admission.Options{Modes: modes})
	if err != nil {
		t.Fatal(err)
	}
	bound := 0
	for _, o := range objects {
		if o.GetKind() == "ValidatingAdmissionPolicyBinding" {
			bound++
		}
	}
	if bound != len(wanted) {
		t.Errorf("%d bindings are rendered, and %d are wanted", bound, len(wanted))
	}
	for _, w := range wanted {
		var got []string
		for _, action := range field[[]any](t, pick(t, objects, "ValidatingAdmissionPolicyBinding", w.Binding.Name), "spec", "validationActions") {
			got = append(got, action.(string))
		}
		var want []string
		for _, action := range w.Binding.Spec.ValidationActions {
			want = append(want, string(action))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s does %v instead of %v", w.Binding.Name, got, want)
		}
	}
}

// TestGuardsFollowTheRelease: elsewhere the operator has another name for the
// API server, and guards that did not know it would refuse it everything.
func TestGuardsFollowTheRelease(t *testing.T) {
	r, err := tryRender(t, "segmentation", "protectedNamespaces: [monitoring]")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.Manifest, namespace) {
		t.Errorf("%s is left in the manifest of a release in segmentation", namespace)
	}
	objects := parse(t, r.Manifest)
	wanted, err := admission.Install(admission.Options{Namespace: "segmentation", Protected: []string{"monitoring"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wanted {
		got := pick(t, objects, "ValidatingAdmissionPolicy", w.Policy.Name)
		conditions := field[[]any](t, got, "spec", "matchConditions")
		if first := conditions[0].(map[string]any)["expression"]; first != w.Policy.Spec.MatchConditions[0].Expression {
			t.Errorf("%s exempts %s", w.Policy.Name, first)
		}
		selector := w.Policy.Spec.MatchConstraints.NamespaceSelector
		if selector == nil {
			continue
		}
		var names []string
		constraint := field[[]any](t, got, "spec", "matchConstraints", "namespaceSelector", "matchExpressions")[0].(map[string]any)
		for _, name := range constraint["values"].([]any) {
			names = append(names, name.(string))
		}
		slices.Sort(names)
		if !slices.Equal(names, selector.MatchExpressions[0].Values) {
			t.Errorf("%s protects %v instead of %v", w.Policy.Name, names, selector.MatchExpressions[0].Values)
		}
	}
}

// TestStrongAuthenticationIsThatOfTheSource compares it, in every mode, with
// what the package makes of the same options.
func TestStrongAuthenticationIsThatOfTheSource(t *testing.T) {
	for text, options := range map[string]*strongauth.Options{
		"": nil,
		"admission: {strongAuthentication: {mode: off}}":                                              nil,
		"admission: {strongAuthentication: {mode: deny}}":                                             {},
		"admission: {strongAuthentication: {mode: warn, exempt: []}}":                                 {Mode: admission.Warn, Exempt: []string{}},
		"admission: {strongAuthentication: {mode: deny, key: example.org/mfa, exempt: [a:b, c@d.e]}}": {Key: "example.org/mfa", Exempt: []string{"a:b", "c@d.e"}},
	} {
		got := map[string]map[string]any{}
		for _, o := range render(t, text) {
			if o.GetLabels()[admission.LabelGuard] == "strong-authentication" {
				got[id(o)] = o.Object["spec"].(map[string]any)
			}
		}
		want := map[string]map[string]any{}
		if options != nil {
			files, err := strongauth.Manifests(*options)
			must(t, err)
			for _, f := range files {
				for _, o := range parse(t, string(f.Text)) {
					want[id(o)] = o.Object["spec"].(map[string]any)
				}
			}
		}
		for _, set := range []map[string]map[string]any{got, want} {
			for _, spec := range set {
				if conditions, ok := spec["matchConditions"].([]any); ok {
					condition := conditions[0].(map[string]any)
					condition["expression"] = strings.Join(strings.Fields(condition["expression"].(string)), "")
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %q (-want +got):\n%s", text, diff)
		}
	}
}
