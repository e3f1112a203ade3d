package apply

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/flow"
)

const (
	// groupRef is the field by which a Cilium policy names a CIDR group.
	groupRef = "cidrGroupRef"
	// groupKey begins the label that Cilium gives to the addresses of a group:
	// a requirement on it names the group too.
	groupKey = "io.cilium.policy.cidrgroupname/"
)

// groupIn returns the group that a field names.
func groupIn(name string, field any) (group string, prefix string, ok bool) {
	text, isText := field.(string)
	if !isText {
		return "", "", false
	}
	if name == groupRef {
		return text, "", true
	}
	group, ok = strings.CutPrefix(text, groupKey)
	return group, groupKey, ok && name == "key"
}

// prefixesOf returns the addresses of a CIDR group.
func prefixesOf(fields map[string]any) []netip.Prefix {
	texts, _, _ := unstructured.NestedStringSlice(fields, "spec", "externalCIDRs")
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// withPrefixes returns the content of a CIDR group with other addresses.
func (c content) withPrefixes(prefixes []netip.Prefix) content {
	list := []any{}
	for _, p := range flow.MergePrefixes(prefixes) {
		list = append(list, p.String())
	}
	old, _ := c.body["spec"].(map[string]any)
	spec, body := map[string]any{}, map[string]any{}
	maps.Copy(spec, old)
	maps.Copy(body, c.body)
	spec["externalCIDRs"], body["spec"] = list, spec
	c.body = body
	return c
}

// intersect returns the addresses that are in both lists.
func intersect(a, b []netip.Prefix) []netip.Prefix {
	if !slices.ContainsFunc(b, func(p netip.Prefix) bool { return flow.Overlaps(a, p) }) {
		return nil
	}
	return flow.SubtractPrefixes(a, flow.SubtractPrefixes(a, b))
}

// refs returns the CIDR groups that a policy names.
func refs(node any) map[string]bool {
	out := map[string]bool{}
	collectRefs(node, out)
	return out
}

func collectRefs(node any, out map[string]bool) {
	switch n := node.(type) {
	case map[string]any:
		for name, field := range n {
			if group, _, ok := groupIn(name, field); ok {
				out[group] = true
			}
			collectRefs(field, out)
		}
	case []any:
		for _, item := range n {
			collectRefs(item, out)
		}
	}
}

// withRefs returns the content of a policy with its groups renamed.
func (c content) withRefs(slots map[string]string) content {
	for name, slot := range slots {
		if name != slot {
			c.body, _ = renameRefs(c.body, slots).(map[string]any)
			return c
		}
	}
	return c
}

// renameRefs returns a copy of a policy with its CIDR groups renamed.
func renameRefs(node any, slots map[string]string) any {
	switch n := node.(type) {
	case map[string]any:
		out := make(map[string]any, len(n))
		for name, field := range n {
			if group, prefix, ok := groupIn(name, field); ok {
				out[name] = prefix + slots[group]
				continue
			}
			out[name] = renameRefs(field, slots)
		}
		return out
	case []any:
		out := make([]any, len(n))
		for i, item := range n {
			out[i] = renameRefs(item, slots)
		}
		return out
	}
	return node
}

func sortedSet(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
