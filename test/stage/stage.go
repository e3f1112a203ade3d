package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

// Where the operator lives.
const (
	Namespace = "medfence-system"
	Account   = "medfence-operator"
)

// Options say what is on the stage.
type Options struct {
	controlplane.Options
	// WithoutCilium leaves out Cilium's definitions.
	WithoutCilium bool
}

// A Stage is a cluster for an operator.
type Stage struct {
	Cluster *controlplane.Cluster
	// Admin reads live, with all rights and no limit on its requests.
	Admin client.WithWatch
	// Operator has the rights of the operator's account.
	Operator *rest.Config
}

// Start starts a cluster and prepares it; the context bounds that alone. Stop
// ends it.
func Start(ctx context.Context, o Options) (*Stage, error) {
	cluster, err := controlplane.Start(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	s := &Stage{Cluster: cluster}
	if err := s.prepare(ctx, o); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return s, nil
}

// Stop ends the cluster and removes what it left.
func (s *Stage) Stop() error { return s.Cluster.Stop() }

func (s *Stage) prepare(ctx context.Context, o Options) error {
	scheme := kruntime.NewScheme()
	for _, add := range []func(*kruntime.Scheme) error{clientgoscheme.AddToScheme, medfencev1alpha1.AddToScheme, ciliumv2.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("preparing the kinds: %w", err)
		}
	}
	crds := envtest.CRDInstallOptions{Paths: []string{Path("config/crd/bases")}, ErrorIfPathMissing: true}
	if !o.WithoutCilium {
		var err error
		if crds.CRDs, err = ciliumDefinitions(); err != nil {
			return err
		}
	}
	if _, err := envtest.InstallCRDs(s.Cluster.Config(), crds); err != nil {
		return fmt.Errorf("installing the definitions: %w", err)
	}
	config := rest.CopyConfig(s.Cluster.Config())
	config.QPS, config.Burst = -1, -1
	var err error
	if s.Admin, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	home := &corev1.Namespace{}
	home.Name = Namespace
	if err := s.Admin.Create(ctx, home); err != nil {
		return fmt.Errorf("creating the operator's namespace: %w", err)
	}
	if err := s.CreateFiles(ctx, "config/rbac/*.yaml"); err != nil {
		return err
	}
	s.Operator, err = s.Cluster.ServiceAccountConfig(ctx, Namespace, Account)
	return err
}

// Path returns where a file of the repository is.
func Path(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", name)
}

func ciliumDefinitions() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var out []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumidentities", "ciliumnodeconfigs"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("reading Cilium's definitions: %w", err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			return nil, fmt.Errorf("reading %s of Cilium: %w", plural, err)
		}
		out = append(out, crd)
	}
	return out, nil
}

// CreateFiles creates the objects of the repository's manifests that a pattern
// finds.
func (s *Stage) CreateFiles(ctx context.Context, pattern string) error {
	files, err := filepath.Glob(Path(pattern))
	if err != nil {
		return fmt.Errorf("finding %s: %w", pattern, err)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading manifests: %w", err)
		}
		for document := range bytes.SplitSeq(raw, []byte("\n---")) {
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(document, &o.Object); err != nil {
				return fmt.Errorf("reading %s: %w", file, err)
			}
			if len(o.Object) == 0 {
				continue
			}
			if err := s.Admin.Create(ctx, o); err != nil {
				return fmt.Errorf("creating what %s says: %w", file, err)
			}
		}
	}
	return nil
}
