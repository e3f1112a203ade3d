package gitops

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The CRDs of Argo CD and Flux are those of their releases: the API server says
// whether the example is what they take.
func TestTheExampleIsWhatArgoCDAndFluxTake(t *testing.T) {
	l := newArgoSite(t).lab
	raw, err := os.ReadFile("testdata/crds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l.create(t, string(raw))
	l.create(t, "{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}")
	for _, folder := range []string{"argocd", "flux"} {
		for _, o := range l.build(t, folder) {
			if !strings.Contains(o.GroupVersionKind().Group, "argoproj") && !strings.Contains(o.GroupVersionKind().Group, "toolkit.fluxcd.io") {
				continue
			}
			// Whether flux-system is there does not matter to a schema.
			o = o.DeepCopy()
			o.SetNamespace("argocd")
			eventually(t, title(o)+" to be taken", func() error {
				err := l.root.Create(t.Context(), o.DeepCopy(), client.DryRunAll, client.FieldValidation("Strict"))
				return err
			})
		}
	}
}

// A project's lists, as Argo CD reads them.
type project struct {
	Spec projectSpec `json:"spec"`
}

type projectSpec struct {
	Destinations []struct {
		Namespace string `json:"namespace"`
	} `json:"destinations"`
	Cluster    []groupKind `json:"clusterResourceWhitelist"`
	Namespaced []groupKind `json:"namespaceResourceWhitelist"`
}

type groupKind struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
}

// permits tells whether a project lets an object in.
func (p *project) permits(o *unstructured.Unstructured, namespaced bool) bool {
	list := p.Spec.Cluster
	if namespaced {
		list = p.Spec.Namespaced
		elsewhere := true
		for _, d := range p.Spec.Destinations {
			elsewhere = elsewhere && d.Namespace != "*" && d.Namespace != o.GetNamespace()
		}
		if elsewhere {
			return false
		}
	}
	return slices.Contains(list, groupKind{o.GroupVersionKind().Group, o.GetKind()})
}

func TestEachProjectLetsInItsOwnAndNothingElse(t *testing.T) {
	l := newArgoSite(t).lab
	projects, applications := map[string]*project{}, map[string]string{}
	for _, o := range l.build(t, "argocd") {
		if o.GetKind() == "Application" {
			path, _, _ := unstructured.NestedString(o.Object, "spec", "source", "path")
			name, _, _ := unstructured.NestedString(o.Object, "spec", "project")
			applications[path] = name
			continue
		}
		p := &project{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, p); err != nil {
			t.Fatal(err)
		}
		projects[o.GetName()] = p
	}
	namespaced := func(k schema.GroupVersionKind) bool {
		m, err := l.root.RESTMapper().RESTMapping(k.GroupKind(), k.Version)
		if err != nil {
			t.Fatal(err)
		}
		return m.Scope.Name() == meta.RESTScopeNameNamespace
	}
	for _, name := range applications {
		for other := range applications {
			for _, o := range l.build(t, other) {
				got := projects[name].permits(o, namespaced(o.GroupVersionKind()))
				// The platform's project and that of security both make namespaces.
				same := applications[other] == name || o.GetKind() == "Namespace" && strings.HasPrefix(name, "medfence-")
				if got != same {
					t.Errorf("project %s lets in %s of %s: %v, want %v", name, title(o), other, got, same)
				}
			}
		}
	}
	for name, p := range projects {
		if !strings.HasPrefix(name, "department-") {
			continue
		}
		zone := strings.TrimPrefix(name, "department-")
		for _, text := range []string{
			"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: x, namespace: " + zone + "}}",
			"{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: x, namespace: " + zone + "}}",
			"{apiVersion: v1, kind: Pod, metadata: {name: x, namespace: " + zone + "}}",
			"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: x, namespace: " + zone + "}}",
			"{apiVersion: medfence.io/v1alpha1, kind: MedicalDevice, metadata: {name: x, namespace: elsewhere}}",
		} {
			if p.permits(parse(t, text)[0], true) {
				t.Errorf("project %s lets in %s", name, text)
			}
		}
		if len(p.Spec.Cluster) > 0 || len(p.Spec.Namespaced) != 1 {
			t.Errorf("project %s lets in more than devices: %+v", name, p.Spec)
		}
	}
}

// What may not go by accident says so, and in the order of the guide.
func TestWavesAndConfirmations(t *testing.T) {
	l := newArgoSite(t).lab
	wants := map[string]struct {
		wave    string
		confirm bool
	}{
		"CustomResourceDefinition": {"-30", true}, "Namespace": {"-12", true}, "DeviceZone": {"-10", true}, "Conduit": {"0", true},
		"MedicalDevice": {"10", false}, "Deployment": {"20", false},
	}
	folders, err := filepath.Glob(examples + "*")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) < 6 {
		t.Fatalf("the example has only %v", folders)
	}
	for _, folder := range []string{"platform", "security", "departments/icu", "departments/imaging", "workloads/icu", "workloads/imaging"} {
		for _, o := range l.build(t, folder) {
			want, ok := wants[o.GetKind()]
			if !ok || folder == "platform" && o.GetKind() != "CustomResourceDefinition" {
				continue
			}
			confirmed := strings.Contains(o.GetAnnotations()[syncOptions], "Prune=confirm,Delete=confirm")
			if o.GetAnnotations()[waveOf] != want.wave || confirmed != want.confirm {
				t.Errorf("%s: wave %q, confirmed %v; want %v", title(o), o.GetAnnotations()[waveOf], confirmed, want)
			}
		}
	}
}

// The API server checks the types in expressions when it has time.
func TestTheAPIServerFindsNoFaultInThePolicies(t *testing.T) {
	l := newArgoSite(t).lab
	policy := schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"}
	for _, o := range l.live(t, policy) {
		eventually(t, title(o)+" to be checked", func() error {
			if err := l.root.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			if seen, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration"); seen != o.GetGeneration() {
				return errors.New("it has not been")
			}
			return nil
		})
		if warnings, _, _ := unstructured.NestedSlice(o.Object, "status", "typeChecking", "expressionWarnings"); len(warnings) > 0 {
			t.Errorf("%s: %v", title(o), warnings)
		}
	}
}
