package apply

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/cidrgroup"
)

// covered reports whether specs of guards or moats deny, by themselves, whatever
// another spec denies. It is no algebra of selectors: it knows the changes that
// conduits make to a guard, and says no to all that it does not know. A no costs a
// write; it never decides what is denied at the end.
func covered(spec any, by []any) bool {
	s, ok := spec.(map[string]any)
	if !ok {
		return false
	}
	var beside []map[string]any
	for _, other := range by {
		if o, ok := other.(map[string]any); ok && reflect.DeepEqual(subject(s), subject(o)) {
			beside = append(beside, o)
		}
	}
	for _, direction := range []struct{ field, prefix string }{{"ingressDeny", "from"}, {"egressDeny", "to"}} {
		var wide []map[string]any
		for _, o := range beside {
			wide = append(wide, rulesOf(o, direction.field)...)
		}
		for _, rule := range rulesOf(s, direction.field) {
			if !ruleCovered(rule, wide, direction.prefix) {
				return false
			}
		}
	}
	return len(beside) > 0
}

// subject returns of a spec all but its deny rules: whom it is about.
func subject(spec map[string]any) map[string]any {
	out := maps.Clone(spec)
	delete(out, "ingressDeny")
	delete(out, "egressDeny")
	return out
}

func rulesOf(spec map[string]any, field string) []map[string]any {
	list, _ := spec[field].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, rule := range list {
		r, _ := rule.(map[string]any)
		out = append(out, r) // nil is covered by nothing
	}
	return out
}

// ruleCovered reports whether every peer of a rule is denied by one of the
// others, by ports that are the same or all.
func ruleCovered(rule map[string]any, others []map[string]any, prefix string) bool {
	fields := 0
	for _, kind := range []string{"Endpoints", "Entities", "CIDRSet"} {
		peers, has := rule[prefix+kind].([]any)
		if !has {
			continue
		}
		fields++
		for _, peer := range peers {
			denies := func(o map[string]any) bool { return samePorts(rule, o) && peerCovered(kind, peer, o, prefix) }
			if !slices.ContainsFunc(others, denies) {
				return false
			}
		}
	}
	for _, ports := range portFields {
		if _, has := rule[ports]; has {
			fields++
		}
	}
	return len(rule) > 0 && fields == len(rule)
}

// portFields narrow a rule.
var portFields = []string{"toPorts", "icmps"}

// samePorts reports whether a rule denies no traffic that the other does not: the
// other denies all, or just the same.
func samePorts(rule, other map[string]any) bool {
	for _, field := range portFields {
		if _, narrow := other[field]; narrow && !reflect.DeepEqual(rule[field], other[field]) {
			return false
		}
	}
	return true
}

// peerCovered reports whether a rule denies a peer of a kind.
func peerCovered(kind string, peer any, rule map[string]any, prefix string) bool {
	list, _ := rule[prefix+kind].([]any)
	if slices.ContainsFunc(list, func(p any) bool { return reflect.DeepEqual(p, peer) }) {
		return true
	}
	switch kind {
	case "Endpoints":
		return slices.ContainsFunc(list, func(p any) bool { return implies(peer, p) })
	case "CIDRSet":
		entities, _ := rule[prefix+"Entities"].([]any)
		return slices.Contains(entities, any("world")) || slices.ContainsFunc(list, func(p any) bool { return addressCovered(peer, p) })
	}
	return false
}

// addressCovered reports whether the addresses of one item of a CIDR set are among
// those of a complement of groups. Groups are disjoint at rest: a group is in the
// complement of others.
func addressCovered(item, of any) bool {
	a, _ := item.(map[string]any)
	b, _ := of.(map[string]any)
	complement, ok := b["cidrGroupSelector"]
	if !ok || len(b) != 1 || len(a) != 1 {
		return false
	}
	if narrower, ok := a["cidrGroupSelector"]; ok {
		return implies(narrower, complement)
	}
	group, ok := a[cidrgroup.FieldRef].(string)
	requirements, known := requirementsOf(complement)
	return ok && known && !slices.ContainsFunc(requirements, func(r requirement) bool {
		return r.operator != "DoesNotExist" || r.key == cidrgroup.LabelPrefix+group || !strings.HasPrefix(r.key, cidrgroup.LabelPrefix)
	})
}

// A requirement is one of a label selector.
type requirement struct {
	key, operator string
	values        []any
}

// requirementsOf returns the requirements of a selector, if it has no other
// fields.
func requirementsOf(selector any) (out []requirement, ok bool) {
	s, ok := selector.(map[string]any)
	if !ok {
		return nil, false
	}
	for field, content := range s {
		switch list := content.(type) {
		case map[string]any:
			if field != "matchLabels" {
				return nil, false
			}
			for key, value := range list {
				out = append(out, requirement{key, "In", []any{value}})
			}
		case []any:
			if field != "matchExpressions" {
				return nil, false
			}
			for _, item := range list {
				e, _ := item.(map[string]any)
				r := requirement{}
				r.key, _ = e["key"].(string)
				r.operator, _ = e["operator"].(string)
				r.values, _ = e["values"].([]any)
				out = append(out, r)
			}
		default:
			return nil, false
		}
	}
	return out, true
}

// implies reports whether all that one selector selects, another one does.
func implies(narrow, wide any) bool {
	have, okA := requirementsOf(narrow)
	want, okB := requirementsOf(wide)
	return okA && okB && !slices.ContainsFunc(want, func(w requirement) bool {
		return !slices.ContainsFunc(have, func(h requirement) bool { return h.implies(w) })
	})
}

// Labels that Cilium gives to every pod, and to nothing else. A selector of pods
// that names no namespace has one that must exist, put in by Cilium: none
// selects what is no pod for want of a label.
const (
	clusterLabel   = "k8s:io.cilium.k8s.policy.cluster"
	namespaceLabel = "k8s:io.kubernetes.pod.namespace"
)

// implies reports whether all that meets one requirement meets another.
func (h requirement) implies(w requirement) bool {
	exists := h.operator == "In" || h.operator == "Exists"
	if w.key == clusterLabel && w.operator == "Exists" {
		return h.isOfPods(exists)
	}
	if h.key != w.key {
		return false
	}
	switch w.operator {
	case "Exists":
		return exists
	case "DoesNotExist":
		return h.operator == "DoesNotExist"
	case "In":
		return h.operator == "In" && includes(w.values, h.values)
	case "NotIn":
		return h.avoids(w.values)
	}
	return false
}

// isOfPods reports whether only pods can meet a requirement; exists says whether
// it wants its label to be there.
func (h requirement) isOfPods(exists bool) bool {
	return h.key == namespaceLabel && exists || h.key == clusterLabel && h.operator != "DoesNotExist"
}

// avoids reports whether nothing that meets a requirement has one of the values.
func (h requirement) avoids(values []any) bool {
	switch h.operator {
	case "In":
		return !slices.ContainsFunc(h.values, func(v any) bool { return slices.Contains(values, v) })
	case "NotIn":
		return includes(h.values, values)
	}
	return h.operator == "DoesNotExist"
}

// includes reports whether a list has all that another one has.
func includes(list, wanted []any) bool {
	return !slices.ContainsFunc(wanted, func(v any) bool { return !slices.Contains(list, v) })
}
