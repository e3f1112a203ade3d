package apply

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/cidrgroup"
)

// names are the groups that each live policy names, by namespace and by the
// policy's rendered name.
type names map[string]map[string]map[string]bool

// naming returns the groups that the live policies of all zones name.
func (r *run) naming(ctx context.Context) (names, error) {
	if r.live != nil {
		return r.live, nil
	}
	live := names{}
	for _, kind := range []string{kindCiliumPolicy, kindClusterPolicy} {
		policies, err := r.view.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, u := range policies {
			in := live[u.GetNamespace()]
			if in == nil {
				in = map[string]map[string]bool{}
				live[u.GetNamespace()] = in
			}
			in[standsFor(u)] = cidrgroup.Named(u.Object)
			if _, passing := u.GetAnnotations()[AnnotationTightened]; passing {
				in[standsFor(u)][passingMark] = true
			}
		}
	}
	r.live = live
	return live, nil
}

// policyAt returns the key of a policy that names groups.
func policyAt(namespace, name string) key {
	if namespace == "" {
		return key{kindClusterPolicy, "", name}
	}
	return key{kindCiliumPolicy, namespace, name}
}

// passingMark stands among the groups of a policy that is between two forms: it
// denies whatever either does, and needs the groups of both.
const passingMark = ""

// behind returns the policy that names one group but not yet the other: the
// reader itself or, while it is still to be written, another of its namespace
// that it may be to replace. A guard replaces no other.
func (n names) behind(reader types.NamespacedName, from, to string) string {
	in := n[reader.Namespace]
	if groups, ok := in[reader.Name]; ok {
		if groups[from] && (!groups[to] || groups[passingMark]) {
			return reader.Name
		}
		return ""
	}
	if reader.Namespace == "" {
		return ""
	}
	for name, groups := range in {
		if groups[from] && !groups[to] {
			return name
		}
	}
	return ""
}
