package apply

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/flow"
)

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
			if group, prefix, ok := cidrgroup.In(name, field); ok {
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
