package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// reservedKeys are label keys that Cilium reads as its own reserved labels
// when a pod or a selector bears them.
var reservedKeys = map[string]bool{
	"host": true, "world": true, "world-ipv4": true, "world-ipv6": true,
	"unmanaged": true, "health": true, "init": true, "remote-node": true,
	"kube-apiserver": true, "ingress": true, "fixed-identity": true,
	"none": true, "all": true, "any": true,
}

// reservedPrefixes begin the label keys that Cilium writes itself.
var reservedPrefixes = []string{"io.cilium.", "io.kubernetes.pod.", "reserved."}

// reservedKey reports whether a label key belongs to Cilium.
func reservedKey(key string) bool {
	return reservedKeys[key] ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// ReservedLabelKeys returns the label keys that belong to Cilium, and the
// prefixes of further ones. A pod that bears one escapes Cilium's policies.
func ReservedLabelKeys() (keys, prefixes []string) {
	return slices.Sorted(maps.Keys(reservedKeys)), slices.Clone(reservedPrefixes)
}

// maxValues is how many values the expressions of one selector may name: with the
// copy in status.accepted, and with two selectors, an object then still fits into
// etcd. The API server sets no limit to this list.
const maxValues = 2048

// emptySelector reports whether a selector would match everything.
func emptySelector(s *metav1.LabelSelector) bool {
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// parseSelector turns a selector into one that matches. A nil selector matches
// everything.
func parseSelector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, fmt.Errorf("reading the selector: %w", err)
	}
	return parsed, nil
}

// selectorProblem returns what is wrong with a selector, or "".
func selectorProblem(s *metav1.LabelSelector) string {
	if s == nil {
		return ""
	}
	if emptySelector(s) {
		return "an empty selector would match everything; name the labels that it shall match"
	}
	for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		if message := labelProblem(k, s.MatchLabels[k]); message != "" {
			return message
		}
	}
	values := 0
	for _, e := range s.MatchExpressions {
		if message := expressionProblem(e); message != "" {
			return message
		}
		values += len(e.Values)
	}
	if values > maxValues {
		return fmt.Sprintf("the selector names %d values, more than %d; give the objects one label of their own and select that", values, maxValues)
	}
	if _, err := parseSelector(s); err != nil {
		return "the selector cannot be read; write it as matchLabels: {app: gateway}"
	}
	return ""
}

func expressionProblem(e metav1.LabelSelectorRequirement) string {
	switch e.Operator {
	case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
		if len(e.Values) == 0 {
			return sentence("the operator %s of label %q needs values; add them", string(e.Operator), e.Key)
		}
	case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
		if len(e.Values) > 0 {
			return sentence("the operator %s of label %q takes no values; remove them, or use In", string(e.Operator), e.Key)
		}
	default:
		return sentence("%q is not an operator; use In, NotIn, Exists or DoesNotExist", string(e.Operator))
	}
	for _, v := range e.Values {
		if message := labelProblem(e.Key, v); message != "" {
			return message
		}
	}
	return labelProblem(e.Key, "")
}

// labelProblem returns why no object can have a label, or "".
func labelProblem(key, value string) string {
	if len(validation.IsQualifiedName(key)) > 0 {
		return sentence("no object can have the label key %q; correct it", key)
	}
	if len(validation.IsValidLabelValue(value)) > 0 {
		return sentence("no object can have the value %q in label %q; correct it", value, key)
	}
	return ""
}

// reservedIn returns the first reserved key that a selector names, or "".
func reservedIn(s *metav1.LabelSelector) string {
	if s == nil {
		return ""
	}
	var keys []string
	for k := range s.MatchLabels {
		keys = append(keys, k)
	}
	for _, e := range s.MatchExpressions {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if reservedKey(k) {
			return k
		}
	}
	return ""
}

// canonicalSelector returns a selector with the same meaning for each way of
// writing it: requirements and values sorted, single In values as labels.
func canonicalSelector(s *metav1.LabelSelector) metav1.LabelSelector {
	var out metav1.LabelSelector
	if s == nil {
		return out
	}
	single := map[string]string{}
	maps.Copy(single, s.MatchLabels)
	for _, e := range s.MatchExpressions {
		values := slices.Clone(e.Values)
		slices.Sort(values)
		values = slices.Compact(values)
		if have, ok := single[e.Key]; e.Operator == metav1.LabelSelectorOpIn && len(values) == 1 && (!ok || have == values[0]) {
			single[e.Key] = values[0]
			continue
		}
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: e.Key, Operator: e.Operator, Values: values,
		})
	}
	if len(single) > 0 {
		out.MatchLabels = single
	}
	slices.SortFunc(out.MatchExpressions, func(a, b metav1.LabelSelectorRequirement) int {
		return strings.Compare(requirementText(a), requirementText(b))
	})
	out.MatchExpressions = slices.CompactFunc(out.MatchExpressions, func(a, b metav1.LabelSelectorRequirement) bool {
		return requirementText(a) == requirementText(b)
	})
	return out
}

func requirementText(r metav1.LabelSelectorRequirement) string {
	return r.Key + " " + string(r.Operator) + " " + strings.Join(r.Values, ",")
}

// sameSelector reports whether two selectors say the same. None is not the same
// as any.
func sameSelector(a, b *metav1.LabelSelector) bool {
	if a == nil || b == nil {
		return a == b
	}
	return selectorText(canonicalSelector(a)) == selectorText(canonicalSelector(b))
}

// selectorText returns the text of a canonical selector; equal texts match
// equal pods.
func selectorText(s metav1.LabelSelector) string {
	var parts []string
	for k, v := range s.MatchLabels {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	for _, e := range s.MatchExpressions {
		parts = append(parts, requirementText(e))
	}
	return strings.Join(parts, ";")
}
