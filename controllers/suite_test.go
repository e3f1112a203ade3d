package controllers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/test/controlplane"
)

const (
	operatorNamespace = "medfence-system"
	operatorAccount   = "medfence-operator"
	// patience is how long a test waits for what must come.
	patience = 2 * time.Minute
)

// A lab is a cluster with Medfence's CRDs and the operator's own rights.
type lab struct {
	cluster *controlplane.Cluster
	admin   client.Client // reads live
	// operatorConfig is that of the operator's service account.
	operatorConfig *rest.Config
}

// shared is the lab of most tests. It is built for the first that asks: the
// pure tests need none.
var shared struct {
	once sync.Once
	lab  *lab
	stop func()
	err  error
}

func sharedLab(t *testing.T) *lab {
	t.Helper()
	shared.once.Do(func() {
		shared.lab, shared.stop, shared.err = newLab(context.Background(), controlplane.Options{})
		if shared.err == nil {
			shared.err = shared.lab.installCilium()
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.lab
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

func newLab(ctx context.Context, o controlplane.Options) (*lab, func(), error) {
	cluster, err := controlplane.Start(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	stop := func() { _ = cluster.Stop() }
	l := &lab{cluster: cluster}
	if err := l.prepare(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	return l, stop, nil
}

func (l *lab) prepare(ctx context.Context) error {
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	if l.admin, err = client.New(l.cluster.Config(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := l.installOurs(); err != nil {
		return err
	}
	if err := l.admin.Create(ctx, namespaceNamed(operatorNamespace)); err != nil {
		return err
	}
	if err := l.createFiles(ctx, "../config/rbac/*.yaml"); err != nil {
		return err
	}
	l.operatorConfig, err = l.cluster.ServiceAccountConfig(ctx, operatorNamespace, operatorAccount)
	return err
}

func (l *lab) installOurs() error {
	_, err := envtest.InstallCRDs(l.cluster.Config(), envtest.CRDInstallOptions{
		Paths: []string{"../config/crd/bases"}, ErrorIfPathMissing: true,
	})
	return err
}

func ciliumDefinitions() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var out []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumidentities", "ciliumnodeconfigs"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			return nil, err
		}
		out = append(out, crd)
	}
	return out, nil
}

func (l *lab) installCilium() error {
	crds, err := ciliumDefinitions()
	if err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(l.cluster.Config(), envtest.CRDInstallOptions{CRDs: crds})
	return err
}

// createFiles creates the objects of all manifests that a pattern finds.
func (l *lab) createFiles(ctx context.Context, pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		objects, err := parse(string(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range objects {
			if err := l.admin.Create(ctx, o); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
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

func namespaceNamed(name string) *corev1.Namespace {
	n := &corev1.Namespace{}
	n.Name = name
	return n
}

// A bench is one test with an operator at work on a lab.
type bench struct {
	*testing.T
	*lab
	target string
	calls  *calls
	// registry has the metrics of the operator that runs.
	registry *prometheus.Registry
	operator *Operator
	// adjust, which may be nil, changes how the operator runs.
	adjust func(*Options)
	stop   func()
}

// newBench starts an operator for a target; it ends with the test, as do the
// objects that the test created.
func newBench(t *testing.T, l *lab, target string) *bench {
	t.Helper()
	return newBenchWith(t, l, target, nil)
}

func newBenchWith(t *testing.T, l *lab, target string, adjust func(*Options)) *bench {
	t.Helper()
	b := &bench{T: t, lab: l, target: target, calls: &calls{}, adjust: adjust}
	b.start()
	t.Cleanup(func() {
		b.stop()
		// What is left of this test's zones is somebody else's to the next.
		for _, kind := range []string{"CiliumClusterwideNetworkPolicy", "CiliumCIDRGroup"} {
			o := ciliumPolicy()
			o.SetKind(kind)
			if err := b.admin.DeleteAllOf(context.Background(), o); client.IgnoreNotFound(err) != nil && !meta.IsNoMatchError(err) {
				t.Error(err)
			}
		}
	})
	return b
}

// start starts an operator with the rights of its service account, and returns
// when it is ready.
func (b *bench) start() {
	b.Helper()
	b.registry = prometheus.NewRegistry()
	config := rest.CopyConfig(b.operatorConfig)
	config.Wrap(b.calls.wrap)
	options := Options{
		Config: config,
		Target: b.target,
		Settings: gather.Settings{
			Catalogue:     catalog.Embedded(),
			Protected:     []string{operatorNamespace},
			DNSService:    types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
			CiliumConfig:  types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
			ClusterDomain: "cluster.local",
		},
		Workers:  4,
		Metrics:  metricsserver.Options{BindAddress: "0"},
		Registry: b.registry,
		Log:      logr.Discard(),
	}
	if b.adjust != nil {
		b.adjust(&options)
	}
	operator, err := NewOperator(options)
	if err != nil {
		b.Fatal(err)
	}
	b.operator = operator
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("operator: %v", err)
		}
		b.stop = func() {}
	}
	b.eventually("the operator to be ready", func() error { return operator.probes.check() })
}

// create creates objects from manifests, and removes them after the test.
func (b *bench) create(manifests string) {
	b.Helper()
	objects, err := parse(manifests)
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range objects {
		b.createOne(o)
	}
}

func (b *bench) createOne(o client.Object) {
	b.Helper()
	b.eventually("creating "+o.GetName(), func() error {
		err := b.admin.Create(b.Context(), o)
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount") {
			return err // the namespace's account is on its way
		}
		if err != nil {
			b.Fatalf("creating %s: %v", o.GetName(), err)
		}
		return nil
	})
	b.Cleanup(func() { b.dispose(o) })
}

// dispose removes an object whatever holds it, after the operator has stopped.
func (b *bench) dispose(o client.Object) {
	b.stop()
	ctx := context.Background()
	live, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		b.Fatalf("%T is no object", o)
	}
	if err := b.admin.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return
	}
	if len(live.GetFinalizers()) > 0 {
		live.SetFinalizers(nil)
		_ = b.admin.Update(ctx, live)
	}
	_ = b.admin.Delete(ctx, live, client.GracePeriodSeconds(0))
}

// namespace makes sure of namespaces. They stay after the test, for others, but
// nothing in them does: a namespace takes seconds to go.
func (b *bench) namespace(names ...string) {
	b.Helper()
	for _, name := range names {
		if err := b.admin.Create(b.Context(), namespaceNamed(name)); client.IgnoreAlreadyExists(err) != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			b.stop()
			ctx := context.Background()
			_ = b.admin.DeleteAllOf(ctx, &networkingv1.NetworkPolicy{}, client.InNamespace(name))
			_ = b.admin.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(name), client.GracePeriodSeconds(0))
			_ = b.admin.DeleteAllOf(ctx, ciliumPolicy(), client.InNamespace(name))
		})
	}
}

func ciliumPolicy() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("cilium.io/v2")
	o.SetKind("CiliumNetworkPolicy")
	return o
}

// pod creates a pod that no node will ever run.
func (b *bench) pod(namespace, name string, labels map[string]string) {
	b.Helper()
	p := &corev1.Pod{}
	p.Namespace, p.Name, p.Labels = namespace, name, labels
	p.Spec.Containers = []corev1.Container{{Name: "main", Image: "example.org/none"}}
	b.createOne(p)
}

// eventually tries until there is no error.
func (b *bench) eventually(what string, try func() error) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("waiting for %s: %v", what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// policies returns the names of the NetworkPolicies of a namespace.
func (b *bench) policies(namespace string) []string {
	b.Helper()
	var list networkingv1.NetworkPolicyList
	if err := b.admin.List(b.Context(), &list, client.InNamespace(namespace)); err != nil {
		b.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	slices.Sort(names)
	return names
}
