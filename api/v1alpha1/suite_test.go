package v1alpha1_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

// cluster is the control plane that the tests of this package share. Each test
// has object names of its own.
var cluster *controlplane.Cluster

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{WithoutControllerManager: true})
	if err != nil {
		return 1, fmt.Errorf("starting a control plane: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	_, err = envtest.InstallCRDs(cluster.Config(), envtest.CRDInstallOptions{
		Paths:              []string{crdDirectory},
		ErrorIfPathMissing: true,
	})
	if err != nil {
		return 1, fmt.Errorf("installing the CRDs: %w", err)
	}
	return m.Run(), nil
}

// crdDirectory holds what controller-gen made of the types.
const crdDirectory = "../../config/crd/bases"

func newClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := medfencev1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return c
}

// create stores an object until the end of the test.
func create(t *testing.T, obj client.Object) {
	t.Helper()
	c := newClient(t)
	if err := c.Create(t.Context(), obj); err != nil {
		t.Fatalf("creating %s: %v", obj.GetName(), err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.WithoutCancel(t.Context()), obj); err != nil {
			t.Errorf("deleting %s: %v", obj.GetName(), err)
		}
	})
}

// kubectl runs kubectl and returns what it prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := cluster.Kubectl(t.Context(), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
