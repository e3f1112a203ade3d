package crash

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/test/controlplane"
)

const (
	operatorNamespace = "medfence-system"
	operatorAccount   = "medfence-operator"
	repository        = "../../../"
	// patience is how long a test waits for what must come.
	patience = 3 * time.Minute
)

// A lab is a cluster for one target, with all that is there before anything is
// declared.
type lab struct {
	target         snapshot.TargetKind
	admin          client.WithWatch // reads live
	operatorConfig *rest.Config
	log            *watchLog
	// seen is when each state of the last trace but its first was seen.
	seen []time.Time
	// polite leaves it to the operator to let go what is deleted.
	polite bool
	// asked is the target that operators are told; empty is the lab's.
	asked snapshot.TargetKind
	// now is the operators' clock; nil is the machine's.
	now     func() time.Time
	cluster *controlplane.Cluster
	store   *clientv3.Client
}

func newLab(t *testing.T, target snapshot.TargetKind) *lab {
	t.Helper()
	l := openLab(t, target, controlplane.Options{WithoutControllerManager: true})
	l.log = l.watch(t)
	return l
}

// openLab is a lab in which nobody watches yet.
func openLab(t *testing.T, target snapshot.TargetKind, options controlplane.Options) *lab {
	t.Helper()
	cluster := controlplane.StartForTest(t, options)
	l := &lab{target: target, cluster: cluster, store: openStore(t, cluster)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := envtest.InstallCRDs(cluster.Config(), envtest.CRDInstallOptions{
		Paths: []string{repository + "config/crd/bases"}, ErrorIfPathMissing: true, MaxTime: patience,
	})
	must(err)
	if target == snapshot.Cilium {
		l.define(t)
	}
	l.admin, err = client.NewWithWatch(cluster.Config(), client.Options{})
	must(err)
	must(l.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: named(operatorNamespace)}))
	files, err := filepath.Glob(repository + "config/rbac/*.yaml")
	must(err)
	for _, file := range files {
		must(l.createFile(t.Context(), file))
	}
	for _, o := range readObjects(t, "cluster.yaml") {
		must(l.admin.Create(t.Context(), l.complete(t, o)))
	}
	l.operatorConfig, err = cluster.ServiceAccountConfig(t.Context(), operatorNamespace, operatorAccount)
	must(err)
	return l
}

// define installs Cilium's CRDs.
func (l *lab) define(t testing.TB) {
	t.Helper()
	_, err := envtest.InstallCRDs(l.cluster.Config(), envtest.CRDInstallOptions{CRDs: ciliumDefinitions(t), MaxTime: patience})
	if err != nil {
		t.Fatal(err)
	}
}

func ciliumDefinitions(t testing.TB) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	var out []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			t.Fatal(err)
		}
		out = append(out, crd)
	}
	return out
}

func (l *lab) createFile(ctx context.Context, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil || filepath.Base(file) == "kustomization.yaml" {
		return err
	}
	for doc := range bytes.SplitSeq(raw, []byte("\n---")) {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(doc, &o.Object); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if err := l.admin.Create(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// complete adds to a pod what the API server asks of it: a container, and, as
// no controller manager runs, the account of its namespace.
func (l *lab) complete(t testing.TB, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if o.GetKind() != "Pod" {
		return o
	}
	account := &corev1.ServiceAccount{ObjectMeta: named("default")}
	account.Namespace = o.GetNamespace()
	if err := l.admin.Create(context.Background(), account); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	out := o.DeepCopy()
	out.Object["spec"] = map[string]any{"containers": []any{map[string]any{"name": "main", "image": "example.org/none"}}}
	return out
}

// declare makes the cluster hold what is declared, and nothing else of that
// kind, as people do it: one object after the other.
func (l *lab) declare(t testing.TB, d declaration) {
	t.Helper()
	ctx := context.Background()
	wanted := map[string]bool{}
	for _, o := range d {
		wanted[keyOf(o)] = true
		// An operator that runs may write a status in between.
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { return l.declareOne(ctx, o) })
		if err == nil && o.GetAnnotations()[going] != "" {
			err = l.admin.Delete(ctx, o)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range l.declared(t) {
		switch {
		case wanted[keyOf(&o)]:
		case l.polite:
			if err := l.admin.Delete(ctx, &o); client.IgnoreNotFound(err) != nil {
				t.Fatal(err)
			}
		default:
			l.remove(t, &o)
		}
	}
}

func (l *lab) declareOne(ctx context.Context, o *unstructured.Unstructured) error {
	live := blank(declaredKinds[o.GetKind()])
	err := l.admin.Get(ctx, client.ObjectKeyFromObject(o), live)
	switch {
	case apierrors.IsNotFound(err):
		return l.admin.Create(ctx, o.DeepCopy())
	case err != nil:
		return err
	}
	live.SetLabels(o.GetLabels()) // no change where it is so already
	live.Object["spec"] = o.DeepCopy().Object["spec"]
	return l.admin.Update(ctx, live)
}

// remove deletes an object whatever holds it.
func (l *lab) remove(t testing.TB, o *unstructured.Unstructured) {
	t.Helper()
	ctx := context.Background()
	if len(o.GetFinalizers()) > 0 {
		o.SetFinalizers(nil)
		if err := l.admin.Update(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.admin.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
}

// wipe removes all that was declared and all policies: nothing was ever
// installed.
func (l *lab) wipe(t testing.TB) {
	t.Helper()
	for _, list := range [][]unstructured.Unstructured{l.declared(t), l.policies(t)} {
		for i := range list {
			l.remove(t, &list[i])
		}
	}
}
