package object

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"
)

// An emitter writes decoded JSON as YAML, byte for byte as sigs.k8s.io/yaml does
// (a test compares them), in a fifth of the time: that reads its own JSON again,
// and decides for each text anew how to quote it. What is not plain (spaces,
// which may wrap a line, fractions) is left to it.
type emitter struct {
	out bytes.Buffer
	// quoted are texts, and parts by their JSON, as they are written.
	quoted map[string]string
}

// longest is how long a text may be to be written here: yaml wraps lines and
// writes long keys in another way.
const longest = 100

// object writes an object, field by field.
func (e *emitter) object(fields map[string]any) error {
	for _, key := range sortedKeys(fields) {
		one := map[string]any{key: fields[key]}
		if e.plain(one) {
			if err := e.mapping(one, 0, false); err != nil {
				return err
			}
			continue
		}
		if err := e.parts(key, fields[key]); err != nil {
			return err
		}
	}
	return nil
}

// parts writes a field of which some part is not plain, such as the metadata for
// its annotations, part by part.
func (e *emitter) parts(key string, value any) error {
	fields, ok := value.(map[string]any)
	if !ok || !plainText(key) {
		text, err := marshal(map[string]any{key: value})
		if err != nil {
			return fmt.Errorf("marshalling %s: %w", key, err)
		}
		e.out.Write(text)
		return nil
	}
	if err := e.text(key); err != nil {
		return err
	}
	e.out.WriteString(":\n")
	for _, k := range sortedKeys(fields) {
		one := map[string]any{k: fields[k]}
		if e.plain(one) {
			if err := e.mapping(one, 2, false); err != nil {
				return err
			}
			continue
		}
		if err := e.part(one); err != nil {
			return err
		}
	}
	return nil
}

// part writes a part as the library does; objects often share it.
func (e *emitter) part(one map[string]any) error {
	raw, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("marshalling: %w", err)
	}
	text, ok := e.quoted["\n"+string(raw)]
	if !ok {
		whole, err := marshal(map[string]any{"x": one})
		if err != nil {
			return fmt.Errorf("marshalling: %w", err)
		}
		text = strings.TrimPrefix(string(whole), "x:\n")
		e.quoted["\n"+string(raw)] = text
	}
	e.out.WriteString(text)
	return nil
}

// plain reports whether the emitter knows how to write a value.
func (e *emitter) plain(value any) bool {
	switch v := value.(type) {
	case nil, bool:
		return true
	case float64:
		return v == math.Trunc(v) && math.Abs(v) < 1e6
	case string:
		return plainText(v)
	case []any:
		return !slices.ContainsFunc(v, func(x any) bool { return !e.plain(x) })
	case map[string]any:
		for k, x := range v {
			if !plainText(k) || !e.plain(x) {
				return false
			}
		}
		return true
	}
	return false
}

// marshal is yaml.Marshal for every text: that reads its own JSON as YAML, which
// takes some characters only as escapes (YAML 1.1, section 5.1), and the next
// line for the end of one.
func marshal(value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("as JSON: %w", err)
	}
	if bytes.ContainsFunc(raw, mustBeEscaped) {
		var escaped bytes.Buffer
		for _, r := range string(raw) {
			if mustBeEscaped(r) {
				fmt.Fprintf(&escaped, `\u%04x`, r)
			} else {
				escaped.WriteRune(r)
			}
		}
		raw = escaped.Bytes()
	}
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		return nil, fmt.Errorf("as YAML: %w", err)
	}
	return text, nil
}

// mustBeEscaped reports whether JSON takes a character as it is that YAML does
// not: the controls beyond the first 32, and what is no character.
func mustBeEscaped(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff
}

func plainText(s string) bool {
	return len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// scalar writes a value without members.
func (e *emitter) scalar(value any) error {
	switch v := value.(type) {
	case nil:
		e.out.WriteString("null")
	case bool:
		e.out.WriteString(strconv.FormatBool(v))
	case float64:
		e.out.WriteString(strconv.FormatInt(int64(v), 10))
	case string:
		return e.text(v)
	case []any:
		e.out.WriteString("[]")
	default:
		e.out.WriteString("{}")
	}
	return nil
}

// text writes a text, with quotes where YAML needs them.
func (e *emitter) text(s string) error {
	quoted, ok := e.quoted[s]
	if !ok {
		raw, err := marshal(s)
		if err != nil {
			return fmt.Errorf("marshalling %q: %w", s, err)
		}
		quoted = strings.TrimSuffix(string(raw), "\n")
		e.quoted[s] = quoted
	}
	e.out.WriteString(quoted)
	return nil
}

// mapping writes a mapping in block style. Inline is true where its first key
// stands on the line of a dash.
func (e *emitter) mapping(fields map[string]any, indent int, inline bool) error {
	for i, key := range sortedKeys(fields) {
		if i > 0 || !inline {
			e.indent(indent)
		}
		if err := e.text(key); err != nil {
			return err
		}
		e.out.WriteByte(':')
		if err := e.value(fields[key], indent); err != nil {
			return err
		}
	}
	return nil
}

// value writes what stands after a key.
func (e *emitter) value(value any, indent int) error {
	if m, ok := value.(map[string]any); ok && len(m) > 0 {
		e.out.WriteByte('\n')
		return e.mapping(m, indent+2, false)
	}
	if l, ok := value.([]any); ok && len(l) > 0 {
		e.out.WriteByte('\n')
		return e.sequence(l, indent, false)
	}
	e.out.WriteByte(' ')
	err := e.scalar(value)
	e.out.WriteByte('\n')
	return err
}

// sequence writes a list in block style, which a mapping does not indent.
func (e *emitter) sequence(list []any, indent int, inline bool) error {
	for i, item := range list {
		if i > 0 || !inline {
			e.indent(indent)
		}
		e.out.WriteString("- ")
		var err error
		switch v := item.(type) {
		case map[string]any:
			if len(v) > 0 {
				err = e.mapping(v, indent+2, true)
				break
			}
			err = e.line(item)
		case []any:
			if len(v) > 0 {
				err = e.sequence(v, indent+2, true)
				break
			}
			err = e.line(item)
		default:
			err = e.line(item)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) line(value any) error {
	err := e.scalar(value)
	e.out.WriteByte('\n')
	return err
}

const spaces = "                                                                "

func (e *emitter) indent(n int) {
	for ; n > len(spaces); n -= len(spaces) {
		e.out.WriteString(spaces)
	}
	e.out.WriteString(spaces[:n])
}

func sortedKeys(fields map[string]any) []string {
	out := make([]string, 0, len(fields))
	for k := range fields {
		out = append(out, k)
	}
	slices.Sort(out) // the order of the library is none: 0x1 < 1 < 01 < 0x1
	slices.SortStableFunc(out, func(a, b string) int {
		switch {
		case a == b:
			return 0
		case lessKey(a, b):
			return -1
		}
		return 1
	})
	return out
}

// lessKey is the order of keys of go.yaml.in/yaml/v2 (sorter.go): letters after
// other signs, and numbers by their size.
func lessKey(a, b string) bool {
	ar, br := []rune(a), []rune(b)
	for i := 0; i < len(ar) && i < len(br); i++ {
		if ar[i] == br[i] {
			continue
		}
		al, bl := unicode.IsLetter(ar[i]), unicode.IsLetter(br[i])
		if al && bl {
			return ar[i] < br[i]
		}
		if al || bl {
			return bl
		}
		return lessNumber(ar, br, i)
	}
	return len(ar) < len(br)
}

// lessNumber compares two texts that first differ at i, where neither has a
// letter.
func lessNumber(ar, br []rune, i int) bool {
	var start int64
	if (ar[i] == '0' || br[i] == '0') && afterDigit(ar, i) {
		start = 1
	}
	an, ai := number(ar, i, start)
	bn, bi := number(br, i, start)
	switch {
	case an != bn:
		return an < bn
	case ai != bi:
		return ai < bi
	}
	return ar[i] < br[i]
}

// afterDigit reports whether one of the digits just before i is not 0.
func afterDigit(r []rune, i int) bool {
	for j := i - 1; j >= 0 && unicode.IsDigit(r[j]); j-- {
		if r[j] != '0' {
			return true
		}
	}
	return false
}

// number reads the digits from i on, after those that were read before.
func number(r []rune, i int, n int64) (value int64, end int) {
	for ; i < len(r) && unicode.IsDigit(r[i]); i++ {
		n = n*10 + int64(r[i]-'0')
	}
	return n, i
}
