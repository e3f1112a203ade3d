package crash

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

func keyOf(u *unstructured.Unstructured) string {
	return u.GetKind() + "/" + u.GetNamespace() + "/" + u.GetName()
}

func (s policySet) put(u *unstructured.Unstructured) { s[keyOf(u)] = u }
