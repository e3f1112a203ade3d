package apply

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// readValidity notes the policies that Cilium says it does not take: its
// operator sets the condition Valid. None is no word against it.
func (r *run) readValidity() {
	for _, w := range r.wanted {
		live := r.view.objects[w.at()]
		if live == nil || !r.isFor(live, w) {
			continue
		}
		if why, invalid := invalidity(live); invalid {
			r.set.Invalid = append(r.set.Invalid, w.at().change(why))
		}
	}
}

// invalidity returns what Cilium says against an object.
func invalidity(live *unstructured.Unstructured) (why string, invalid bool) {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if c["type"] == "Valid" && c["status"] == "False" {
			why, _ = c["message"].(string)
			return why, true
		}
	}
	return "", false
}
