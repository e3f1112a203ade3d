package helm

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	chartDir    = "../../charts/medfence"
	releaseName = "medfence"
	namespace   = "medfence-system"
)

// present returns the chart of the tree.
func present(t *testing.T) *chart.Chart { return load(t, chartDir) }

func load(t *testing.T, path string) *chart.Chart {
	t.Helper()
	c, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// values reads values as a user writes them into a file.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// tryRender renders the chart without a cluster.
func tryRender(t *testing.T, in, text string) (*release.Release, error) {
	t.Helper()
	install := action.NewInstall(action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler)))
	install.DryRunStrategy, install.KubeVersion = action.DryRunClient, &common.KubeVersion{Version: "v1.36.3", Major: "1", Minor: "36"}
	install.ReleaseName, install.Namespace = releaseName, in
	out, err := install.Run(present(t), values(t, text))
	if err != nil {
		return nil, err
	}
	return out.(*release.Release), nil
}

// render returns what the chart makes of values.
func render(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	r, err := tryRender(t, namespace, text)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, r.Manifest)
}

func parse(t testing.TB, manifests string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifests)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content := map[string]any{}
		if err := yaml.UnmarshalStrict(document, &content); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(content) > 0 {
			raw, err := yaml.YAMLToJSON(document)
			if err != nil {
				t.Fatal(err)
			}
			o := &unstructured.Unstructured{}
			if err := o.UnmarshalJSON(raw); err != nil {
				t.Fatalf("%v in\n%s", err, document)
			}
			out = append(out, o)
		}
	}
}

func id(o *unstructured.Unstructured) string {
	return strings.TrimPrefix(o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName(), "/")
}

// pick returns the one object of a kind and a name.
func pick(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o
		}
	}
	t.Fatalf("no %s %s is rendered", kind, name)
	return nil
}

func field[T any](t *testing.T, o *unstructured.Unstructured, path ...string) T {
	t.Helper()
	v, found, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	if err != nil || !found {
		t.Fatalf("%s has no %s (%v)", id(o), strings.Join(path, "."), err)
	}
	out, ok := v.(T)
	if !ok {
		t.Fatalf("%s of %s is a %T", strings.Join(path, "."), id(o), v)
	}
	return out
}
