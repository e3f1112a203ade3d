package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// A ward is a real control plane on which the hospital of the samples is applied,
// as the operator would have it.
type ward struct {
	cluster *controlplane.Cluster
	admin   client.Client
	dir     string
	// bare is what the program said before there were CRDs.
	bare call
}

var shared struct {
	once sync.Once
	ward *ward
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.ward != nil {
		if err := shared.ward.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
			code = 1
		}
		_ = os.RemoveAll(shared.ward.dir)
	}
	os.Exit(code)
}

// sharedWard is built for the first test that asks: most need no cluster.
func sharedWard(t *testing.T) *ward {
	t.Helper()
	shared.once.Do(func() {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Minute)
		defer stop()
		cluster, err := controlplane.Start(context.Background(), controlplane.Options{})
		if err != nil {
			shared.err = err
			return
		}
		shared.ward = &ward{cluster: cluster}
		shared.err = shared.ward.prepare(ctx, t)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.ward
}

func (w *ward) prepare(ctx context.Context, t *testing.T) (err error) {
	if w.dir, err = os.MkdirTemp("", "medfence-cli-"); err != nil {
		return err
	}
	if w.admin, err = client.New(w.cluster.Config(), client.Options{}); err != nil {
		return err
	}
	w.bare = run(t, "", "get", "problems", "--kubeconfig", w.cluster.Kubeconfig, "--cache-dir", w.dir)
	if err := w.installCRDs(); err != nil {
		return err
	}
	steps := [][]string{
		{"apply", "-k", root + "/config/samples/hospital"},
		{"apply", "-k", root + "/config/samples/reader"},
		{"create", "serviceaccount", "reader"},
		{"create", "serviceaccount", "nobody"},
		{"create", "clusterrolebinding", "reader", "--clusterrole=medfence-reader", "--serviceaccount=default:reader"},
	}
	for _, args := range steps {
		if err := w.kubectl(ctx, "", args...); err != nil {
			return err
		}
	}
	for _, account := range []string{"reader", "nobody"} {
		config, err := w.cluster.ServiceAccountConfig(ctx, "default", account)
		if err != nil {
			return err
		}
		if err := writeKubeconfig(w.file(account), config); err != nil {
			return err
		}
	}
	return w.operate(ctx, t)
}

// operate writes what the operator writes: the policies, and the record of them
// in the status of each zone.
func (w *ward) operate(ctx context.Context, t *testing.T) error {
	rendered := run(t, "", "render", "-q", "-f", hospital)
	if err := w.kubectl(ctx, rendered.out, "apply", "-f", "-"); err != nil {
		return err
	}
	for zone := range strings.FieldsSeq(zonesOf(t)) {
		refs := []medfencev1alpha1.PolicyReference{}
		for _, kind := range []string{"CiliumCIDRGroup", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "NetworkPolicy"} {
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion("cilium.io/v2")
			if kind == "NetworkPolicy" {
				list.SetAPIVersion("networking.k8s.io/v1")
			}
			list.SetKind(kind + "List")
			if err := w.admin.List(ctx, list, client.MatchingLabels{medfencev1alpha1.LabelZone: zone}); err != nil {
				return err
			}
			for _, o := range list.Items {
				refs = append(refs, medfencev1alpha1.PolicyReference{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())})
			}
		}
		patch, err := yaml.Marshal(map[string]any{"status": map[string]any{"policies": refs}})
		if err != nil {
			return err
		}
		if err := w.kubectl(ctx, "", "patch", "devicezone", zone, "--subresource=status", "--type=merge", "-p", string(patch)); err != nil {
			return err
		}
	}
	return nil
}

func (w *ward) installCRDs() error {
	if _, err := envtest.InstallCRDs(w.cluster.Config(), envtest.CRDInstallOptions{Paths: []string{root + "/config/crd/bases"}, ErrorIfPathMissing: true, MaxTime: patience}); err != nil {
		return err
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumidentities", "ciliumnodeconfigs"} {
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
	_, err := envtest.InstallCRDs(w.cluster.Config(), envtest.CRDInstallOptions{CRDs: crds, MaxTime: patience})
	return err
}

func (w *ward) kubectl(ctx context.Context, stdin string, args ...string) error {
	cmd := w.cluster.Kubectl(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (w *ward) file(name string) string { return filepath.Join(w.dir, name) }

// ask runs the program as the reader, who may get and list, and nothing else.
func (w *ward) ask(t *testing.T, args ...string) call {
	t.Helper()
	return run(t, "", append(args, "--kubeconfig", w.file("reader"), "--cache-dir", w.file("cache"))...)
}

// writeKubeconfig writes a file with a context of somebody else's cluster, which
// is the current one, and ours.
func writeKubeconfig(path string, config *rest.Config) error {
	out := clientcmdapi.NewConfig()
	out.Clusters["here"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData}
	out.Clusters["elsewhere"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	out.AuthInfos["me"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	out.Contexts["here"] = &clientcmdapi.Context{Cluster: "here", AuthInfo: "me"}
	out.Contexts["elsewhere"] = &clientcmdapi.Context{Cluster: "elsewhere", AuthInfo: "me"}
	out.CurrentContext = "here"
	return clientcmd.WriteToFile(*out, path)
}

// versions are the resource versions of every object of the kinds that are read.
func (w *ward) versions(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	kinds := "devicezones,medicaldevices,conduits,namespaces,nodes,services,networkpolicies,ciliumnetworkpolicies,ciliumclusterwidenetworkpolicies,ciliumcidrgroups,configmaps,secrets"
	cmd := w.cluster.Kubectl(t.Context(), "get", kinds, "-A", "--no-headers", "-o", "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A cluster that holds what manifests say, and what they render to, gives the
// answers that the manifests give. The reader may not write, and nothing is
// written.
func TestACommandAnswersFromAClusterAsFromManifests(t *testing.T) {
	w := sharedWard(t)
	before := w.versions(t)
	for _, args := range [][]string{
		{"render"}, {"render", "--target", "netpol", "-o", "names"},
		{"matrix"}, {"matrix", "-o", "json"}, {"matrix", "--devices", "-o", "csv"}, {"matrix", "--zone", "infusion", "--target", "netpol", "-o", "markdown"},
		{"get", "problems"},
		{"explain", "--all-to", "device/biomed-inventory/pump-icu-07"},
		{"explain", "device/infusion/pump-gateway", "device/biomed-inventory/pump-icu-07", "3613"},
		{"explain", "10.42.0.9", "device/biomed-inventory/pump-icu-07", "3613"},
		{"explain", "10.42.0.9", "device/infusion/pump-gateway", "https"},
		{"map", "-o", "mermaid"}, {"map", "-o", "svg"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			args := append([]string{"-q"}, args...)
			want := run(t, "", append(slices.Clone(args), append(ranges, "-f", hospital)...)...)
			got := w.ask(t, append(slices.Clone(args), ranges...)...)
			if got.code != want.code || got.errOut != want.errOut {
				t.Errorf("exit %d, want %d: %s", got.code, want.code, got.errOut)
			}
			if diff := cmpLines(want.out, got.out); diff != "" {
				t.Errorf("(-manifests +cluster):\n%s", diff)
			}
		})
	}
	if lint := w.ask(t, append([]string{"lint", "-q", "-o", "json"}, ranges...)...); lint.code != cli0 || !strings.Contains(lint.out, `"level": "advice"`) {
		t.Errorf("lint: exit %d: %s%s", lint.code, lint.out, lint.errOut)
	}
	if diff := cmpLines(before, w.versions(t)); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

// ranges are what the control plane, which has no nodes, cannot tell.
var ranges = []string{"--cluster-cidr", "10.244.0.0/16", "--cluster-cidr", "10.0.0.0/24"}

func TestDiffComparesManifestsWithTheCluster(t *testing.T) {
	w := sharedWard(t)
	same := w.ask(t, append([]string{"diff", "-q", "-f", hospital}, ranges...)...)
	if same.code != cli0 || !strings.Contains(same.out, "nothing changes") {
		t.Errorf("the same manifests: exit %d:\n%s%s", same.code, same.out, same.errOut)
	}
	change := root + "/config/samples/pull-request/conduit-laptops-to-gateway.yaml"
	got := w.ask(t, append([]string{"diff", "-q", "-f", change}, ranges...)...)
	want := run(t, "", append([]string{"diff", "-q", "--against", hospital, "-f", hospital, "-f", change}, ranges...)...)
	if got.code != cli1 || got.code != want.code {
		t.Errorf("exit %d, want %d: %s", got.code, want.code, got.errOut)
	}
	if diff := cmpLines(want.out, got.out); diff != "" {
		t.Errorf("(-manifests +cluster):\n%s", diff)
	}
}

// What others have in the cluster is judged as it stands, and a forged label
// does not make it ours.
func TestAForeignPolicyInTheClusterIsNamed(t *testing.T) {
	w := sharedWard(t)
	forged := strings.Replace(allowAll, "{name: allow-all,", "{name: medfence-x, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: infusion},", 1)
	if err := w.kubectl(t.Context(), forged, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.kubectl(context.Background(), forged, "delete", "-f", "-") }()
	got := w.ask(t, append([]string{"matrix", "-q"}, ranges...)...)
	for _, want := range []string{"stopped by the guard", "NetworkPolicy/infusion/medfence-x spec.ingress[0]"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("matrix lacks %q:\n%s", want, got.out)
		}
	}
	if err := w.kubectl(t.Context(), "", "delete", "ciliumclusterwidenetworkpolicy", "medfence-guard-infusion"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.operate(context.Background(), t); err != nil {
			t.Error(err)
		}
	}()
	open := w.ask(t, append([]string{"matrix", "-q"}, ranges...)...)
	if !strings.Contains(open.out, "OPENS") || !strings.Contains(open.out, "OPEN: TCP 9") {
		t.Errorf("without the guard nothing is open:\n%s", open.out)
	}
	why := w.ask(t, append([]string{"explain", "-q", "10.42.0.9", "device/infusion/pump-gateway", "443"}, ranges...)...)
	if why.code != cli1 || !strings.Contains(why.out, "somebody else's NetworkPolicy/infusion/medfence-x") || !strings.Contains(why.out, "NO, but the policies let it pass") {
		t.Errorf("exit %d:\n%s", why.code, why.out)
	}
}

// A setting of Cilium's that defeats all policies is said first.
func TestWhatDefeatsEveryPolicyIsSaidFirst(t *testing.T) {
	w := sharedWard(t)
	if err := w.kubectl(t.Context(), "", "-n", "kube-system", "create", "configmap", "cilium-config", "--from-literal=policy-audit-mode=true"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = w.kubectl(context.Background(), "", "-n", "kube-system", "delete", "configmap", "cilium-config")
	}()
	got := w.ask(t, append([]string{"explain", "10.42.0.9", "device/infusion/pump-gateway", "443"}, ranges...)...)
	if got.code != cli1 || !strings.Contains(got.errOut, "warning: everything passes") || !strings.Contains(got.out, "NO, but the policies let it pass") {
		t.Errorf("exit %d:\n%s%s", got.code, got.errOut, got.out)
	}
	if m := w.ask(t, append([]string{"matrix"}, ranges...)...); !strings.Contains(m.out, "NOTHING IS ENFORCED") {
		t.Error(m.out)
	}
}

func TestAClusterThatCannotBeReadIsSaidToBe(t *testing.T) {
	w := sharedWard(t)
	if w.bare.code != cli2 || !strings.Contains(w.bare.errOut, "does not serve DeviceZone of medfence.io/v1alpha1; install Medfence's CRDs") {
		t.Errorf("without CRDs: exit %d: %s", w.bare.code, w.bare.errOut)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ args, want []string }{
		"no rights": {
			[]string{"matrix", "--kubeconfig", w.file("nobody")},
			[]string{"is forbidden", "ClusterRole medfence-reader of config/samples/reader"},
		},
		"nobody there": {
			[]string{"matrix", "--kubeconfig", w.file("reader"), "--server", "https://" + closed},
			[]string{"the API server https://" + closed + " does not answer", "connection refused", "--kubeconfig"},
		},
		"another context": {
			[]string{"lint", "--kubeconfig", w.file("reader"), "--context", "elsewhere"},
			[]string{"the API server https://127.0.0.1:1 does not answer"},
		},
		"a context that is not there": {
			[]string{"lint", "--kubeconfig", w.file("reader"), "--context", "nowhere"},
			[]string{`context "nowhere" does not exist`, "--context"},
		},
		"no file": {
			[]string{"explain", "--all-to", "zone/x", "--kubeconfig", w.file("missing")},
			[]string{"missing", "--kubeconfig"},
		},
		"a wrong token": {
			[]string{"get", "problems", "--kubeconfig", w.file("reader"), "--token", "x"},
			[]string{"log in again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append(tc.args, "--cache-dir", t.TempDir())...)
			if got.code != cli2 || got.out != "" {
				t.Errorf("exit %d, printed %q", got.code, got.out)
			}
			for _, want := range tc.want {
				if !strings.Contains(got.errOut, want) {
					t.Errorf("lacks %q: %s", want, got.errOut)
				}
			}
			if strings.Count(strings.TrimSpace(got.errOut), "\n") > 0 {
				t.Errorf("more than one line: %s", got.errOut)
			}
		})
	}
}
