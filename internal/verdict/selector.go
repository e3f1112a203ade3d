package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An operator of a term.
type operator string

const (
	opIn        operator = "in"
	opNotIn     operator = "notin"
	opExists    operator = "exists"
	opNotExists operator = "!"
)

// A term is one requirement of a selector.
type term struct {
	source, key string
	operator    operator
	values      []string
}

// matches reports whether the labels meet the requirement. An absent key meets
// NotIn, as everywhere in Kubernetes.
func (t term) matches(s labelSet) tri {
	value, there := s.lookup(t.source, t.key)
	in := and(there, is(there == maybe || slices.Contains(t.values, value)))
	switch t.operator {
	case opIn:
		return in
	case opNotIn:
		return not(in)
	case opExists:
		return there
	case opNotExists:
		return not(there)
	}
	return maybe
}

// A selector is all of its terms; none at all selects everything.
type selector []term

func (s selector) matches(l labelSet) tri {
	out := yes
	for _, t := range s {
		if out = and(out, t.matches(l)); out == no {
			return no
		}
	}
	return out
}

// hasKey reports whether a term has the key in one of the sources.
func (s selector) hasKey(key string, sources ...string) bool {
	return slices.ContainsFunc(s, func(t term) bool {
		return t.key == key && slices.Contains(sources, t.source)
	})
}

func (s selector) hasKeyPrefix(prefix string, sources ...string) bool {
	return slices.ContainsFunc(s, func(t term) bool {
		return strings.HasPrefix(t.key, prefix) && slices.Contains(sources, t.source)
	})
}

func (s selector) hasSource(sources ...string) bool {
	return slices.ContainsFunc(s, func(t term) bool { return slices.Contains(sources, t.source) })
}

// require returns the selector with one term more.
func (s selector) require(source, key string, op operator, values ...string) selector {
	return append(slices.Clip(s), term{source: source, key: key, operator: op, values: values})
}

// String returns the selector as kubectl takes it.
func (s selector) String() string {
	var parts []string
	for _, t := range s {
		key := t.key
		if t.source != sourceAny && t.source != sourceK8s {
			key = t.source + ":" + key
		}
		switch {
		case t.operator == opExists:
			parts = append(parts, key)
		case t.operator == opNotExists:
			parts = append(parts, "!"+key)
		case t.operator == opIn && len(t.values) == 1:
			parts = append(parts, key+"="+t.values[0])
		default:
			parts = append(parts, fmt.Sprintf("%s %s (%s)", key, t.operator, strings.Join(t.values, ",")))
		}
	}
	return strings.Join(parts, ",")
}

var operators = map[string]operator{
	"In": opIn, "NotIn": opNotIn, "Exists": opExists, "DoesNotExist": opNotExists,
}

// ciliumSelector reads a selector of Cilium, whose keys may name their source;
// others are of the given one.
func ciliumSelector(ls *slimmetav1.LabelSelector, defaultSource string) selector {
	out := selector{}
	for _, k := range slices.Sorted(maps.Keys(ls.MatchLabels)) {
		source, key := splitKey(k, defaultSource)
		out = append(out, term{source, key, opIn, []string{ls.MatchLabels[k]}})
	}
	for _, e := range ls.MatchExpressions {
		source, key := splitKey(e.Key, defaultSource)
		out = append(out, term{source, key, operators[string(e.Operator)], e.Values})
	}
	return out
}

// splitKey splits "k8s:app" as pkg/labels does.
func splitKey(key, defaultSource string) (source, rest string) {
	if source, rest, ok := strings.Cut(key, ":"); ok {
		return source, rest
	}
	return defaultSource, key
}

// plainSelector reads a selector of Kubernetes. An error is an operator, or a
// list of values, that no API server would accept.
func plainSelector(ls *metav1.LabelSelector) (selector, error) {
	out := selector{}
	if ls == nil {
		return out, nil
	}
	for _, k := range slices.Sorted(maps.Keys(ls.MatchLabels)) {
		out = append(out, term{sourceK8s, k, opIn, []string{ls.MatchLabels[k]}})
	}
	for _, e := range ls.MatchExpressions {
		op, known := operators[string(e.Operator)]
		if listed := op == opIn || op == opNotIn; !known || listed != (len(e.Values) > 0) {
			return nil, fmt.Errorf("a selector has the operator %q with %d values", e.Operator, len(e.Values))
		}
		out = append(out, term{sourceK8s, e.Key, op, e.Values})
	}
	return out, nil
}
