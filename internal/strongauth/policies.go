package strongauth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/admission"
)

// DefaultKey is the key of userInfo.extra that a recent multi-factor sign-in
// fills, with the time of the sign-in.
const DefaultKey = "medfence.io/mfa"

// ArgoCD is the service account with which Argo CD applies what is in Git.
const ArgoCD = "system:serviceaccount:argocd:argocd-application-controller"

// Options say for which installation the policies are.
type Options struct {
	// Key of userInfo.extra; DefaultKey if omitted.
	Key string
	// Operator is the user name of the operator's service account; that of
	// config/default if omitted.
	Operator string
	// Exempt are user names, whole, that need no second factor: those of GitOps.
	// Argo CD's alone if nil; nobody if empty.
	Exempt []string
	// Mode of all policies; admission.Deny if omitted.
	Mode admission.Mode
}

func (o Options) complete() Options {
	if o.Key == "" {
		o.Key = DefaultKey
	}
	if o.Operator == "" {
		o.Operator = "system:serviceaccount:medfence-system:medfence-operator"
	}
	if o.Exempt == nil {
		o.Exempt = []string{ArgoCD}
	}
	if o.Mode == "" {
		o.Mode = admission.Deny
	}
	return o
}

var (
	// extraKey is what the API server takes as a key of extra: a domain, a slash
	// and a path, in lower case.
	extraKey = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[-a-z0-9._~]+$`)
	// userName has no quote, backslash or star in it: names are whole.
	userName = regexp.MustCompile(`^[A-Za-z0-9:@._-]+$`)
)

func (o Options) check() error {
	if !extraKey.MatchString(o.Key) {
		return fmt.Errorf("%q is not a key of userInfo.extra: write a domain, a slash and a name in lower case, such as %s", o.Key, DefaultKey)
	}
	for _, name := range append([]string{o.Operator}, o.Exempt...) {
		if !userName.MatchString(name) {
			return fmt.Errorf("%q is not a user name: write the whole name, such as %s; there are no patterns", name, ArgoCD)
		}
	}
	if _, err := admission.ParseMode(string(o.Mode)); err != nil {
		return fmt.Errorf("reading the mode of strong authentication: %w", err)
	}
	return nil
}

// exempt are all who need no second factor, sorted.
func (o Options) exempt() []string {
	names := append([]string{o.Operator}, o.Exempt...)
	slices.Sort(names)
	return slices.Compact(names)
}

// A kind is what one policy looks at.
type kind struct {
	plural     string
	operations []admissionregistrationv1.OperationType
	// weakens are the reasons why a change weakens, as CEL expressions of lists
	// of strings.
	weakens string
}

// part is one reason: where when is true, what the person reads.
type part struct{ when, says string }

// parts returns the expression of the list of those that are true.
func parts(all []part) string {
	out := make([]string, 0, len(all))
	for _, p := range all {
		out = append(out, "("+p.when+" ? ['"+p.says+"'] : [])")
	}
	return strings.Join(out, " +\n")
}

func kinds() []kind {
	return []kind{conduits(), devices(), zones()}
}

// Install returns the policy and the binding of each kind; none if the mode is
// off. It fails on options that the API server would not take, or that would
// exempt more than one name.
func Install(o Options) ([]admission.Installed, error) {
	o = o.complete()
	if err := o.check(); err != nil {
		return nil, err
	}
	var out []admission.Installed
	if o.Mode == admission.Off {
		return out, nil
	}
	for _, k := range kinds() {
		out = append(out, k.install(o))
	}
	return out, nil
}

// Name of the policies and their bindings, before the kind; also the value of
// admission.LabelGuard.
const Name = "strong-authentication"

func (k kind) install(o Options) admission.Installed {
	name := "medfence-" + Name + "-" + k.plural
	meta := metav1.ObjectMeta{Name: name, Labels: map[string]string{admission.LabelGuard: Name}}
	return admission.Installed{
		Guard: k.plural,
		Policy: &admissionregistrationv1.ValidatingAdmissionPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
			ObjectMeta: meta,
			Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
				FailurePolicy:    new(admissionregistrationv1.Fail), // our own kinds alone
				MatchConstraints: k.constraints(),
				MatchConditions: []admissionregistrationv1.MatchCondition{{
					Name: "not-exempt", Expression: notExempt(o.exempt()),
				}},
				Variables: []admissionregistrationv1.Variable{
					{Name: "strong", Expression: strong(o.Key)},
					{Name: "now", Expression: "object == null ? dyn({'metadata': {}, 'spec': {}}) : dyn(object)"},
					{Name: "was", Expression: "oldObject == null ? dyn({'metadata': {}, 'spec': {}}) : dyn(oldObject)"},
					{Name: "weakens", Expression: k.weakening()},
				},
				Validations: []admissionregistrationv1.Validation{{
					Expression:        "variables.strong || size(variables.weakens) == 0",
					Message:           "this weakens the isolation of medical devices: sign in again with multi-factor authentication and repeat it (docs/strong-authentication.md)",
					MessageExpression: words,
					Reason:            new(metav1.StatusReasonForbidden),
				}},
				AuditAnnotations: []admissionregistrationv1.AuditAnnotation{{
					Key:             "weakens",
					ValueExpression: "variables.weakens.join('; ')", // omitted if empty
				}},
			},
		},
		Binding: &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
			ObjectMeta: *meta.DeepCopy(),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: name, ValidationActions: actions(o.Mode),
			},
		},
	}
}

func actions(m admission.Mode) []admissionregistrationv1.ValidationAction {
	if m == admission.Warn {
		return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
	}
	return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny, admissionregistrationv1.Audit}
}

// constraints look at the kind, and at its status, which holds what is in force.
func (k kind) constraints() *admissionregistrationv1.MatchResources {
	rule := func(resource string, operations []admissionregistrationv1.OperationType) admissionregistrationv1.NamedRuleWithOperations {
		return admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: operations,
			Rule: admissionregistrationv1.Rule{
				APIGroups: []string{medfencev1alpha1.GroupVersion.Group}, APIVersions: []string{"*"},
				Resources: []string{resource}, Scope: new(admissionregistrationv1.AllScopes),
			},
		}}
	}
	return &admissionregistrationv1.MatchResources{
		MatchPolicy: new(admissionregistrationv1.Equivalent),
		ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{
			rule(k.plural, k.operations),
			rule(k.plural+"/status", []admissionregistrationv1.OperationType{admissionregistrationv1.Update}),
		},
	}
}

// weakening is the list of what a request weakens.
func (k kind) weakening() string {
	return "has(request.subResource) && request.subResource == 'status' ?\n" +
		"['it writes the status, which says what is in force'] :\n" + k.weakens
}

// strong is true for a user whose sign-in was recent and multi-factor.
func strong(key string) string {
	return strings.ReplaceAll("has(request.userInfo.extra) && 'KEY' in request.userInfo.extra &&\n"+
		"request.userInfo.extra['KEY'].exists(v, v != '')", "KEY", key)
}

// notExempt is false for users by their whole name, and for emergencies.
func notExempt(users []string) string {
	return "!(request.userInfo.username in ['" + strings.Join(users, "',\n  '") + "']) &&\n" +
		"!(has(request.userInfo.groups) && '" + admission.Breakglass + "' in request.userInfo.groups)"
}

// words say who is refused, what of it weakens, and what to do.
const words = `request.userInfo.username + ' may not do this to ' + request.kind.kind + ' ' +
(has(request.namespace) && request.namespace != '' ? request.namespace + '/' : '') +
(oldObject != null ? oldObject.metadata.name :
 has(object.metadata.name) && object.metadata.name != '' ? object.metadata.name :
 has(object.metadata.generateName) ? object.metadata.generateName + '*' : '') +
' without a recent multi-factor sign-in, since ' + variables.weakens.join('; ') +
'. Sign in again with your second factor and repeat it; what tightens needs none (docs/strong-authentication.md). ' +
'In an emergency: kubectl --as=` + admission.Breakglass + ` --as-group=` + admission.Breakglass + ` (docs/admission.md).'`
