package helm

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestTheOperatorUsesAllItsRightsAndNeedsNoOther runs the operator through all
// that it does, with the chart's service account, and reads in the API server's
// audit log what it asked for: every verb that a role grants was used, and
// nothing was refused. A right that this story does not use is one that nobody
// can say what it is for: take it away, or add to the story what needs it.
func TestTheOperatorUsesAllItsRightsAndNeedsNoOther(t *testing.T) {
	l := sharedLab(t)
	begin := l.auditSize(t)
	t.Cleanup(func() { l.clean(t) })
	l.install(t, present(t), "")
	must(t, l.apply(t.Context(), adminTier))
	must(t, l.apply(t.Context(), prometheus))
	t.Cleanup(func() { must(t, l.delete(adminTier)) })

	// A first start on a cluster without Cilium.
	operator := l.start(t, nil, "--target=netpol")
	must(t, l.hospital(t))
	l.allJudged(t)
	l.scrape(t, operator.metrics)
	l.changes(t)
	operator.stop()

	// Then with Cilium. What was written for the other target goes.
	operator = l.start(t, nil)
	l.allReady(t)
	l.changes(t)
	operator.stop()

	// And with streams in the place of lists, which a site may ask for (0038).
	operator = l.start(t, []string{"KUBE_FEATURE_WatchListClient=true"})
	l.allReady(t)
	l.drift(t)
	l.storm(t, begin)
	l.releaseAll(t)
	operator.stop()

	granted := map[string]bool{}
	for _, o := range render(t, "") {
		for _, rule := range rulesOf(t, o) {
			for _, right := range rule {
				granted[right] = false
			}
		}
	}
	if len(granted) < 40 {
		t.Fatalf("only %d rights are known", len(granted))
	}
	for _, e := range l.asked(t, begin) {
		right := rightOf(e)
		if e.ResponseStatus != nil && e.ResponseStatus.Code == http.StatusForbidden {
			t.Errorf("it was refused to %s %s: %s", right, e.ObjectRef.Name, e.ResponseStatus.Message)
		}
		if _, known := granted[right]; !known {
			t.Errorf("it did %s without a rule that grants it", right)
		}
		granted[right] = true
	}
	for _, right := range slices.Sorted(maps.Keys(granted)) {
		if !granted[right] {
			t.Errorf("it may %s, and never did", right)
		}
	}
}

// adminTier stands for the CRDs of network-policy-api.sigs.k8s.io.
var adminTier = crdOfOthers("v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies") +
	crdOfOthers("v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies") +
	crdOfOthers("v1alpha1", "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies")

func crdOfOthers(version, kind, plural string) string {
	return fmt.Sprintf(`
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: %[3]s.policy.networking.k8s.io
  annotations: {api-approved.kubernetes.io: "unapproved, for a test"}
spec:
  group: policy.networking.k8s.io
  scope: Cluster
  names: {kind: %[2]s, listKind: %[2]sList, plural: %[3]s, singular: %[4]s}
  versions:
  - name: %[1]s
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`, version, kind, plural, strings.ToLower(kind))
}

// prometheus may read the metrics, as docs/install.md lets it.
const prometheus = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus-reads-medfence}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: medfence-metrics-reader}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: default}]
`

// extraConduit joins addresses to pods, so that a group comes and goes.
const extraConduit = `
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: audit-extra}
spec:
  from: {zones: [infusion]}
  to: {zones: [pacs]}
  services: [{name: https}]
  purpose: A conduit that comes and goes
`

// rulesOf returns what a role grants to the operator: "get apps/deployments".
func rulesOf(t *testing.T, o *unstructured.Unstructured) [][]string {
	t.Helper()
	operators := []string{"medfence-operator", "medfence-leader-election", "medfence-metrics-auth"}
	if !strings.HasSuffix(o.GetKind(), "Role") || !slices.Contains(operators, o.GetName()) {
		return nil
	}
	role := &rbacv1.ClusterRole{}
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, role))
	var out [][]string
	for _, rule := range role.Rules {
		var rights []string
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, part := range []string{group, resource, verb} {
						if strings.Contains(part, "*") {
							t.Errorf("%s grants %s %s/%s", id(o), verb, group, resource)
						}
					}
					rights = append(rights, fmt.Sprintf("%s %s/%s", verb, group, resource))
				}
			}
		}
		out = append(out, rights)
	}
	return out
}

// changes opens and closes conduits and moves zones, so that every kind of
// policy is created, updated and deleted.
func (l *lab) changes(t *testing.T) {
	t.Helper()
	l.patch(t, "DeviceZone", "imaging", `{"spec":{"enforcement":"Enforce"}}`)
	l.allJudged(t)
	must(t, l.apply(t.Context(), extraConduit))
	l.allJudged(t)
	l.patch(t, "Conduit", "audit-extra", `{"spec":{"services":[{"name":"https"},{"name":"hl7-mllp-tls","port":6661}]}}`)
	l.allJudged(t)
	l.remove(t, "Conduit", "audit-extra")
	l.allJudged(t)
	l.patch(t, "DeviceZone", "imaging", `{"spec":{"enforcement":"Observe"}}`)
	l.allJudged(t)
}

// drift lets others change the same policy again and again: the second event of
// a kind is a patch of the first.
func (l *lab) drift(t *testing.T) {
	t.Helper()
	const policy = `{"spec":{"ingress":[{}]}}` // everyone may enter
	baseline := func() *unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("networking.k8s.io/v1")
		o.SetKind("NetworkPolicy")
		o.SetNamespace("infusion")
		o.SetName("medfence-baseline-infusion")
		return o
	}
	widen := client.RawPatch(types.MergePatchType, []byte(policy))
	eventually(t, "the guard of our own objects", func() error {
		err := l.admin.Patch(t.Context(), baseline(), widen, client.DryRunAll)
		if apierrors.IsForbidden(err) {
			return nil
		}
		return fmt.Errorf("an administrator may widen a baseline: %w", err)
	})
	for range 3 {
		must(t, l.breakglass(t).Patch(t.Context(), baseline(), widen))
		eventually(t, "the baseline to be narrow again", func() error {
			o := baseline()
			if err := l.admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			if _, wide, _ := unstructured.NestedSlice(o.Object, "spec", "ingress"); wide {
				return errors.New("it is wide")
			}
			return nil
		})
	}
	eventually(t, "the repairs to be counted in one event", func() error {
		for _, e := range l.list(t, "events.k8s.io/v1", "Event") {
			if count, _, _ := unstructured.NestedInt64(e.Object, "series", "count"); count > 1 && e.Object["reason"] == "DriftRepaired" {
				return nil
			}
		}
		return errors.New("there is none")
	})
}

// storm changes a policy of each kind faster than the operator can repair it:
// its cache falls behind, which it notices by a conflict, and then it reads the
// policy itself.
func (l *lab) storm(t *testing.T, begin int64) {
	t.Helper()
	breakglass := l.breakglass(t)
	for kind, version := range policyKinds {
		var victim *unstructured.Unstructured
		for _, o := range l.list(t, version, kind) {
			if o.GetLabels()["medfence.io/zone"] == "infusion" {
				victim = &o
				break
			}
		}
		if victim == nil {
			t.Fatalf("infusion has no %s", kind)
		}
		eventually(t, "a "+kind+" to be read by itself", func() error {
			for i := range 50 {
				patch := fmt.Sprintf(`{"metadata":{"labels":{"medfence.io/component":"storm-%d"}}}`, i)
				if err := breakglass.Patch(t.Context(), victim.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
					return err
				}
			}
			for _, e := range l.asked(t, begin) {
				if e.Verb == "get" && e.ObjectRef.APIGroup == victim.GroupVersionKind().Group && e.ObjectRef.Resource == plurals[kind] {
					return nil
				}
			}
			return errors.New("the cache has kept up")
		})
	}
	l.allReady(t)
}

var plurals = map[string]string{
	"NetworkPolicy": "networkpolicies", "CiliumNetworkPolicy": "ciliumnetworkpolicies",
	"CiliumClusterwideNetworkPolicy": "ciliumclusterwidenetworkpolicies", "CiliumCIDRGroup": "ciliumcidrgroups",
}

// releaseAll opens every zone and takes all away, as docs/operations.md says.
func (l *lab) releaseAll(t *testing.T) {
	t.Helper()
	for _, zone := range l.list(t, "medfence.io/v1alpha1", "DeviceZone") {
		if role, _, _ := unstructured.NestedString(zone.Object, "spec", "role"); role == "Device" {
			l.patch(t, "DeviceZone", zone.GetName(), `{"spec":{"enforcement":"Observe"}}`)
		}
	}
	l.allReady(t)
	for _, kind := range ourKinds {
		for _, o := range l.list(t, "medfence.io/v1alpha1", kind) {
			must(t, client.IgnoreNotFound(l.admin.Delete(t.Context(), &o)))
		}
	}
	eventually(t, "everything to be gone", func() error {
		for _, kind := range ourKinds {
			if left := l.list(t, "medfence.io/v1alpha1", kind); len(left) > 0 {
				return fmt.Errorf("%s is left", id(&left[0]))
			}
		}
		if left := l.policies(t); len(left) > 0 {
			return fmt.Errorf("these are left: %v", left)
		}
		return nil
	})
}

// scrape reads the metrics as Prometheus does.
func (l *lab) scrape(t *testing.T, url string) {
	t.Helper()
	config, err := l.cluster.ServiceAccountConfig(t.Context(), "default", "prometheus")
	must(t, err)
	// The operator made its certificate itself.
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for token, want := range map[string]int{config.BearerToken: http.StatusOK, "": http.StatusUnauthorized} {
		eventually(t, fmt.Sprintf("metrics to answer %d", want), func() error {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			must(t, err)
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := c.Do(request)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != want {
				return fmt.Errorf("%s: %s (%w)", answer.Status, body, err)
			}
			if want == http.StatusOK && !bytes.Contains(body, []byte("medfence_zones{")) {
				return errors.New("zones are not counted")
			}
			return nil
		})
	}
}

func (l *lab) patch(t *testing.T, kind, name, patch string) {
	t.Helper()
	o := ours(kind, name)
	must(t, l.admin.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))))
}

func (l *lab) remove(t *testing.T, kind, name string) {
	t.Helper()
	must(t, l.admin.Delete(t.Context(), ours(kind, name)))
}

func ours(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("medfence.io/v1alpha1")
	o.SetKind(kind)
	o.SetName(name)
	return o
}

func (l *lab) auditSize(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(l.cluster.AuditLogFile())
	must(t, err)
	return info.Size()
}

// rightOf returns what a request needed, as rulesOf writes it.
func rightOf(e auditv1.Event) string {
	right := fmt.Sprintf("%s %s/%s", e.Verb, e.ObjectRef.APIGroup, e.ObjectRef.Resource)
	if e.ObjectRef.Subresource != "" {
		right += "/" + e.ObjectRef.Subresource
	}
	return right
}

// asked returns what the operator has asked of the API server since the audit
// log had a size.
func (l *lab) asked(t *testing.T, since int64) []auditv1.Event {
	t.Helper()
	file, err := os.Open(l.cluster.AuditLogFile())
	must(t, err)
	defer file.Close()
	_, err = file.Seek(since, 0)
	must(t, err)
	var out []auditv1.Event
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			break // the last line, which is being written
		}
		if e.User.Username == account && e.ObjectRef != nil {
			out = append(out, e)
		}
	}
	must(t, lines.Err())
	return out
}
