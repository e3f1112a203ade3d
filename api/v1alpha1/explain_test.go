package v1alpha1_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/discovery"
)

// kubectl explain shows what the API server publishes: the user's manual, at
// every field.
func TestExplainDescribesEveryField(t *testing.T) {
	for _, kind := range []string{"DeviceZone", "MedicalDevice", "Conduit"} {
		root := publishedSchema(t, kind)
		fields := 0
		walk("", &root, func(path string, s *apiextensionsv1.JSONSchemaProps) {
			fields++
			text, name := strings.TrimSpace(s.Description), path[strings.LastIndex(path, ".")+1:]
			switch {
			case strings.HasSuffix(path, "[]"): // the list says what its items are
			case text == "":
				t.Errorf("%s: kubectl explain says nothing about %s", kind, path)
			case ofKubernetes(path):
			case !strings.HasPrefix(text, name+" "):
				t.Errorf("%s: the text of %s does not begin with its name: %q", kind, path, text)
			case !strings.HasSuffix(text, "."):
				t.Errorf("%s: the text of %s has no end: %q", kind, path, text)
			}
		})
		if fields < 40 {
			t.Errorf("%s: only %d fields are published", kind, fields)
		}
	}
}

// publishedSchema waits for the API server to publish a kind in OpenAPI v3.
func publishedSchema(t *testing.T, kind string) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the API server does not publish %s", kind)
		}
		paths, err := c.OpenAPIV3().Paths()
		if err != nil {
			t.Fatalf("reading the paths of OpenAPI: %v", err)
		}
		group, ok := paths["apis/medfence.io/v1alpha1"]
		if !ok {
			continue
		}
		text, err := group.Schema("application/json")
		if err != nil {
			t.Fatalf("reading OpenAPI: %v", err)
		}
		var document struct {
			Components struct {
				Schemas map[string]apiextensionsv1.JSONSchemaProps `json:"schemas"`
			} `json:"components"`
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatalf("decoding OpenAPI: %v", err)
		}
		if schema, ok := document.Components.Schemas["io.medfence.v1alpha1."+kind]; ok {
			return schema
		}
	}
}

func TestExplainShowsAFieldInFull(t *testing.T) {
	publishedSchema(t, "DeviceZone")
	want := `GROUP:      medfence.io
KIND:       DeviceZone
VERSION:    v1alpha1

FIELD: enforcement <string>
ENUM:
    Observe
    Enforce

DESCRIPTION:
    enforcement says whether the zone is closed. Observe writes the rules that
    permit, and none that deny: look at UNREGISTERED and at the flows that
    would be dropped first. Enforce denies whatever no conduit permits.
    Required for Device zones, without a default, so that a line lost in Git
    cannot flip a ward; not allowed on other roles.
    

`
	if diff := cmp.Diff(want, kubectl(t, "explain", "dz.spec.enforcement")); diff != "" {
		t.Errorf("kubectl explain (-want +got):\n%s", diff)
	}
}
