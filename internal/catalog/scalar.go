package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// text reads one line of text. Empty text is refused: to say nothing, a field
// is left out.
func (r *reader) text(n *yaml.Node, at place) string {
	if n.Kind != yaml.ScalarNode {
		r.refuse(n, at, "%s stands here; write a text", kind(n))
		return ""
	}
	if tag := n.ShortTag(); tag != "!!str" && tag != "!!null" {
		r.refuse(n, at, "%s is not read as text; put it in quotation marks", kind(n))
		return ""
	}
	value := strings.TrimSpace(n.Value)
	switch {
	case value == "" || n.ShortTag() == "!!null":
		r.refuse(n, at, "the text is empty; write one or remove the field")
	case utf8.RuneCountInString(value) > maxTextRunes:
		r.refuse(n, at, "the text has %d characters; write at most %d", utf8.RuneCountInString(value), maxTextRunes)
	case strings.ContainsFunc(value, func(c rune) bool { return !unicode.IsPrint(c) }):
		r.refuse(n, at, "the text has line breaks or characters that cannot be seen; write it on one plain line")
	default:
		return value
	}
	return ""
}

// boolean reads true or false.
func (r *reader) boolean(n *yaml.Node, at place) bool {
	var value bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&value) != nil {
		r.refuse(n, at, "%s stands here; write true or false", kind(n))
	}
	return value
}
