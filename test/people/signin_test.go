package people_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/strongauth"
)

func ago(d time.Duration) int64 { return time.Now().Add(-d).Unix() }

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// signIns are tokens that an identity provider may give.
func signIns() map[string]map[string]any {
	return map[string]map[string]any{
		"password only":             {"amr": []string{"pwd"}, "auth_time": ago(0)},
		"fresh":                     {"amr": []string{"pwd", "otp", "mfa"}, "auth_time": ago(time.Minute)},
		"stale":                     {"amr": []string{"pwd", "otp", "mfa"}, "auth_time": ago(2 * time.Hour)},
		"fresh, of a long token":    {"amr": []string{"mfa"}, "auth_time": ago(0), "exp": in(12 * time.Hour)},
		"no amr":                    {"auth_time": ago(0)},
		"amr of one word":           {"amr": "mfa", "auth_time": ago(0)},
		"amr of a longer word":      {"amr": []string{"mfa-pending"}, "auth_time": ago(0)},
		"no auth_time":              {"amr": []string{"mfa"}},
		"auth_time in milliseconds": {"amr": []string{"mfa"}, "auth_time": time.Now().UnixMilli()},
		"auth_time as text":         {"amr": []string{"mfa"}, "auth_time": fmt.Sprint(ago(0))},
		"the extra as a claim":      {"amr": []string{"pwd"}, "auth_time": ago(0), strongauth.DefaultKey: []string{"x"}, "extra": map[string]any{strongauth.DefaultKey: []string{"x"}}},
	}
}

// signedIn returns the configuration of somebody with a token.
func (l *lab) signedIn(t *testing.T, subject string, claims map[string]any) *rest.Config {
	t.Helper()
	token, err := l.issuer.token(subject, claims)
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(l.cluster.Config())
	config.BearerToken, config.QPS, config.Burst = token, 1000, 2000
	return config
}

// whoami returns whom the API server sees, when it has read the issuer's keys.
func whoami(t *testing.T, config *rest.Config) authenticationv1.UserInfo {
	t.Helper()
	var seen authenticationv1.UserInfo
	eventually(t, "the API server to know the issuer", func() (err error) {
		seen, err = review(t, config)
		return err
	})
	return seen
}

// review asks the API server once whom it sees.
func review(t *testing.T, config *rest.Config) (authenticationv1.UserInfo, error) {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	return got.Status.UserInfo, err
}

// The guide shows the file that the tests run with.
func TestTheGuideGivesTheFileThatIsTested(t *testing.T) {
	file, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/strong-authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(guide), "```yaml\n"+string(file)+"```") {
		t.Errorf("docs/strong-authentication.md does not have %s as it is", sample)
	}
}

func TestTheExtraIsThereOnlyAfterARecentMultiFactorSignIn(t *testing.T) {
	l := newLab(t)
	for name, claims := range signIns() {
		got := whoami(t, l.signedIn(t, "sara", claims))
		if diff := cmp.Diff([]string{"staff:security", "system:authenticated"}, got.Groups); diff != "" || got.Username != "staff:sara" {
			t.Errorf("%s: %s is in (-want +got)\n%s", name, got.Username, diff)
		}
		extra := got.Extra[strongauth.DefaultKey]
		if name != "fresh" {
			if len(extra) != 0 {
				t.Errorf("%s: %v", name, extra)
			}
			continue
		}
		at, err := time.Parse(time.RFC3339, strings.Join(extra, ""))
		if err != nil || at.Unix() != claims["auth_time"] {
			t.Errorf("%s: %v is not the time of the sign-in (%v)", name, extra, err)
		}
	}
}

// The whole of it rests on this: who signed in long ago has no token any more.
func TestATokenThatHasEndedIsNotTaken(t *testing.T) {
	l := newLab(t)
	whoami(t, l.signedIn(t, "sara", signIns()["fresh"])) // the issuer is known
	for name, claims := range map[string]map[string]any{
		"ended":                    {"exp": ago(time.Second)},
		"without an end":           {"exp": nil},
		"for somebody else":        {"aud": "wiki"},
		"of an issuer that is not": {"iss": "https://elsewhere.example"},
	} {
		if _, err := review(t, l.signedIn(t, "sara", claims)); !apierrors.IsUnauthorized(err) {
			t.Errorf("a token %s: %v", name, err)
		}
	}
}

func TestNobodyGivesHimselfTheExtra(t *testing.T) {
	l := newLab(t)
	l.must(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: test-impersonates-people}
rules: [{apiGroups: [""], resources: [users, groups], verbs: [impersonate]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-impersonates-people}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: test-impersonates-people}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "staff:ines"}]`)
	forge := rest.ImpersonationConfig{UserName: "staff:sara", Extra: map[string][]string{strongauth.DefaultKey: {"2026-01-01T00:00:00Z"}}}
	for _, who := range []string{"sara", "ines"} {
		config := l.signedIn(t, who, signIns()["fresh"])
		whoami(t, config)
		config.Impersonate = forge
		_, err := review(t, config)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "cannot impersonate") {
			t.Errorf("%s gives the extra: %v", who, err)
		}
	}
	// Whoever may impersonate another has that user's sign-in, not his own.
	config := l.signedIn(t, "ines", signIns()["fresh"])
	config.Impersonate = rest.ImpersonationConfig{UserName: "staff:sara"}
	if got := whoami(t, config); len(got.Extra[strongauth.DefaultKey]) != 0 {
		t.Errorf("the extra of the one who impersonates is left: %v", got.Extra)
	}
	// Who may do everything may do this, and the audit log has it.
	root := l.cluster.Config()
	root.Impersonate = forge
	if got := whoami(t, root); len(got.Extra[strongauth.DefaultKey]) != 1 {
		t.Errorf("system:masters gives no extra: %v", got.Extra)
	}
}

// must creates objects of a test.
func (l *lab) must(t *testing.T, manifests string) {
	t.Helper()
	if err := l.create(manifests); err != nil {
		t.Fatal(err)
	}
}

// An ask is a request that changes nothing: it is a dry run.
type ask func(t *testing.T, c client.Client) error

func creates(manifest string) ask {
	return func(t *testing.T, c client.Client) error {
		objects, err := parse(manifest)
		if err != nil || len(objects) != 1 {
			return errors.Join(err, fmt.Errorf("%d objects in %s", len(objects), manifest))
		}
		return c.Create(t.Context(), objects[0], client.DryRunAll)
	}
}

// named returns an object: "DeviceZone icu" or "MedicalDevice icu/pump".
func named(what string) client.Object {
	kind, name, _ := strings.Cut(what, " ")
	objects, err := parse("{apiVersion: medfence.io/v1alpha1, kind: " + kind + "}")
	if err != nil {
		panic(err)
	}
	o := objects[0]
	if namespace, rest, ok := strings.Cut(name, "/"); ok {
		o.SetNamespace(namespace)
		name = rest
	}
	o.SetName(name)
	return o
}

func patches(what, patch string) ask {
	return func(t *testing.T, c client.Client) error {
		return c.Patch(t.Context(), named(what), client.RawPatch("application/merge-patch+json", []byte(patch)), client.DryRunAll)
	}
}

func patchesStatus(what, patch string) ask {
	return func(t *testing.T, c client.Client) error {
		return c.Status().Patch(t.Context(), named(what), client.RawPatch("application/merge-patch+json", []byte(patch)), client.DryRunAll)
	}
}

func deletes(what string) ask {
	return func(t *testing.T, c client.Client) error { return c.Delete(t.Context(), named(what), client.DryRunAll) }
}

func deletesAll(kind string) ask {
	return func(t *testing.T, c client.Client) error {
		return c.DeleteAllOf(t.Context(), named(kind+" default/any"), client.DryRunAll)
	}
}
