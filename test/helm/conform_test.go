package helm

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/yannh/kubeconform/pkg/validator"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// renderings are values whose objects must be good, whatever cluster they meet.
var renderings = map[string]string{"defaults": "", "everything": everything, "little": `
{replicas: 1, metrics: {enabled: false}, networkPolicy: {enabled: false}, topologySpread: {enabled: false}, priorityClassName: "",
podSecurityContext: {runAsUser: null, runAsGroup: null}, crds: {keep: false}, roles: {people: false},
admission: {guards: {side-doors: off, own-objects: off}}}`}

// TestEveryObjectConformsToItsSchema asks kubeconform, strictly: a field that no
// schema knows is refused. The schemas are those that the API server serves, so
// that nothing is downloaded and the versions agree.
func TestEveryObjectConformsToItsSchema(t *testing.T) {
	dir := sharedLab(t).schemas(t)
	v, err := validator.New([]string{dir + "/{{ .ResourceKind }}-{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	must(t, err)
	for name, text := range renderings {
		t.Run(name, func(t *testing.T) {
			for _, o := range render(t, text) {
				if o.GroupVersionKind().Group == monitoringv1.SchemeGroupVersion.Group {
					decodesAs(t, o)
					continue
				}
				raw, err := yaml.Marshal(o.Object)
				must(t, err)
				for _, r := range v.ValidateWithContext(t.Context(), id(o), io.NopCloser(bytes.NewReader(raw))) {
					if r.Status != validator.Valid {
						t.Errorf("%s: %v %v", id(o), r.Err, r.ValidationErrors)
					}
				}
			}
		})
	}
	t.Run("it can say no", func(t *testing.T) {
		o := pick(t, render(t, ""), "Deployment", "medfence-operator")
		must(t, unstructured.SetNestedField(o.Object, "x", "spec", "template", "spec", "typo"))
		raw, err := yaml.Marshal(o.Object)
		must(t, err)
		for _, r := range v.ValidateWithContext(t.Context(), id(o), io.NopCloser(bytes.NewReader(raw))) {
			if r.Status != validator.Invalid || !strings.Contains(r.Err.Error(), "typo") {
				t.Errorf("a field that there is not is %v: %v", r.Status, r.Err)
			}
		}
	})
}

// decodesAs decodes an object of the Prometheus operator into its own type: its
// CRDs are in no module that is small.
func decodesAs(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	into := map[string]any{"ServiceMonitor": &monitoringv1.ServiceMonitor{}, "PrometheusRule": &monitoringv1.PrometheusRule{}}[o.GetKind()]
	raw, err := o.MarshalJSON()
	must(t, err)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%s: %v", id(o), err)
	}
}

// schemas writes a JSON schema for each kind that the API server serves, in the
// form that kubeconform looks for, and returns their folder.
func (l *lab) schemas(t *testing.T) string {
	t.Helper()
	clients, err := kubernetes.NewForConfig(l.cluster.Config())
	must(t, err)
	raw, err := clients.RESTClient().Get().AbsPath("/openapi/v2").Do(context.Background()).Raw()
	must(t, err)
	var served struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	must(t, json.Unmarshal(raw, &served))
	for _, definition := range served.Definitions {
		makeStrict(definition)
	}
	dir := t.TempDir()
	for name, definition := range served.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue
		}
		kind := kinds[0].(map[string]any)
		suffix := kind["version"].(string)
		if group := kind["group"].(string); group != "" {
			suffix = strings.Split(group, ".")[0] + "-" + suffix
		}
		schema, err := json.Marshal(map[string]any{"$ref": "#/definitions/" + name, "definitions": reachable(served.Definitions, name)})
		must(t, err)
		file := filepath.Join(dir, strings.ToLower(kind["kind"].(string))+"--"+suffix+".json")
		must(t, os.WriteFile(file, schema, 0o600))
	}
	return dir
}

// makeStrict refuses fields that a schema does not name, and takes what the API
// server takes for a number or a text.
func makeStrict(schema map[string]any) {
	if schema["format"] == "int-or-string" {
		schema["type"] = []any{"string", "integer"}
	}
	delete(schema, "format")
	if properties, ok := schema["properties"].(map[string]any); ok {
		if schema["additionalProperties"] == nil && schema["x-kubernetes-preserve-unknown-fields"] == nil {
			schema["additionalProperties"] = false
		}
		for _, p := range properties {
			makeStrict(p.(map[string]any))
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if below, ok := schema[key].(map[string]any); ok {
			makeStrict(below)
		}
	}
}

// reachable returns the definitions that one refers to, and itself.
func reachable(all map[string]map[string]any, name string) map[string]map[string]any {
	out := map[string]map[string]any{}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				visit(one)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				if to := strings.TrimPrefix(ref, "#/definitions/"); out[to] == nil {
					out[to] = all[to]
					visit(all[to])
				}
			}
			for one := range maps.Values(v) {
				visit(one)
			}
		}
	}
	out[name] = all[name]
	visit(all[name])
	return out
}

// TestPodsSatisfyTheLevelRestricted asks the library of Pod Security admission;
// TestLifeOfAnInstallation asks the admission itself.
func TestPodsSatisfyTheLevelRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	for name, text := range renderings {
		d := &appsv1.Deployment{}
		o := pick(t, render(t, text), "Deployment", "medfence-operator")
		must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, d))
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec))
		if !result.Allowed {
			t.Errorf("%s: %s: %s", name, result.ForbiddenReason(), result.ForbiddenDetail())
		}
	}
}
