package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestAClusterServesThoseWhoAsk(t *testing.T) {
	cluster, err := Start(t.Context(), Options{AuditLog: true})
	if err != nil {
		t.Fatal(err)
	}
	admin := clientFor(t, cluster.Config())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}
	if _, err := admin.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	operator, err := cluster.ServiceAccountConfig(t.Context(), "default", "operator")
	if err != nil {
		t.Fatal(err)
	}
	nora, err := cluster.UserConfig(t.Context(), "nora", "wards", "medfence:breakglass")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]struct {
		config *rest.Config
		want   []string
	}{
		"an administrator":  {cluster.Config(), []string{"admin", "system:masters", "system:authenticated"}},
		"a user":            {nora, []string{"nora", "wards", "medfence:breakglass", "system:authenticated"}},
		"a service account": {operator, []string{"system:serviceaccount:default:operator", "system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"}},
	}
	for name, tc := range asked {
		if diff := cmp.Diff(tc.want, whoami(t, tc.config)); diff != "" {
			t.Errorf("%s is somebody else (-want +got):\n%s", name, diff)
		}
	}
	if out, err := cluster.Kubectl(t.Context(), "version").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Server Version")) {
		t.Errorf("kubectl says %v:\n%s", err, out)
	}
	audit, err := os.ReadFile(cluster.AuditLogFile())
	if err != nil || !bytes.Contains(audit, []byte("/serviceaccounts/operator/token")) {
		t.Errorf("the audit log (%d bytes, %v) does not have the token", len(audit), err)
	}

	if err := cluster.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := admin.ServerVersion(); err == nil {
		t.Error("the server still answers")
	}
	if _, err := os.Stat(cluster.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state is left: %v", err)
	}
}

func clientFor(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// whoami returns the name and the groups that the server sees.
func whoami(t *testing.T, config *rest.Config) []string {
	t.Helper()
	review, err := clientFor(t, config).AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{review.Status.UserInfo.Username}, review.Status.UserInfo.Groups...)
}

func TestAClusterOfATestUsesTheDirectoryThatIsGiven(t *testing.T) {
	dir := t.TempDir()
	t.Run("the test that owns it", func(t *testing.T) {
		cluster := StartForTest(t, Options{Dir: dir, WithoutControllerManager: true})
		if cluster.Dir != dir || !strings.HasPrefix(cluster.Kubeconfig, dir) {
			t.Errorf("it is in %s, and its kubeconfig is %s", cluster.Dir, cluster.Kubeconfig)
		}
	})
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the directory is not left to its owner: %v", err)
	}
}

func TestAProgramDiesAndComesBack(t *testing.T) {
	cluster := StartForTest(t, Options{WithoutControllerManager: true})
	admin := clientFor(t, cluster.Config())
	ward := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ward"}}
	if _, err := admin.CoreV1().Namespaces().Create(t.Context(), ward, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cluster.Kill(APIServer), cluster.Kill(Etcd)); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ServerVersion(); err == nil {
		t.Error("the server still answers")
	}
	if err := errors.Join(cluster.Restart(Etcd), cluster.Restart(APIServer)); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CoreV1().Namespaces().Get(t.Context(), "ward", metav1.GetOptions{}); err != nil {
		t.Errorf("what was there is lost: %v", err)
	}
	if err := cluster.Restart(Etcd); err == nil || !strings.Contains(err.Error(), "etcd runs: kill it first") {
		t.Errorf("a restart of what runs: %v", err)
	}
	credentials, err := cluster.EtcdTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(cluster.Etcd, "https://"), credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestAStartThatIsGivenUpLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the user went home"))
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := Start(ctx, Options{Log: &bytes.Buffer{}}); err == nil {
		t.Error("it starts")
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("these are left: %v (%v)", left, err)
	}
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	var log bytes.Buffer
	_, err := Start(t.Context(), Options{Dir: "/dev/null/state", Log: &log})
	if err == nil || !strings.Contains(log.String(), "give a --dir that you may write") {
		t.Errorf("it says %v, and in its log\n%s", err, &log)
	}
}
