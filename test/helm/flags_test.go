package helm

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/medfence/medfence/internal/catalog"
)

// TestTheOperatorTakesTheFlags asks the operator's own binary.
func TestTheOperatorTakesTheFlags(t *testing.T) {
	binary := sharedLab(t).binary
	for name, text := range renderings {
		args := containerArgs(t, pick(t, render(t, text), "Deployment", "medfence-operator"))
		if out, err := exec.CommandContext(t.Context(), binary, append(args, "--version")...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", name, args, err, out)
		}
	}
}

func TestEveryValueReachesTheOperator(t *testing.T) {
	args := containerArgs(t, pick(t, render(t, everything), "Deployment", "medfence-operator"))
	for _, want := range []string{
		"--leader-elect", "--target=cilium", "--cluster-domain=hospital.example", "--cluster-cidr=10.42.0.0/16",
		"--dns-service=kube-system/coredns", "--node-local-dns=169.254.20.10", "--cilium-config=cilium/settings", "--envoy",
		"--protected-namespace=monitoring", "--protected-namespace=backup", "--service-catalogue=/etc/medfence/catalogue/services.yaml",
		"--metrics-cert-dir=/etc/medfence/certificate", "--workers=8", "--v=1", "--log-format=text", "--kube-api-qps=200",
	} {
		if !slices.Contains(args, want) {
			t.Errorf("%s is missing in %v", want, args)
		}
	}
	role := pick(t, render(t, everything), "ClusterRole", "medfence-operator")
	if rule := field[[]any](t, role, "rules")[0].(map[string]any); rule["resourceNames"].([]any)[0] != "settings" {
		t.Errorf("it may not read Cilium's settings: %v", rule)
	}
}

// TestTheCatalogueReachesTheOperator reads what is mounted as the operator does.
func TestTheCatalogueReachesTheOperator(t *testing.T) {
	objects := render(t, everything)
	text := field[string](t, pick(t, objects, "ConfigMap", "medfence-service-catalogue"), "data", "services.yaml")
	catalogue, err := catalog.Embedded().With([]byte(text))
	if err != nil {
		t.Fatalf("the operator would refuse it: %v\n%s", err, text)
	}
	if _, ok := catalogue.Lookup("lab-astm"); !ok {
		t.Errorf("the service has not come:\n%s", text)
	}
	deployment := pick(t, objects, "Deployment", "medfence-operator")
	containers := field[[]any](t, deployment, "spec", "template", "spec", "containers")
	mount := containers[0].(map[string]any)["volumeMounts"].([]any)[0].(map[string]any)
	volume := field[[]any](t, deployment, "spec", "template", "spec", "volumes")[0].(map[string]any)
	file := filepath.Join(mount["mountPath"].(string), "services.yaml")
	if !slices.Contains(containerArgs(t, deployment), "--service-catalogue="+file) || volume["name"] != mount["name"] {
		t.Errorf("%v is mounted from %v", mount, volume)
	}
	// Pods start anew with another catalogue.
	sum := func(values string) string {
		d := pick(t, render(t, values), "Deployment", "medfence-operator")
		return field[map[string]any](t, d, "spec", "template", "metadata", "annotations")["medfence.io/service-catalogue"].(string)
	}
	if other := strings.Replace(everything, "5600", "5601", 1); sum(everything) == sum(other) {
		t.Error("another catalogue gives the same pods")
	}
}

func TestAnImageByDigestHasNoTag(t *testing.T) {
	for values, want := range map[string]string{
		"":                   "ghcr.io/medfence/medfence:v0.1.0",
		"image: {tag: main}": "ghcr.io/medfence/medfence:main",
		everything:           "ghcr.io/medfence/medfence@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	} {
		containers := field[[]any](t, pick(t, render(t, values), "Deployment", "medfence-operator"), "spec", "template", "spec", "containers")
		if got := containers[0].(map[string]any)["image"]; got != want {
			t.Errorf("the image is %s instead of %s", got, want)
		}
	}
}
