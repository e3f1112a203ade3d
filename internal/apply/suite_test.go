package apply

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/test/controlplane"
)

// A server is the API server that the tests of this package share, with a
// cache over it as the operator's manager has one.
type server struct {
	config *rest.Config
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	admin  client.Client // reads live
	cache  cache.Cache
}

var shared server

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.Discard())
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	flag.Parse()
	if flag.Lookup("test.run").Value.String() == "^$" { // fuzzing, in several processes
		return m.Run(), nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cluster, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { _ = cluster.Stop() }()
	shared, err = newServer(ctx, cluster.Config())
	if err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func newServer(ctx context.Context, config *rest.Config) (server, error) {
	s := server{config: config, scheme: runtime.NewScheme()}
	if err := clientgoscheme.AddToScheme(s.scheme); err != nil {
		return s, err
	}
	if err := ciliumv2.AddToScheme(s.scheme); err != nil {
		return s, err
	}
	if err := installCilium(config); err != nil {
		return s, err
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return s, err
	}
	if s.mapper, err = apiutil.NewDynamicRESTMapper(config, httpClient); err != nil {
		return s, err
	}
	if s.admin, err = client.New(config, client.Options{Scheme: s.scheme, Mapper: s.mapper}); err != nil {
		return s, err
	}
	if s.cache, err = cache.New(config, cache.Options{Scheme: s.scheme, Mapper: s.mapper, DefaultTransform: cache.TransformStripManagedFields()}); err != nil {
		return s, err
	}
	if err := AddIndexes(ctx, s.cache, true); err != nil {
		return s, err
	}
	for _, kind := range Kinds(true) {
		if _, err := s.cache.GetInformer(ctx, blank(key{kind: kind.Kind})); err != nil {
			return s, err
		}
	}
	go func() { _ = s.cache.Start(ctx) }()
	if !s.cache.WaitForCacheSync(ctx) {
		return s, fmt.Errorf("the cache did not sync")
	}
	return s, nil
}

// installCilium installs the CRDs that the Cilium of our go.mod ships.
func installCilium(config *rest.Config) error {
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			return err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			return err
		}
		crds = append(crds, crd)
	}
	_, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{CRDs: crds, MaxTime: time.Minute})
	return err
}
