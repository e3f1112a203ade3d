package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/medfence/medfence/internal/nearest"
)

// maxComplaints is how many mistakes one error names.
const maxComplaints = 20

// A reader walks the nodes of one file and notes its mistakes, until it has
// noted maxComplaints.
type reader struct {
	base       *Catalogue
	complaints []error
}

func (r *reader) full() bool { return len(r.complaints) >= maxComplaints }

// A place is where a value stands, for messages: `services[3] "dicom" title`.
// The file itself is the empty place.
type place string

func (p place) field(name string) place { return p + place(" "+name) }
func (p place) item(i int) place        { return p + place("["+strconv.Itoa(i)+"]") }
func (p place) named(name string) place { return p + place(" "+quote(name)) }

func (p place) at(line int) string {
	if p == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("line %d: %s", line, strings.TrimSpace(string(p)))
}

// refuse notes a mistake at a node.
func (r *reader) refuse(n *yaml.Node, at place, format string, args ...any) {
	if r.full() {
		return
	}
	message := fmt.Sprintf(format, args...)
	r.complaints = append(r.complaints, fmt.Errorf("%s: %s", at.at(n.Line), message))
}

func (r *reader) err() error {
	if r.full() {
		return errors.Join(append(r.complaints, errors.New("there may be more; mend these first"))...)
	}
	return errors.Join(r.complaints...)
}

// A fields map tells for each field of a mapping how to read its value.
type fields map[string]func(value *yaml.Node, at place)

func (f fields) names() []string { return slices.Sorted(maps.Keys(f)) }

// String lists the fields for a message.
func (f fields) String() string { return strings.Join(f.names(), ", ") }

// mapping reads a mapping strictly: no unknown field, none twice. It returns
// the fields that were written, or were meant.
func (r *reader) mapping(n *yaml.Node, at place, known fields) map[string]bool {
	seen, meant := map[string]bool{}, map[string]bool{}
	if n.Kind != yaml.MappingNode {
		r.refuse(n, at, "%s stands here; write fields, such as %s", kind(n), known)
		return seen
	}
	for i := 0; i+1 < len(n.Content) && !r.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.refuse(key, at, "%s stands where a field name belongs; the fields are %s", kind(key), known)
		case !ok:
			meant[r.unknown(key, at, known)] = true
		case seen[key.Value]:
			r.refuse(key, at.field(key.Value), "the field is given twice; keep one")
		default:
			read(value, at.field(key.Value))
			seen[key.Value] = true
		}
	}
	maps.Copy(seen, meant)
	return seen
}

// unknown refuses a field that does not exist and returns the one it was
// probably meant to be.
func (r *reader) unknown(key *yaml.Node, at place, known fields) string {
	if key.Value == "<<" {
		r.refuse(key, at, "merge keys are not read; write the fields out")
		return ""
	}
	if near := nearest.Name(key.Value, known.names()); near != "" {
		r.refuse(key, at, "there is no field %s; write %s", quote(key.Value), near)
		return near
	}
	if inner := nearest.Name(key.Value, []string{"icmpTypes", "ports", "protocol"}); inner != "" {
		r.refuse(key, at, "there is no field %s; write it into an endpoint, as in "+
			"endpoints: [{protocol: TCP, ports: [6661]}]", quote(key.Value))
		return "endpoints"
	}
	r.refuse(key, at, "there is no field %s; remove it, the fields are %s", quote(key.Value), known)
	return ""
}

// sequence calls read for each item of a list of at most limit items; 0 means
// no limit.
func (r *reader) sequence(n *yaml.Node, at place, limit int, read func(item *yaml.Node, at place)) {
	if n.Kind != yaml.SequenceNode {
		r.refuse(n, at, "%s stands here; write a list, in brackets or one item a line after a dash", kind(n))
		return
	}
	if limit > 0 && len(n.Content) > limit {
		r.refuse(n, at, "there are %d items; at most %d fit, use ranges or a second service", len(n.Content), limit)
		return
	}
	for i, item := range n.Content {
		if r.full() {
			return
		}
		read(item, at.item(i))
	}
}

// kind says in words what stands where something else was expected.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (*" + clip(n.Value) + "), which is not read,"
	}
	if n.ShortTag() == "!!null" {
		return "nothing"
	}
	return quote(n.Value)
}

// quote returns a value for a message: clipped and without control characters.
func quote(value string) string { return strconv.Quote(clip(value)) }

// clip shortens a value to 64 characters, without looking at all of it.
func clip(value string) string {
	const limit = 64
	start := value[:min(len(value), utf8.UTFMax*(limit+1))]
	if runes := []rune(start); len(runes) > limit {
		return string(runes[:limit]) + "..."
	}
	return value
}
