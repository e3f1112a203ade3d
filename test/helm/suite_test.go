package helm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/cli"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/test/controlplane"
)

// patience is how long a test waits for what must come.
const patience = 3 * time.Minute

// A lab is a control plane with Cilium's kinds, two nodes, and the operator's
// binary beside it.
type lab struct {
	cluster *controlplane.Cluster
	admin   client.Client
	dir     string
	binary  string
}

// shared is the lab of all tests that need one; each leaves it as it was.
var shared struct {
	once sync.Once
	lab  *lab
	err  error
}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // Helm's
	code := m.Run()
	if shared.lab != nil {
		if err := errors.Join(shared.lab.cluster.Stop(), os.RemoveAll(shared.lab.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func sharedLab(t *testing.T) *lab {
	t.Helper()
	shared.once.Do(func() { shared.lab, shared.err = newLab(context.Background()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.lab
}

func newLab(ctx context.Context) (*lab, error) {
	dir, err := os.MkdirTemp("", "medfence-helm-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, binary: filepath.Join(dir, "medfence")}
	build := exec.CommandContext(ctx, "go", "build", "-o", l.binary, ".")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	if l.cluster, err = controlplane.Start(ctx, controlplane.Options{AuditLog: true}); err != nil {
		return nil, err
	}
	if l.admin, err = client.New(l.cluster.Config(), client.Options{}); err != nil {
		return l, err
	}
	return l, l.furnish(ctx)
}

// furnish makes what a cluster with Cilium has, and this one has nobody for.
func (l *lab) furnish(ctx context.Context) error {
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumidentities", "ciliumnodeconfigs"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			return err
		}
		if err := l.apply(ctx, string(raw)); err != nil {
			return err
		}
	}
	raw, err := os.ReadFile("../../hack/demo/cluster.yaml")
	if err != nil {
		return err
	}
	if err := l.apply(ctx, string(raw)); err != nil {
		return err
	}
	return l.apply(ctx, `
apiVersion: v1
kind: Namespace
metadata:
  name: medfence-system
  labels: {pod-security.kubernetes.io/enforce: restricted}
`)
}

// apply creates objects, or brings them up to date.
func (l *lab) apply(ctx context.Context, manifests string) error {
	cmd := l.cluster.Kubectl(ctx, "apply", "--server-side", "-f", "-")
	return runWith(cmd, manifests)
}

func (l *lab) delete(manifests string) error {
	return runWith(l.cluster.Kubectl(context.Background(), "delete", "-f", "-"), manifests)
}

// breakglass returns a client whom no guard stops.
func (l *lab) breakglass(t *testing.T) client.Client {
	t.Helper()
	config := l.cluster.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: "medfence:breakglass", Groups: []string{"medfence:breakglass", "system:masters"}}
	c, err := client.New(config, client.Options{})
	must(t, err)
	return c
}

// helm returns a configuration of Helm's library for the namespace of the release.
func (l *lab) helm(t *testing.T) *action.Configuration {
	t.Helper()
	settings := cli.New()
	settings.KubeConfig = l.cluster.Kubeconfig
	settings.SetNamespace(namespace)
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := config.Init(settings.RESTClientGetter(), namespace, "secret"); err != nil {
		t.Fatal(err)
	}
	return config
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

// list returns all objects of a kind; none where there is no such kind.
func (l *lab) list(t *testing.T, apiVersion, kind string) []unstructured.Unstructured {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(apiVersion)
	list.SetKind(kind + "List")
	if err := l.admin.List(context.Background(), list); err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return list.Items
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
