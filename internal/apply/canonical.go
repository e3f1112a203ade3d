package apply

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// appendJSON appends a value as encoding/json writes it, without its null fields:
// the API server drops some of them, and they mean absence. Hashes that are kept
// with objects depend on each byte. It is here for its speed: a pass of a zone
// writes down all that the zone has.
func appendJSON(out []byte, value any) []byte {
	switch v := value.(type) {
	case map[string]any:
		return appendObject(out, v)
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, item)
		}
		return append(out, ']')
	case string:
		return appendText(out, v)
	case int64:
		return strconv.AppendInt(out, v, 10)
	case bool:
		return strconv.AppendBool(out, v)
	case nil:
		return append(out, "null"...)
	}
	return appendOther(out, value)
}

func appendObject(out []byte, fields map[string]any) []byte {
	out = append(out, '{')
	first := true
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] == nil {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(appendText(out, name), ':')
		out = appendJSON(out, fields[name])
	}
	return append(out, '}')
}

// appendTexts appends labels or annotations.
func appendTexts(out []byte, texts map[string]string) []byte {
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendText(out, name), ':')
		out = appendText(out, texts[name])
	}
	return append(out, '}')
}

// appendText quotes what needs no escape by itself.
func appendText(out []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendOther(out, text)
		}
	}
	out = append(out, '"')
	out = append(out, text...)
	return append(out, '"')
}

func appendOther(out []byte, value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		return out // impossible: all of it came out of JSON
	}
	return append(out, raw...)
}

// same reports whether two values are equal, null fields being absent.
func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && sameFields(x, y)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	}
	return scalar(b) && a == b
}

// sameFields compares each field once: a comparison of both with each other would
// do it twice on every level.
func sameFields(a, b map[string]any) bool {
	for name, value := range b {
		if value != nil && !same(a[name], value) {
			return false
		}
	}
	for name, value := range a {
		if value != nil && b[name] == nil {
			return false
		}
	}
	return true
}
