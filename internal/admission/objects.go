package admission

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Options say for which installation the objects are.
type Options struct {
	// Namespace and ServiceAccount are the operator's own. By default
	// medfence-system and medfence-operator.
	Namespace, ServiceAccount string
	// Protected are namespaces that no zone may hold, beside those that never
	// can; guards of zones do not look at them.
	Protected []string
	// Modes are the modes of guards by name; the default of each if omitted.
	Modes map[string]Mode
}

func (o Options) complete() Options {
	if o.Namespace == "" {
		o.Namespace = "medfence-system"
	}
	if o.ServiceAccount == "" {
		o.ServiceAccount = "medfence-operator"
	}
	return o
}

// operator is the operator's name for the API server.
func (o Options) operator() string {
	return "system:serviceaccount:" + o.Namespace + ":" + o.ServiceAccount
}

// protected are the namespaces that a zone cannot hold, whatever it lists:
// those of DeviceZone's own rule, the operator's, and those of Cilium's charts.
// A mistake in a zone must not reach what the cluster needs to run.
func (o Options) protected() []string {
	always := []string{
		"kube-system", "kube-public", "kube-node-lease", "default",
		"cilium", "cilium-secrets", "cilium-spire", "cilium-test",
	}
	return sorted(append(append(always, o.Namespace), o.Protected...))
}

// An Installed is a policy and the binding that puts it to work.
type Installed struct {
	Guard   string
	Policy  *admissionregistrationv1.ValidatingAdmissionPolicy
	Binding *admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// Install returns the objects of every guard that is not off, in order. It
// fails on modes of guards that there are not.
func Install(o Options) ([]Installed, error) {
	o = o.complete()
	guards := Guards()
	if err := knownModes(guards, o.Modes); err != nil {
		return nil, err
	}
	var out []Installed
	for _, g := range guards {
		mode, ok := o.Modes[g.Name]
		if !ok {
			mode = g.Default
		}
		if mode == Off {
			continue
		}
		for _, p := range g.policies {
			out = append(out, p.install(g.Name, mode, o))
			if p.observing != "" {
				out = append(out, p.forObserved().install(g.Name, Warn, o))
			}
		}
	}
	return out, nil
}

// knownModes returns an error for a mode of no guard, or that is none.
func knownModes(guards []Guard, modes map[string]Mode) error {
	var known []string
	for _, g := range guards {
		known = append(known, g.Name)
	}
	for _, name := range sortedKeys(modes) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no guard %q: the guards are %s", name, strings.Join(known, ", "))
		}
		if _, err := ParseMode(string(modes[name])); err != nil {
			return fmt.Errorf("guard %s: %w", name, err)
		}
	}
	return nil
}

// forObserved returns the policy for zones in Observe.
func (p policy) forObserved() policy {
	p.part = dashed(p.part, "observe")
	p.zone, p.observing = p.observing, ""
	if p.observed != nil {
		p.rules = p.observed
	}
	return p
}

func (p policy) install(guard string, mode Mode, o Options) Installed {
	name := dashed("medfence", guard, p.part)
	policyObject := &admissionregistrationv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelGuard: guard}},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    new(p.failure),
			MatchConstraints: p.constraints(o),
			MatchConditions:  p.matchConditions(o),
			Variables:        p.variables,
			Validations:      p.written(),
		},
	}
	bindingObject := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{LabelGuard: guard}},
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: mode.actions()},
	}
	if p.zone != "" {
		policyObject.Spec.ParamKind = &admissionregistrationv1.ParamKind{
			APIVersion: medfencev1alpha1.GroupVersion.String(), Kind: "DeviceZone",
		}
		bindingObject.Spec.ParamRef = &admissionregistrationv1.ParamRef{
			Selector:                &metav1.LabelSelector{}, // every zone
			ParameterNotFoundAction: new(admissionregistrationv1.AllowAction),
		}
	}
	return Installed{Guard: guard, Policy: policyObject, Binding: bindingObject}
}

// constraints are what the API server looks at before any expression.
func (p policy) constraints(o Options) *admissionregistrationv1.MatchResources {
	out := &admissionregistrationv1.MatchResources{
		MatchPolicy:   new(admissionregistrationv1.Equivalent),
		ResourceRules: p.rules,
	}
	if !p.cluster {
		out.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: o.protected(),
		}}}
	}
	return out
}

func (p policy) matchConditions(o Options) []admissionregistrationv1.MatchCondition {
	out := []admissionregistrationv1.MatchCondition{{Name: "not-exempt", Expression: notExempt(o.operator())}}
	if p.zone != "" {
		out = append(out, admissionregistrationv1.MatchCondition{Name: "zone", Expression: p.zone})
	}
	return append(out, p.conditions...)
}

func (p policy) written() []admissionregistrationv1.Validation {
	out := make([]admissionregistrationv1.Validation, 0, len(p.validations))
	for _, v := range p.validations {
		out = append(out, admissionregistrationv1.Validation{
			Expression: v.rule, Message: v.short, MessageExpression: v.words, Reason: new(metav1.StatusReasonForbidden),
		})
	}
	return out
}
