package gitops

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/medfence/medfence/controllers"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/strongauth"
	"github.com/medfence/medfence/test/controlplane"
)

// patience is how long a test waits for what must come.
const patience = 3 * time.Minute

// examples is the repository of the guide.
const examples = "../../examples/gitops/"

// A lab is a cluster in which Argo CD has installed Medfence, as the example
// says, with strong authentication; the operator runs here instead of in a pod.
type lab struct {
	cluster *controlplane.Cluster
	root    client.WithWatch
	stop    func()
	argo    *site                                   // which Argo CD follows
	built   map[string][]*unstructured.Unstructured // by folder of the example
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
		if shared.stop != nil {
			shared.stop()
		}
		if err := shared.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	shared.Do(func() { shared.err = startLab() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.lab
}

func startLab() (err error) {
	l := &lab{built: map[string][]*unstructured.Unstructured{}}
	if l.cluster, err = controlplane.Start(context.Background(), controlplane.Options{}); err != nil {
		return err
	}
	shared.lab = l
	l.root, err = client.NewWithWatch(l.cluster.Config(), client.Options{})
	return err
}

// operate starts the operator with the rights of its service account.
func (l *lab) operate(t *testing.T) {
	t.Helper()
	config, err := l.cluster.ServiceAccountConfig(t.Context(), "medfence-system", "medfence-operator")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := controllers.NewOperator(controllers.Options{
		Config: config, Target: "netpol", Workers: 4, Metrics: metricsserver.Options{BindAddress: "0"},
		Registry: prometheus.NewRegistry(), Log: logr.Discard(),
		Settings: gather.Settings{
			Catalogue: catalog.Embedded(), Protected: []string{"medfence-system"}, ClusterDomain: "cluster.local",
			DNSService:   types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
			CiliumConfig: types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx) }()
	l.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, "operator:", err)
		}
	}
}

// build builds a folder of the example, as Argo CD and Flux do.
func (l *lab) build(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	if done := l.built[folder]; done != nil {
		return done
	}
	out, err := l.cluster.Kubectl(t.Context(), "kustomize", examples+folder).Output()
	if err != nil {
		t.Fatalf("building %s: %v", folder, err)
	}
	l.built[folder] = parse(t, string(out))
	return l.built[folder]
}

func parse(t *testing.T, manifests string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(o); err != nil {
			if err.Error() == "EOF" {
				return out
			}
			t.Fatalf("%v in\n%s", err, manifests)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

func (l *lab) create(t *testing.T, manifests string) {
	t.Helper()
	for _, o := range parse(t, manifests) {
		if err := l.root.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %s: %v", title(o), err)
		}
	}
}

// strong installs strong authentication: nobody here has a second factor, so
// all that the tools weaken they weaken as those who are exempt.
func (l *lab) strong(t *testing.T, exempt ...string) {
	t.Helper()
	files, err := strongauth.Manifests(strongauth.Options{Exempt: exempt})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		l.create(t, string(f.Text))
	}
}

// as returns a client of somebody whom root impersonates.
func (l *lab) as(t *testing.T, user string) client.Client {
	t.Helper()
	config := l.cluster.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// title returns "NetworkPolicy icu/x".
func title(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
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
		time.Sleep(50 * time.Millisecond)
	}
}
