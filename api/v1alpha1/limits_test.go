package v1alpha1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The API server runs the rules with a budget: an object at the limit of every
// list and string must be stored, and changed, within it.
func TestTheLargestObjectsAreAccepted(t *testing.T) {
	c := newClient(t)
	for name, tc := range largestObjects() {
		t.Run(name, func(t *testing.T) {
			obj := manifest(t, tc.kind, repeat("n", 63), tc.spec)
			create(t, obj)
			obj.SetAnnotations(map[string]string{"changed": "yes"})
			if err := c.Update(t.Context(), obj, client.FieldValidation("Strict")); err != nil {
				t.Errorf("changing it: %v", err)
			}
		})
	}
}

// A limit that is raised makes the objects above larger too.
func TestTheLargestObjectsFillEveryList(t *testing.T) {
	lengths := map[string]int{}
	for _, tc := range largestObjects() {
		measure(tc.kind+".spec", manifest(t, tc.kind, "largest", tc.spec).Object["spec"], lengths)
	}
	for kind, root := range crdSchemas(t) {
		spec := root.Properties["spec"]
		walk(kind+".spec", &spec, func(path string, s *apiextensionsv1.JSONSchemaProps) {
			if s.MaxItems != nil && int64(lengths[path]) != *s.MaxItems {
				t.Errorf("%s has %d items in the largest object, and may have %d", path, lengths[path], *s.MaxItems)
			}
		})
	}
}

// measure notes the greatest length of each list.
func measure(path string, value any, lengths map[string]int) {
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			measure(path+"."+name, field, lengths)
		}
	case []any:
		lengths[path] = max(lengths[path], len(v))
		for _, item := range v {
			measure(path+"[]", item, lengths)
		}
	}
}

// `kubectl apply` keeps the whole CRD in an annotation, and annotations hold
// 256 KiB. Far below, there is room for versions to come.
func TestCRDsAreSmall(t *testing.T) {
	files, err := filepath.Glob(crdDirectory + "/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("CRDs found: %v, %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if limit := int64(64 << 10); info.Size() > limit {
			t.Errorf("%s has %d bytes, want at most %d", file, info.Size(), limit)
		}
	}
	kubectl(t, "apply", "--dry-run=server", "-f", crdDirectory)
}

func largestObjects() map[string]struct{ kind, spec string } {
	return map[string]struct{ kind, spec string }{
		"Device zone":         {"DeviceZone", largestDeviceZone()},
		"Infrastructure zone": {"DeviceZone", largestPeerZone()},
		"device":              {"MedicalDevice", largestDevice()},
		"conduit":             {"Conduit", largestConduit()},
	}
}

func largestDeviceZone() string {
	return strings.Join([]string{
		"role: Device",
		"enforcement: Enforce",
		"members:",
		"  namespaces: " + list(128, 63, "segmented-%03d"),
		"  inventoryNamespaces: " + list(128, 63, "inventory-%03d"),
		"  cidrs: " + list(256, 0, "2001:db8:1111:2222:3333:4444:5555:%x/128"),
		"dns: Cluster",
		"encryption: Optional",
		"securityLevel: {target: 4, rationale: " + repeat("r", 1024) + "}",
		"owner: " + repeat("o", 128),
		"description: " + repeat("d", 1024),
		"deletionPolicy: Release",
	}, "\n")
}

func largestPeerZone() string {
	return strings.Join([]string{
		"role: Infrastructure",
		"members:",
		"  namespaces: " + list(128, 63, "segmented-%03d"),
		"  namespaceSelector: {matchLabels: {" + labels(32) + "}, matchExpressions: [" + expressions(32) + "]}",
		"  podSelector: {matchLabels: {" + labels(32) + "}, matchExpressions: [" + expressions(32) + "]}",
		"  cidrs: " + list(256, 0, "2001:db8:1111:2222:3333:4444:5555:%x/128"),
		"  fqdns: " + list(64, 0, strings.Repeat(repeat("l", 60)+".", 3)+repeat("m", 57)+".x%03d.example"),
		"  entities: [KubeAPIServer, Nodes]",
	}, "\n")
}

func largestDevice() string {
	return strings.Join([]string{
		"zone: " + repeat("z", 63),
		"criticality: LifeSustaining",
		"workload: {podSelector: {matchLabels: {" + labels(32) + "}, matchExpressions: [" + expressions(32) + "]}}",
		"addresses: " + list(64, 0, "2001:db8:1111:2222:3333:4444:5555:%x"),
		"identity:",
		"  macAddresses: " + list(16, 0, "00:1a:2b:3c:4d:%02x"),
		"  udi: " + repeat("u", 256),
		"  aeTitle: " + repeat("A", 16),
	}, "\n")
}

func largestConduit() string {
	selector := "deviceSelector: {matchLabels: {" + labels(32) + "}, matchExpressions: [" + expressions(32) + "]}"
	return strings.Join([]string{
		"from: {zones: " + list(32, 63, "initiator-%02d") + ", " + selector + "}",
		"to: {zones: " + list(32, 63, "responder-%02d") + ", " + selector + "}",
		"services: [" + join(16, "{name: "+repeat("s", 63)+", port: 600%02d, endPort: 65535}") + "]",
		"http: [" + join(16, "{method: "+repeat("M", 16)+", path: "+repeat("p", 510)+"%02d}") + "]",
		"purpose: " + repeat("p", 256),
		"dataClass: PHI",
		"riskAcceptance: " + repeat("r", 512),
		`startsAt: "2030-01-01T00:00:00.000000Z"`,
		`expiresAt: "2030-01-02T00:00:00.000000Z"`,
	}, "\n")
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }

// join makes n things of a format that takes a number.
func join(n int, format string) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(out, ", ")
}

// list is a YAML list of n strings, filled up in front to a length. What
// differs comes last, where a comparison finds it late.
func list(n, length int, format string) string {
	fill := max(0, length-len(fmt.Sprintf(format, 0)))
	return `["` + strings.ReplaceAll(join(n, repeat("f", fill)+format), ", ", `", "`) + `"]`
}

// labels are n matchLabels.
func labels(n int) string { return join(n, "l%03d: "+repeat("v", 63)) }

// expressions are n matchExpressions.
func expressions(n int) string {
	return join(n, "{key: l%03d, operator: In, values: "+list(64, 63, "v%03d")+"}")
}
