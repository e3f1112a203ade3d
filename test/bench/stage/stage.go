package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/bench/gauge"
	"github.com/medfence/medfence/test/controlplane"
)

// The operator's own namespace and account, as config/rbac has them.
const (
	OperatorNamespace = "medfence-system"
	operatorAccount   = "medfence-operator"
	// OperatorUser is the operator in the audit log, BareUser a bare client.
	OperatorUser = "system:serviceaccount:" + OperatorNamespace + ":" + operatorAccount
	BareUser     = "bare"
)

// The targets.
const (
	Netpol = "netpol"
	Cilium = "cilium"
)

// Options say how a stage is set.
type Options struct {
	// Repository is the checkout, Binary the operator, Dir where states are kept.
	Repository, Binary, Dir string
	// Workers, QPS and Burst are those of operators and of bare clients alike.
	Workers    int
	QPS, Burst int
	// Log is where operators write; empty is nowhere.
	Log string
}

// A Stage is a control plane that runs.
type Stage struct {
	Options
	Cluster *controlplane.Cluster
	Admin   client.WithWatch // reads live
	Audit   *gauge.Log
	Target  string

	kubeconfig string // of the operator
	operators  int
}

// Open starts a control plane on a state, which is a directory of Dir; without a
// name, on an empty one. A state is copied and stays as it is.
func Open(ctx context.Context, o Options, state string) (*Stage, error) {
	dir, err := os.MkdirTemp(o.Dir, "run-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	if state != "" {
		if err := os.CopyFS(filepath.Join(dir, "state"), os.DirFS(filepath.Join(o.Dir, state))); err != nil {
			return nil, fmt.Errorf("copying the state %s: %w", state, err)
		}
	}
	cluster, err := controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(dir, "state"), AuditLog: true, WithoutControllerManager: true})
	if err != nil {
		return nil, fmt.Errorf("starting a control plane: %w", err)
	}
	s := &Stage{Options: o, Cluster: cluster}
	if err := s.connect(ctx, state == ""); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stage) connect(ctx context.Context, fresh bool) (err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), medfencev1alpha1.AddToScheme(scheme), ciliumv2.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("adding kinds: %w", err)
	}
	config := s.Cluster.Config()
	config.QPS = -1
	if fresh {
		if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{
			Paths: []string{filepath.Join(s.Repository, "config/crd/bases")}, ErrorIfPathMissing: true,
		}); err != nil {
			return fmt.Errorf("installing CRDs: %w", err)
		}
	}
	if s.Admin, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if fresh {
		if err := s.installRights(ctx); err != nil {
			return err
		}
	}
	if s.Audit, err = gauge.OpenLog(s.Cluster.AuditLogFile()); err != nil {
		return err
	}
	s.kubeconfig, err = s.operatorKubeconfig(ctx)
	return err
}

// Close ends the control plane and removes its directory.
func (s *Stage) Close() error {
	return errors.Join(s.Cluster.Stop(), os.RemoveAll(filepath.Dir(s.Cluster.Dir)))
}

// Keep ends the control plane and keeps its state under a name, for Open.
func (s *Stage) Keep(name string) error {
	if err := s.Cluster.Stop(); err != nil {
		return fmt.Errorf("stopping the control plane: %w", err)
	}
	_ = os.Remove(s.Cluster.AuditLogFile())
	if err := os.Rename(s.Cluster.Dir, filepath.Join(s.Dir, name)); err != nil {
		return fmt.Errorf("keeping a state: %w", err)
	}
	return os.RemoveAll(filepath.Dir(s.Cluster.Dir))
}

// installRights makes the operator's account and its rights, and no more.
func (s *Stage) installRights(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: OperatorNamespace}}
	if err := s.Admin.Create(ctx, namespace); err != nil {
		return fmt.Errorf("making the operator's namespace: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(s.Repository, "config/rbac/*.yaml"))
	if err != nil {
		return fmt.Errorf("listing the operator's rights: %w", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the operator's rights: %w", err)
		}
		objects, err := Parse(bytes.NewReader(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		for _, o := range objects {
			if err := s.Admin.Create(ctx, o); err != nil {
				return fmt.Errorf("creating what %s says: %w", filepath.Base(file), err)
			}
		}
	}
	return nil
}

// Parse reads objects from YAML.
func Parse(from io.Reader) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(from, 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(o)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading YAML: %w", err)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// InstallCilium serves Cilium's kinds, without agents.
func (s *Stage) InstallCilium() error {
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumidentities", "ciliumnodeconfigs"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			return fmt.Errorf("reading a CRD of Cilium: %w", err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			return fmt.Errorf("reading the CRD %s: %w", plural, err)
		}
		crds = append(crds, crd)
	}
	if _, err := envtest.InstallCRDs(s.Cluster.Config(), envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		return fmt.Errorf("installing Cilium's CRDs: %w", err)
	}
	return nil
}

// Create creates objects, many at a time, those of a list one after the other.
func (s *Stage) Create(ctx context.Context, lists [][]client.Object) error {
	return Each(8, lists, func(list []client.Object) error {
		for _, o := range list {
			if err := s.Admin.Create(ctx, o); err != nil {
				return fmt.Errorf("creating %s: %w", o.GetName(), err)
			}
		}
		return nil
	})
}

// Each does something for each item, some at a time, and returns all errors.
func Each[T any](workers int, items []T, do func(T) error) error {
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		errs []error
		work = make(chan T)
	)
	for range workers {
		wait.Go(func() {
			for item := range work {
				if err := do(item); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	wait.Wait()
	if len(errs) > 3 {
		errs = append(errs[:3], fmt.Errorf("and %d more", len(errs)-3))
	}
	return errors.Join(errs...)
}

// BareConfig is that of a bare client: it may do all, under a name of its own,
// as often as an operator may.
func (s *Stage) BareConfig(ctx context.Context) (*rest.Config, error) {
	config, err := s.Cluster.UserConfig(ctx, BareUser, "system:masters")
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = float32(s.QPS), s.Burst
	return config, nil
}
