// Package cidrgroup reads CiliumCIDRGroups, and the policies that name them, as
// they are stored. A policy names a group by a field, or by a requirement on the
// label that Cilium gives to the addresses of the group
// (pkg/policy/api/cidr.go of Cilium 1.20).
package cidrgroup

import (
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// FieldRef is the field by which a Cilium policy names a CIDR group.
	FieldRef = "cidrGroupRef"
	// LabelPrefix begins the label that Cilium gives to the addresses of a group:
	// a requirement on it names the group too.
	LabelPrefix = "io.cilium.policy.cidrgroupname/"
)

// In returns the group that one field of a policy names, and what stands before
// the group's name in the field's value.
func In(name string, value any) (group, before string, ok bool) {
	text, isText := value.(string)
	if !isText {
		return "", "", false
	}
	if name == FieldRef {
		return text, "", true
	}
	group, ok = strings.CutPrefix(text, LabelPrefix)
	return group, LabelPrefix, ok && name == "key"
}

// Named returns the groups that a policy, or a part of one, names.
func Named(node any) map[string]bool {
	out := map[string]bool{}
	collect(node, out)
	return out
}

func collect(node any, out map[string]bool) {
	switch n := node.(type) {
	case map[string]any:
		for name, field := range n {
			if group, _, ok := In(name, field); ok {
				out[group] = true
			}
			collect(field, out)
		}
	case []any:
		for _, item := range n {
			collect(item, out)
		}
	}
}

// Prefixes returns the addresses of a group, as far as they can be read.
func Prefixes(fields map[string]any) []netip.Prefix {
	texts, _, _ := unstructured.NestedStringSlice(fields, "spec", "externalCIDRs")
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}
