package helm

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/action"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestLifeOfAnInstallation installs, upgrades, rolls back, uninstalls and
// installs again, with a hospital at work. What stands must stand through all
// of it: a policy that were deleted and made anew would have another UID.
func TestLifeOfAnInstallation(t *testing.T) {
	kept, err := filepath.Glob("testdata/charts/*.tgz")
	must(t, err)
	if len(kept) == 0 {
		t.Fatal("no earlier chart is kept: run hack/keep-chart.sh")
	}
	l := sharedLab(t)
	for _, file := range kept {
		t.Run(filepath.Base(file), func(t *testing.T) { l.live(t, load(t, file)) })
	}
}

func (l *lab) live(t *testing.T, earlier *chart.Chart) {
	t.Cleanup(func() { l.clean(t) })
	notes := l.install(t, earlier, "").Info.Notes
	for _, want := range []string{"It cuts nothing until a zone says so", "rollout status deploy/medfence-operator"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	l.podsAreAdmitted(t)
	operator := l.start(t, nil)
	must(t, l.hospital(t))
	l.allReady(t)
	before := l.policies(t)
	if len(before) < 10 {
		t.Fatalf("only %d policies stand", len(before))
	}
	holds := func(when string) {
		t.Helper()
		l.allReady(t)
		if diff := cmp.Diff(before, l.policies(t)); diff != "" {
			t.Errorf("policies %s (-before +after):\n%s", when, diff)
		}
	}

	l.upgrade(t, "{commonLabels: {team: platform}, log: {verbosity: 1}}")
	operator.stop() // as the Deployment's controller does
	holds("while no operator runs, after the upgrade")
	if labels := l.deployment(t).GetLabels(); labels["team"] != "platform" {
		t.Errorf("the upgrade has not come: %v", labels)
	}
	operator = l.start(t, nil)
	holds("after the upgrade")

	rollback := action.NewRollback(l.helm(t))
	rollback.Version, rollback.WaitStrategy, rollback.ServerSideApply = 1, kube.HookOnlyStrategy, "auto"
	must(t, rollback.Run(releaseName))
	operator.stop()
	operator = l.start(t, nil)
	holds("after the rollback")
	if labels := l.deployment(t).GetLabels(); labels["team"] != "" {
		t.Errorf("the rollback has not come: %v", labels)
	}

	operator.stop()
	l.uninstall(t)
	if devices := l.list(t, "medfence.io/v1alpha1", "MedicalDevice"); len(devices) == 0 {
		t.Error("the uninstall took the devices")
	}
	holds("after the uninstall")
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
		for _, left := range l.list(t, "rbac.authorization.k8s.io/v1", kind) {
			if strings.HasPrefix(left.GetName(), "medfence") {
				t.Errorf("the uninstall left %s %s", kind, left.GetName())
			}
		}
	}

	l.install(t, present(t), "")
	l.start(t, nil)
	holds("after it was installed again")
}

// TestKustomizeHandsOverToHelm runs the commands of docs/install.md: with two
// owners of a field the first upgrade that changes it would fail.
func TestKustomizeHandsOverToHelm(t *testing.T) {
	l := sharedLab(t)
	t.Cleanup(func() { l.clean(t) })
	text, err := os.ReadFile("../../docs/install.md")
	must(t, err)
	found := regexp.MustCompile(`(?s)\$ (kubectl get -k config/default .*?)\n` + "```").FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/install.md has no command that begins with kubectl get -k config/default")
	}
	must(t, runWith(l.cluster.Kubectl(t.Context(), "apply", "--server-side", "-k", "../../config/default"), ""))

	install := action.NewInstall(l.helm(t))
	install.ReleaseName, install.Namespace, install.WaitStrategy = releaseName, namespace, kube.HookOnlyStrategy
	install.ServerSideApply, install.TakeOwnership, install.ForceConflicts = true, true, true
	_, err = install.RunWithContext(t.Context(), present(t), nil)
	must(t, err)
	handover := exec.CommandContext(t.Context(), "bash", "-c", string(found[1]))
	handover.Dir = "../.."
	handover.Env = append(os.Environ(), "KUBECONFIG="+l.cluster.Kubeconfig, "PATH="+l.cluster.Assets+":"+os.Getenv("PATH"))
	must(t, runWith(handover, ""))

	l.upgrade(t, "{target: netpol, admission: {guards: {foreign-policies: deny}}}")
	if args := containerArgs(t, l.deployment(t)); !slices.Contains(args, "--target=netpol") || slices.Contains(args, "--target=auto") {
		t.Errorf("the upgrade gives %v", args)
	}
	for _, f := range l.deployment(t).GetManagedFields() {
		if f.Manager == "kubectl" {
			t.Errorf("kubectl still owns %s", f.FieldsV1)
		}
	}
}

// install installs a chart as `helm install` does.
func (l *lab) install(t *testing.T, c *chart.Chart, text string) *release.Release {
	t.Helper()
	install := action.NewInstall(l.helm(t))
	install.ReleaseName, install.Namespace = releaseName, namespace
	install.WaitStrategy, install.ServerSideApply = kube.HookOnlyStrategy, true
	var out *release.Release
	// Right after an uninstall, what is being deleted may still be there.
	eventually(t, "an install", func() error {
		r, err := install.RunWithContext(t.Context(), c, values(t, text))
		if err != nil && strings.Contains(err.Error(), "being deleted") {
			return err
		}
		must(t, err)
		out = r.(*release.Release)
		return nil
	})
	return out
}

// upgrade upgrades to the chart of the tree.
func (l *lab) upgrade(t *testing.T, text string) {
	t.Helper()
	upgrade := action.NewUpgrade(l.helm(t))
	upgrade.WaitStrategy, upgrade.Namespace, upgrade.ServerSideApply = kube.HookOnlyStrategy, namespace, "auto"
	_, err := upgrade.RunWithContext(t.Context(), releaseName, present(t), values(t, text))
	must(t, err)
}

func (l *lab) uninstall(t *testing.T) {
	t.Helper()
	uninstall := action.NewUninstall(l.helm(t))
	uninstall.WaitStrategy = kube.HookOnlyStrategy
	uninstall.DeletionPropagation = "background"
	answer, err := uninstall.Run(releaseName)
	must(t, err)
	if !strings.Contains(answer.Info, "[CustomResourceDefinition] devicezones.medfence.io") {
		t.Errorf("Helm does not say that it kept the CRDs: %s", answer.Info)
	}
}

// podsAreAdmitted waits for the pods of the Deployment: the namespace enforces
// the Pod Security level restricted.
func (l *lab) podsAreAdmitted(t *testing.T) {
	t.Helper()
	eventually(t, "the operator's pods", func() error {
		found := 0
		for _, pod := range l.list(t, "v1", "Pod") {
			if pod.GetNamespace() == namespace {
				found++
			}
		}
		if found != 2 {
			return fmt.Errorf("%d pods are there, the Deployment says %v", found, l.deployment(t).Object["status"])
		}
		return nil
	})
}

func (l *lab) deployment(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("apps/v1")
	o.SetKind("Deployment")
	must(t, l.admin.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: "medfence-operator"}, o))
	return o
}

func containerArgs(t *testing.T, deployment *unstructured.Unstructured) []string {
	t.Helper()
	containers := field[[]any](t, deployment, "spec", "template", "spec", "containers")
	args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	must(t, err)
	return args
}

func (l *lab) hospital(t *testing.T) error {
	t.Helper()
	return runWith(l.cluster.Kubectl(t.Context(), "apply", "--server-side", "-k", "../../config/samples/hospital"), "")
}

var ourKinds = []string{"DeviceZone", "MedicalDevice", "Conduit"}

// allReady waits until whatever was declared is Ready.
func (l *lab) allReady(t *testing.T) {
	t.Helper()
	l.all(t, "True")
}

// allJudged waits until whatever was declared is Ready, or is known not to be:
// without Cilium some conduits of the hospital cannot be enforced.
func (l *lab) allJudged(t *testing.T) {
	t.Helper()
	l.all(t, "True", "False")
}

func (l *lab) all(t *testing.T, ready ...string) {
	t.Helper()
	eventually(t, "everything to be Ready", func() error {
		for _, kind := range ourKinds {
			list := l.list(t, "medfence.io/v1alpha1", kind)
			if len(list) == 0 {
				return fmt.Errorf("there is no %s", kind)
			}
			for _, o := range list {
				if err := isReady(o, ready); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func isReady(o unstructured.Unstructured, ready []string) error {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		c := c.(map[string]any)
		if c["type"] == "Ready" && slices.Contains(ready, c["status"].(string)) && c["observedGeneration"] == o.GetGeneration() {
			return nil
		}
	}
	return fmt.Errorf("%s is not Ready: %v", id(&o), conditions)
}

var policyKinds = map[string]string{
	"NetworkPolicy": "networking.k8s.io/v1", "CiliumNetworkPolicy": "cilium.io/v2",
	"CiliumClusterwideNetworkPolicy": "cilium.io/v2", "CiliumCIDRGroup": "cilium.io/v2",
}

// policies returns the UIDs of what Medfence wrote, and how often each was written.
func (l *lab) policies(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for kind, version := range policyKinds {
		for _, o := range l.list(t, version, kind) {
			if o.GetLabels()["app.kubernetes.io/managed-by"] == "medfence" {
				out[id(&o)] = fmt.Sprintf("%s, generation %d", o.GetUID(), o.GetGeneration())
			}
		}
	}
	return out
}

// clean takes everything away, whatever holds it: the guards still speak for a
// moment after they are deleted.
func (l *lab) clean(t *testing.T) {
	ctx := context.Background()
	breakglass := l.breakglass(t)
	history, err := l.helm(t).Releases.History(releaseName)
	if err == nil && len(history) > 0 {
		uninstall := action.NewUninstall(l.helm(t))
		uninstall.WaitStrategy = kube.HookOnlyStrategy
		if _, err := uninstall.Run(releaseName); err != nil {
			t.Error(err)
		}
	}
	gone := func(apiVersion, kind string, ours bool) {
		for _, o := range l.list(t, apiVersion, kind) {
			if ours && o.GetLabels()["app.kubernetes.io/managed-by"] != "medfence" {
				continue
			}
			if len(o.GetFinalizers()) > 0 && !strings.HasSuffix(kind, "Definition") {
				o.SetFinalizers(nil)
				_ = breakglass.Update(ctx, &o)
			}
			if err := breakglass.Delete(ctx, &o); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	}
	for _, kind := range ourKinds {
		gone("medfence.io/v1alpha1", kind, false)
	}
	lease := &unstructured.Unstructured{}
	lease.SetAPIVersion("coordination.k8s.io/v1")
	lease.SetKind("Lease")
	lease.SetNamespace(namespace)
	lease.SetName("medfence-operator")
	must(t, client.IgnoreNotFound(l.admin.Delete(ctx, lease)))
	for _, kind := range slices.Sorted(maps.Keys(policyKinds)) {
		gone(policyKinds[kind], kind, true)
	}
	for _, plural := range []string{"devicezones", "medicaldevices", "conduits"} {
		crd := &unstructured.Unstructured{}
		crd.SetAPIVersion("apiextensions.k8s.io/v1")
		crd.SetKind("CustomResourceDefinition")
		crd.SetName(plural + ".medfence.io")
		_ = l.admin.Delete(ctx, crd)
		eventually(t, "the CRDs to go", func() error {
			err := l.admin.Get(ctx, client.ObjectKeyFromObject(crd), crd)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("%s is there (%w)", crd.GetName(), err)
		})
	}
}
