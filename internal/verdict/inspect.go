package verdict

import (
	"fmt"
	"strconv"
)

// A flaw is something in an object that the decoders would let pass although they
// do not understand it.
type flaw struct{ where, what string }

func (f *flaw) Error() string { return f.where + f.what }

// under puts the flaw into a field or an item.
func (f *flaw) under(place string) *flaw {
	if f != nil {
		f.where = place + f.where
	}
	return f
}

// first returns the flaw that is to be told: the same of several each time.
func (f *flaw) first(other *flaw) *flaw {
	if f == nil || other != nil && other.Error() < f.Error() {
		return other
	}
	return f
}

func item(i int) string { return "[" + strconv.Itoa(i) + "]" }

// fields look at what is in fields of these names; the others are looked at by
// inspect.
var fields = map[string]func(any) *flaw{
	"endpointSelector":  inspectSelectors,
	"nodeSelector":      inspectSelectors,
	"fromEndpoints":     inspectSelectors,
	"toEndpoints":       inspectSelectors,
	"fromNodes":         inspectSelectors,
	"toNodes":           inspectSelectors,
	"cidrGroupSelector": inspectSelectors,
	"podSelector":       inspectSelectors,
	"namespaceSelector": inspectSelectors,
	"icmps":             inspectICMPs,
}

// inspect looks at what the decoders would let pass.
func inspect(value any) *flaw {
	var found *flaw
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			look := fields[key]
			if look == nil {
				look = inspect
			}
			found = found.first(look(child).under("." + key))
		}
	case []any:
		for i, child := range v {
			if child == nil {
				found = found.first((&flaw{what: " is null"}).under(item(i)))
				continue
			}
			found = found.first(inspect(child).under(item(i)))
		}
	}
	return found
}

// inspectSelectors looks at a selector, or a list of them.
func inspectSelectors(value any) *flaw {
	list, many := value.([]any)
	if !many {
		return inspectSelector(value)
	}
	var found *flaw
	for i, one := range list {
		found = found.first(inspectSelector(one).under(item(i)))
	}
	return found
}

// inspectSelector asks for a selector with no other fields than it can have, each
// of its type: Cilium's own decoder of selectors lets pass what it does not know.
func inspectSelector(value any) *flaw {
	if value == nil {
		return &flaw{what: " is null"}
	}
	return inspectFields(value, selectorFields)
}

// The fields of a selector, and of one of its expressions.
var (
	selectorFields = map[string]func(any) *flaw{
		"matchLabels":      inspectLabels,
		"matchExpressions": inspectList(func(value any) *flaw { return inspectFields(value, expressionFields) }),
	}
	expressionFields = map[string]func(any) *flaw{
		"key": inspectText, "operator": inspectText, "values": inspectList(inspectText),
	}
)

// inspectFields asks for an object with no other fields. Null is nothing.
func inspectFields(value any, known map[string]func(any) *flaw) *flaw {
	object, ok := value.(map[string]any)
	if !ok && value != nil {
		return &flaw{what: " is no object"}
	}
	var found *flaw
	for key, child := range object {
		if look := known[key]; look != nil {
			found = found.first(look(child).under("." + key))
			continue
		}
		found = found.first(&flaw{what: fmt.Sprintf(" has a field %q", key)})
	}
	return found
}

func inspectLabels(value any) *flaw {
	object, ok := value.(map[string]any)
	if !ok && value != nil {
		return &flaw{what: " is no object"}
	}
	var found *flaw
	for key, child := range object {
		found = found.first(inspectText(child).under("[" + key + "]"))
	}
	return found
}

// inspectList asks for a list. Null is nothing.
func inspectList(each func(any) *flaw) func(any) *flaw {
	return func(value any) *flaw {
		list, ok := value.([]any)
		if !ok && value != nil {
			return &flaw{what: " is no list"}
		}
		var found *flaw
		for i, child := range list {
			found = found.first(each(child).under(item(i)))
		}
		return found
	}
}

// inspectText asks for a text. Null is nothing.
func inspectText(value any) *flaw {
	if _, ok := value.(string); ok || value == nil {
		return nil
	}
	return &flaw{what: " is no text"}
}

// inspectICMPs asks for a type in every field: Cilium's decoder panics without.
func inspectICMPs(value any) *flaw {
	var found *flaw
	rules, _ := value.([]any)
	for i, r := range rules {
		rule, _ := r.(map[string]any)
		list, _ := rule["fields"].([]any)
		for k, f := range list {
			found = found.first(inspectICMP(f).under(item(i) + ".fields" + item(k)))
		}
	}
	return found
}

func inspectICMP(value any) *flaw {
	field, ok := value.(map[string]any)
	if !ok || field["type"] == nil {
		return &flaw{what: " has no type"}
	}
	var found *flaw
	for key := range field {
		if key != "type" && key != "family" {
			found = found.first(&flaw{what: fmt.Sprintf(" has a field %q", key)})
		}
	}
	return found
}
