package people_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// echo refuses every change of ConfigMaps that bear a label, and says of what
// time the request seems to be.
const echo = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: test-clock}
spec:
  failurePolicy: Fail
  matchConstraints:
    objectSelector: {matchLabels: {test: clock}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE, DELETE], resources: [configmaps]}]
  validations:
  - expression: "false"
    message: "it has no time"
    messageExpression: "object == null ? 'nothing' : 'written ' + (has(object.metadata.managedFields) ? object.metadata.managedFields.map(m, m.manager + ' ' + string(m.time)).join(',') : '')"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: test-clock}
spec: {policyName: test-clock, validationActions: [Deny]}
`

// An admission policy has no clock. This is why how recent a sign-in is must be
// in the token: no field of a request says when it is made (docs/adr/0028).
func TestNoFieldOfARequestSaysWhenItIs(t *testing.T) {
	l := newLab(t)
	object := func() *corev1.ConfigMap {
		o := &corev1.ConfigMap{}
		o.Name, o.Namespace, o.Labels = "clock", "default", map[string]string{"test": "clock"}
		o.Data = map[string]string{"expiresAt": "soon"}
		long := metav1.NewTime(time.Now().Add(-24 * time.Hour).Truncate(time.Second))
		fields := metav1.NewFieldsV1(`{"f:data":{"f:expiresAt":{}}}`)
		o.ManagedFields = []metav1.ManagedFieldsEntry{{
			Manager: "before", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &long,
			FieldsType: "FieldsV1", FieldsV1: fields,
		}}
		return o
	}
	if err := l.root.Create(t.Context(), object()); err != nil {
		t.Fatal(err)
	}
	l.must(t, echo)
	written := func(o *corev1.ConfigMap) (text string) {
		eventually(t, "the policy", func() error {
			err := l.root.Update(t.Context(), o.DeepCopy(), client.FieldOwner("me"))
			if err == nil || !strings.Contains(err.Error(), "written") {
				return fmt.Errorf("it says %w", err)
			}
			text = err.Error()
			return nil
		})
		return text
	}
	today := time.Now().UTC().Format("2006-01-02")
	edit := func(change func(*corev1.ConfigMap)) string {
		o := object()
		change(o)
		return written(o)
	}
	// Whoever writes a field is there with the time, if nobody forges it.
	honest := edit(func(o *corev1.ConfigMap) { o.ManagedFields, o.Data["expiresAt"] = nil, "later" })
	if !strings.Contains(honest, "me "+today) {
		t.Errorf("an edit has no time of today: %s", honest)
	}
	// But managedFields are fields of the request too, and whoever takes a field
	// away, such as expiresAt, writes none.
	for name, got := range map[string]string{
		"forged":  edit(func(o *corev1.ConfigMap) { o.Data["expiresAt"] = "later" }),
		"removal": edit(func(o *corev1.ConfigMap) { o.Data = nil }),
	} {
		if strings.Contains(got, today) {
			t.Errorf("%s: it has a time of today, and policies could use it: %s", name, got)
		}
	}
	// And a deletion has no object at all.
	if err := l.root.Delete(t.Context(), object()); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a deletion says %v", err)
	}
}
