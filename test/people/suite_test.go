package people_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/test/controlplane"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// sample is the AuthenticationConfiguration that the guide gives.
const sample = "../../config/samples/strong-authentication/authentication.yaml"

// A lab is an API server that trusts an issuer, with our kinds and roles.
type lab struct {
	issuer  *issuer
	cluster *controlplane.Cluster
	root    client.Client
}

var shared struct {
	sync.Once
	*lab
	err error
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	code := m.Run()
	if shared.lab != nil {
		if err := errors.Join(shared.cluster.Stop()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		shared.issuer.Close()
	}
	os.Exit(code)
}

// newLab returns the lab that all tests share: each keeps to names of its own.
func newLab(t *testing.T) *lab {
	t.Helper()
	shared.Do(func() { shared.err = startLab() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.lab
}

func startLab() error {
	l := &lab{}
	var err error
	if l.issuer, err = newIssuer(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "medfence-people-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "authentication.yaml")
	if err := l.writeAuthentication(file); err != nil {
		return err
	}
	l.cluster, err = controlplane.Start(context.Background(), controlplane.Options{
		AuthenticationConfig: file, AuditLog: true, WithoutControllerManager: true,
	})
	if err != nil {
		return err
	}
	shared.lab = l
	if l.root, err = client.New(l.cluster.Config(), client.Options{}); err != nil {
		return err
	}
	if err := l.installKinds(); err != nil {
		return err
	}
	for _, pattern := range []string{
		"../../config/rbac/people/*.yaml", "../../config/admission/roles.yaml", "../../config/admission/security-labels.yaml",
		"../../config/strong-authentication/*.yaml",
	} {
		if err := l.createFiles(pattern); err != nil {
			return err
		}
	}
	return nil
}

// writeAuthentication writes the configuration of the guide, with the test's
// issuer in the places that the guide says to change, and nothing else.
func (l *lab) writeAuthentication(file string) error {
	raw, err := os.ReadFile(sample)
	if err != nil {
		return err
	}
	const url, audiences = "    url: https://login.hospital.example # HERE", "    audiences: [kubernetes]"
	text := string(raw)
	if !strings.Contains(text, url) || !strings.Contains(text, audiences) {
		return fmt.Errorf("%s has no %q and %q", sample, url, audiences)
	}
	ca := "    certificateAuthority: |\n      " + strings.ReplaceAll(strings.TrimSpace(l.issuer.authority()), "\n", "\n      ") + "\n"
	text = strings.Replace(text, url, "    url: "+l.issuer.URL+" #", 1)
	text = strings.Replace(text, audiences, ca+audiences, 1)
	return os.WriteFile(file, []byte(text), 0o600)
}

func (l *lab) installKinds() error {
	var cilium []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			return err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			return err
		}
		cilium = append(cilium, crd)
	}
	_, err := envtest.InstallCRDs(l.cluster.Config(), envtest.CRDInstallOptions{
		Paths: []string{"../../config/crd/bases"}, ErrorIfPathMissing: true, CRDs: cilium,
	})
	return err
}

func (l *lab) createFiles(pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no files %s: %w", pattern, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		if err := l.create(string(raw)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// create creates objects as root, whom strong authentication stops as anybody
// else: so it goes as break-glass does where that is in the way.
func (l *lab) create(manifests string) error {
	objects, err := parse(manifests)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := l.root.Create(context.Background(), o); err != nil {
			return fmt.Errorf("creating %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

func parse(manifests string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(o); err != nil {
			if err.Error() == "EOF" {
				return out, nil
			}
			return nil, err
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// as returns a client of somebody whom root impersonates.
func (l *lab) as(t *testing.T, who rest.ImpersonationConfig) client.Client {
	t.Helper()
	config := l.cluster.Config()
	config.Impersonate = who
	return clientOf(t, config)
}

func clientOf(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually tries until there is no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
