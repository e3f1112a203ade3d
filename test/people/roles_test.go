package people_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// verbs are all that the API server asks RBAC about objects of every kind.
var verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}

// rareVerbs are those that are asked about some kinds.
var rareVerbs = map[string][]string{
	"/users": {"impersonate"}, "/groups": {"impersonate"}, "/serviceaccounts": {"impersonate"},
	"authentication.k8s.io/userextras": {"impersonate"}, "authentication.k8s.io/uids": {"impersonate"},
	"rbac.authorization.k8s.io/clusterroles": {"bind", "escalate"}, "rbac.authorization.k8s.io/roles": {"bind", "escalate"},
	"certificates.k8s.io/certificatesigningrequests": {"approve", "sign"}, "medfence.io/devicezones": {"debug"},
}

const look, work, change = "get list watch", "get list watch create update patch delete", "get list watch update patch"

// kindsOf are the kinds that the tables ask about: what the roles name, and what
// nobody may touch by them.
var kindsOf = []string{
	"medfence.io/devicezones", "medfence.io/conduits", "medfence.io/medicaldevices",
	"medfence.io/devicezones/status", "medfence.io/conduits/status", "medfence.io/medicaldevices/status", "medfence.io/devicezones/finalizers",
	"networking.k8s.io/networkpolicies", "networking.k8s.io/servicecidrs", "networking.k8s.io/ingresses",
	"cilium.io/ciliumnetworkpolicies", "cilium.io/ciliumclusterwidenetworkpolicies", "cilium.io/ciliumcidrgroups",
	"cilium.io/ciliumidentities", "cilium.io/ciliumendpoints", "cilium.io/ciliumnodeconfigs", "cilium.io/ciliumnetworkpolicies/status",
	"policy.networking.k8s.io/clusternetworkpolicies", "policy.networking.k8s.io/adminnetworkpolicies", "policy.networking.k8s.io/baselineadminnetworkpolicies",
	"admissionregistration.k8s.io/validatingadmissionpolicies", "admissionregistration.k8s.io/validatingadmissionpolicybindings",
	"admissionregistration.k8s.io/validatingwebhookconfigurations", "admissionregistration.k8s.io/mutatingwebhookconfigurations",
	"rbac.authorization.k8s.io/clusterroles", "rbac.authorization.k8s.io/clusterrolebindings", "rbac.authorization.k8s.io/roles", "rbac.authorization.k8s.io/rolebindings",
	"apiextensions.k8s.io/customresourcedefinitions", "events.k8s.io/events",
	"/namespaces", "/nodes", "/nodes/proxy", "/pods", "/pods/log", "/pods/exec", "/pods/attach", "/pods/portforward", "/pods/proxy", "/pods/ephemeralcontainers",
	"/pods/status", "/services", "/services/proxy", "/events", "/configmaps", "/secrets", "/serviceaccounts", "/serviceaccounts/token",
	"/users", "/groups", "authentication.k8s.io/userextras", "authentication.k8s.io/uids", "certificates.k8s.io/certificatesigningrequests",
	"apps/deployments", "coordination.k8s.io/leases", "authorization.k8s.io/subjectaccessreviews",
}

// may are the tables: what each role may do; all else is refused.
var may = map[string]map[string]string{
	"medfence-zone-reader": {"medfence.io/devicezones": look, "medfence.io/conduits": look},
	"medfence-clinical-engineer": {
		"medfence.io/medicaldevices": work, "medfence.io/devicezones": look, "medfence.io/conduits": look,
		"/pods": look, "/events": look, "events.k8s.io/events": look,
	},
	"medfence-security-officer": looking(map[string]string{
		"medfence.io/devicezones": work, "medfence.io/conduits": work, "medfence.io/medicaldevices": change,
	}, "/namespaces", "/pods", "/services"),
	"medfence-incident-responder": looking(map[string]string{
		"medfence.io/devicezones": look, "medfence.io/conduits": look, "medfence.io/medicaldevices": look,
	}, "/namespaces", "/nodes", "/pods", "/services", "cilium.io/ciliumidentities", "cilium.io/ciliumendpoints"),
	"medfence-auditor": looking(map[string]string{
		"medfence.io/devicezones": look, "medfence.io/conduits": look, "medfence.io/medicaldevices": look,
	}, "/namespaces", "/nodes", "/pods", "/services", "networking.k8s.io/servicecidrs", "cilium.io/ciliumidentities", "cilium.io/ciliumnodeconfigs",
		"admissionregistration.k8s.io/validatingadmissionpolicies", "admissionregistration.k8s.io/validatingadmissionpolicybindings",
		"rbac.authorization.k8s.io/clusterroles", "rbac.authorization.k8s.io/clusterrolebindings", "rbac.authorization.k8s.io/roles", "rbac.authorization.k8s.io/rolebindings",
		"apiextensions.k8s.io/customresourcedefinitions"),
}

// looking adds what all who look at policies see, and more.
func looking(out map[string]string, more ...string) map[string]string {
	for _, k := range append(more,
		"/events", "events.k8s.io/events", "networking.k8s.io/networkpolicies",
		"cilium.io/ciliumnetworkpolicies", "cilium.io/ciliumclusterwidenetworkpolicies", "cilium.io/ciliumcidrgroups",
		"policy.networking.k8s.io/clusternetworkpolicies", "policy.networking.k8s.io/adminnetworkpolicies", "policy.networking.k8s.io/baselineadminnetworkpolicies",
	) {
		out[k] = look
	}
	return out
}

// bind binds a role to a user of its own, and returns the user.
func (l *lab) bind(t *testing.T, role string) string {
	t.Helper()
	l.must(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-only-`+role+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: `+role+`}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: only-`+role+`}]`)
	return "only-" + role
}

func TestEachRoleMayDoWhatItsTableSaysAndNothingElse(t *testing.T) {
	l := newLab(t)
	c, err := kubernetes.NewForConfig(l.cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(user, verb, kind, name string) bool {
		group, resource, _ := strings.Cut(kind, "/")
		resource, sub, _ := strings.Cut(resource, "/")
		review, err := c.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: []string{"system:authenticated"}, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: group, Resource: resource, Subresource: sub, Verb: verb, Name: name, Namespace: "icu", Version: "*",
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return review.Status.Allowed
	}
	for role, table := range may {
		user := l.bind(t, role)
		eventually(t, "RBAC to know "+role, func() error {
			if !allowed(user, "get", "medfence.io/devicezones", "") {
				return fmt.Errorf("not yet")
			}
			return nil
		})
		for kind := range table {
			if !slices.Contains(kindsOf, kind) {
				t.Errorf("%s: nobody asks about %s", role, kind)
			}
		}
		for _, kind := range kindsOf {
			for _, verb := range append(slices.Clone(verbs), rareVerbs[kind]...) {
				if got, want := allowed(user, verb, kind, ""), slices.Contains(strings.Fields(table[kind]), verb); got != want {
					t.Errorf("%s: %s %s: allowed is %v, want %v", role, verb, kind, got, want)
				}
			}
		}
		if got := allowed(user, "get", "/configmaps", "cilium-config"); got != (role == "medfence-auditor") {
			t.Errorf("%s: get configmaps/cilium-config: allowed is %v", role, got)
		}
	}
}

// Whatever a role names is in the tables: a rule more is a line more there.
func TestNoRoleNamesAKindThatTheTablesLeaveOut(t *testing.T) {
	l := newLab(t)
	c, err := kubernetes.NewForConfig(l.cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	roles, err := c.RbacV1().ClusterRoles().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i := range roles.Items {
		role := &roles.Items[i]
		if _, ok := may[role.Name]; !ok {
			continue
		}
		seen++
		if len(role.Labels) > 0 || role.AggregationRule != nil {
			t.Errorf("%s has labels or gathers others: it would flow into roles such as admin", role.Name)
		}
		for _, r := range role.Rules {
			if len(r.NonResourceURLs) > 0 {
				t.Errorf("%s names URLs %v", role.Name, r.NonResourceURLs)
			}
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					if !slices.Contains(kindsOf, group+"/"+resource) {
						t.Errorf("%s names %s/%s, and the tables do not", role.Name, group, resource)
					}
				}
			}
			for _, v := range r.Verbs {
				if !slices.Contains(verbs, v) {
					t.Errorf("%s names the verb %s, and the tables do not", role.Name, v)
				}
			}
		}
	}
	if seen != len(may) {
		t.Errorf("%d roles of %d are there", seen, len(may))
	}
}

// Real requests, of users who are impersonated: the tables ask RBAC alone.
func TestRequestsOfEachRole(t *testing.T) {
	l := newLab(t)
	l.must(t, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: theirs, namespace: default}
spec: {podSelector: {}}
---
apiVersion: v1
kind: Secret
metadata: {name: theirs, namespace: default}`)
	const zone = `{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: new}, spec: {role: Device, enforcement: Enforce, members: {namespaces: [ward]}}}`
	const device = `{apiVersion: medfence.io/v1alpha1, kind: MedicalDevice, metadata: {name: new, namespace: default%s}, spec: {zone: icu, criticality: Ancillary}}`
	const policy = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: new, namespace: default}, spec: {podSelector: {}}}`
	label := fmt.Sprintf(device, ", labels: {security.medfence.io/tier: gold}")
	read := func(group, kind, name string) ask {
		return func(t *testing.T, c client.Client) error {
			o := named(kind + " default/" + name)
			o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind})
			return c.Get(t.Context(), client.ObjectKeyFromObject(o), o)
		}
	}
	asks := map[string]ask{
		"zone": creates(zone), "device": creates(fmt.Sprintf(device, "")), "labelled device": creates(label), "policy": creates(policy),
		"read policy": read("networking.k8s.io", "NetworkPolicy", "theirs"), "read secret": read("", "Secret", "theirs"),
	}
	for role, passes := range map[string][]string{
		"medfence-clinical-engineer":  {"device"},
		"medfence-security-officer":   {"zone", "read policy"},
		"medfence-incident-responder": {"read policy"},
		"medfence-auditor":            {"read policy"},
		"medfence-zone-reader":        {},
	} {
		c := l.as(t, rest.ImpersonationConfig{UserName: "only-" + role})
		for name, a := range asks {
			err := a(t, c)
			if slices.Contains(passes, name) && err != nil || !slices.Contains(passes, name) && !apierrors.IsForbidden(err) {
				t.Errorf("%s: %s: %v", role, name, err)
			}
		}
		if _, err := l.impersonates(t, "only-"+role); !apierrors.IsForbidden(err) {
			t.Errorf("%s impersonates another: %v", role, err)
		}
	}
}

// impersonates asks whether a user, by certificate, may take another's name.
func (l *lab) impersonates(t *testing.T, user string) (string, error) {
	t.Helper()
	config, err := l.cluster.UserConfig(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "somebody"}
	seen, err := review(t, config)
	return seen.Username, err
}
