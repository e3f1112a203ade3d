package admission_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ciliumcrds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/admission"
	"github.com/medfence/medfence/test/controlplane"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// A lab is an API server with people of several roles.
type lab struct {
	*testing.T
	cluster *controlplane.Cluster
	root    *person
	people  map[string]*person
}

// A person has a client, and hears warnings.
type person struct {
	name   string
	config *rest.Config
	client.Client
	pods  kubernetes.Interface
	ears  *ears
	found error // why there is no such person
}

// ears keep the warnings of the API server.
type ears struct {
	mu    sync.Mutex
	heard []string
}

func (e *ears) HandleWarningHeader(_ int, _, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, text)
}

// take returns what was heard since the last time.
func (e *ears) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := strings.Join(e.heard, "\n")
	e.heard = nil
	return text
}

func newPerson(name string, config *rest.Config) *person {
	p := &person{name: name, config: config, ears: &ears{}}
	config.WarningHandler = p.ears
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	_ = medfencev1alpha1.AddToScheme(scheme)
	_ = apiextensionsv1.AddToScheme(scheme)
	if p.Client, p.found = client.New(config, client.Options{Scheme: scheme}); p.found != nil {
		return p
	}
	p.pods, p.found = kubernetes.NewForConfig(config)
	return p
}

// newLab starts an API server; with our kinds and Cilium's, unless it is bare.
func newLab(t *testing.T, bare bool) *lab {
	t.Helper()
	l := &lab{T: t, people: map[string]*person{}}
	l.cluster = controlplane.StartForTest(t, controlplane.Options{AuditLog: true})
	if !bare {
		l.installKinds()
	}
	l.root = l.known(newPerson("root", l.cluster.Config()))
	l.create("{apiVersion: v1, kind: Namespace, metadata: {name: medfence-system}}")
	l.createFile("../../config/rbac/service_account.yaml")
	l.createFile("../../config/admission/roles.yaml")
	return l
}

func (l *lab) installKinds() {
	l.Helper()
	var cilium []*apiextensionsv1.CustomResourceDefinition
	for _, plural := range []string{"ciliumcidrgroups", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"} {
		raw, err := ciliumcrds.EmbedFS.ReadFile(plural + ".yaml")
		l.must(err)
		crd := &apiextensionsv1.CustomResourceDefinition{}
		l.must(yaml.Unmarshal(raw, crd))
		cilium = append(cilium, crd)
	}
	_, err := envtest.InstallCRDs(l.cluster.Config(), envtest.CRDInstallOptions{
		Paths: []string{"../../config/crd/bases"}, ErrorIfPathMissing: true, CRDs: cilium,
	})
	l.must(err)
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lab) known(p *person) *person {
	l.Helper()
	l.must(p.found)
	l.people[p.name] = p
	return p
}

// user makes a person of a name and groups.
func (l *lab) user(name string, groups ...string) *person {
	l.Helper()
	config, err := l.cluster.UserConfig(l.Context(), name, groups...)
	l.must(err)
	return l.known(newPerson(name, config))
}

// as makes a person whom somebody impersonates.
func (l *lab) as(name string, by *person, user string, groups ...string) {
	l.Helper()
	config := rest.CopyConfig(by.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	l.known(newPerson(name, config))
}

func parse(t testing.TB, manifests string) []*unstructured.Unstructured {
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

// create creates objects as root.
func (l *lab) create(manifests string) {
	l.Helper()
	for _, o := range parse(l, manifests) {
		l.eventually("creating "+o.GetKind()+" "+o.GetName(), func() error { return l.root.Create(l.Context(), o.DeepCopy()) })
	}
}

func (l *lab) createFile(pattern string) {
	l.Helper()
	files, err := filepath.Glob(pattern)
	l.must(err)
	if len(files) == 0 {
		l.Fatalf("no files %s", pattern)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		l.must(err)
		l.create(string(raw))
	}
}

// install installs the guards with one mode for all, in place of what was there.
func (l *lab) install(mode admission.Mode) {
	l.Helper()
	modes := map[string]admission.Mode{}
	for _, g := range admission.Guards() {
		modes[g.Name] = mode
	}
	l.installModes(modes)
}

func (l *lab) installModes(modes map[string]admission.Mode) {
	l.Helper()
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("admissionregistration.k8s.io/v1")
		o.SetKind(kind)
		l.must(l.root.DeleteAllOf(l.Context(), o, client.HasLabels{admission.LabelGuard}))
	}
	files, err := admission.Manifests(admission.Options{Modes: modes})
	l.must(err)
	for _, f := range files {
		l.create(string(f.Text))
	}
}

// eventually tries until there is no error.
func (l *lab) eventually(what string, try func() error) {
	l.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.Fatalf("waiting for %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// zone creates a zone with a status.
func (l *lab) zone(name, enforcement string, namespaces []string, status func(*medfencev1alpha1.DeviceZoneStatus)) {
	l.Helper()
	z := &medfencev1alpha1.DeviceZone{}
	z.Name = name
	z.Spec.Role = medfencev1alpha1.RoleDevice
	z.Spec.Enforcement = medfencev1alpha1.Enforcement(enforcement)
	if enforcement == "" {
		z.Spec.Role = medfencev1alpha1.RoleClinical
	}
	z.Spec.Members.Namespaces = namespaces
	l.must(l.root.Create(l.Context(), z))
	if status == nil {
		return
	}
	before := z.DeepCopy()
	status(&z.Status)
	l.must(l.root.Status().Patch(l.Context(), z, client.MergeFrom(before)))
}

// An ask is a request that changes nothing: it is a dry run, or cannot work.
type ask func(ctx context.Context, p *person) error

func creates(manifest string) ask {
	return func(ctx context.Context, p *person) error {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), o); err != nil {
			return err
		}
		return p.Create(ctx, o, client.DryRunAll)
	}
}

// named returns an object: "NetworkPolicy icu/medfence-x", or "DeviceZone icu".
func named(what string) *unstructured.Unstructured {
	kind, name, _ := strings.Cut(what, " ")
	o := &unstructured.Unstructured{}
	o.SetKind(kind)
	o.SetAPIVersion(map[string]string{
		"NetworkPolicy": "networking.k8s.io/v1", "Pod": "v1", "Service": "v1", "Deployment": "apps/v1", "Namespace": "v1",
		"DeviceZone": "medfence.io/v1alpha1", "MedicalDevice": "medfence.io/v1alpha1",
	}[kind])
	if strings.HasPrefix(kind, "Cilium") {
		o.SetAPIVersion("cilium.io/v2")
	}
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		o.SetNamespace(namespace)
		name = rest
	}
	o.SetName(name)
	return o
}

func patches(what, patch string) ask {
	return func(ctx context.Context, p *person) error {
		return p.Patch(ctx, named(what), client.RawPatch("application/merge-patch+json", []byte(patch)), client.DryRunAll)
	}
}

func deletes(what string) ask {
	return func(ctx context.Context, p *person) error { return p.Delete(ctx, named(what), client.DryRunAll) }
}

// enters asks for a subresource of a pod that runs nowhere: whoever passes
// admission hears that it has no host.
func enters(namespace, pod, sub string) ask {
	return func(ctx context.Context, p *person) error {
		err := p.pods.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name(pod).SubResource(sub).Do(ctx).Error()
		if err != nil && (strings.Contains(err.Error(), "does not have a host assigned") || strings.Contains(err.Error(), "address not allowed")) {
			return nil
		}
		if err == nil {
			return fmt.Errorf("%s of a pod without a node works", sub)
		}
		return err
	}
}
