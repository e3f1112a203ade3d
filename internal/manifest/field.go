package manifest

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// step is one step of a path: a field, or an index.
var step = regexp.MustCompile(`[^.\[\]]+`)

func steps(path string) []string { return step.FindAllString(path, -1) }

func lastField(path string) string {
	all := steps(path)
	if len(all) == 0 {
		return path
	}
	return all[len(all)-1]
}

// lineOf returns the file's line on which a field of a document stands, or that
// of its nearest parent that is written out; 0 where nothing is.
func lineOf(d *document, path string) int {
	node, line := d.tree(), 0
	if node == nil {
		return 0
	}
	for _, s := range steps(path) {
		child, at := descend(node, s)
		if child == nil {
			break
		}
		node, line = child, at
	}
	if line == 0 {
		return 0
	}
	return d.fileLine(line)
}

// descend returns the child of a node and the line of its key.
func descend(node *yamlv3.Node, name string) (*yamlv3.Node, int) {
	switch node.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
	}
	return nil, 0
}

// lineOr returns the line of a field, or the first of its document.
func lineOr(d *document, path string) int {
	if line := lineOf(d, path); line > 0 {
		return line
	}
	return firstLine(d)
}

// firstLine returns the line of the first thing written in a document.
func firstLine(d *document) int {
	line := d.line
	for text := range strings.SplitSeq(string(d.data[:min(len(d.data), 1<<16)]), "\n") {
		text = strings.TrimSpace(text)
		if text != "" && text[0] != '#' {
			return line
		}
		line++
	}
	return d.line
}

// fieldsAt returns the names of the fields beside the last one of a path.
func fieldsAt(object any, path string) []string {
	t := reflect.TypeOf(object)
	all := steps(path)
	for _, s := range all[:max(len(all)-1, 0)] {
		t = element(t)
		if _, err := strconv.Atoi(s); err == nil {
			continue
		}
		if t.Kind() != reflect.Struct {
			return nil
		}
		next := fieldType(t, s)
		if next == nil {
			return nil
		}
		t = next
	}
	t = element(t)
	if t.Kind() != reflect.Struct {
		return nil
	}
	return fieldNames(t)
}

// element strips pointers and lists.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

func fieldType(t reflect.Type, name string) reflect.Type {
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == name {
			return f.Type
		}
		if f.Anonymous && tag == "" && element(f.Type).Kind() == reflect.Struct {
			if found := fieldType(element(f.Type), name); found != nil {
				return found
			}
		}
	}
	return nil
}

func fieldNames(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "" && element(f.Type).Kind() == reflect.Struct:
			out = append(out, fieldNames(element(f.Type))...)
		case tag != "" && tag != "-":
			out = append(out, tag)
		}
	}
	return out
}
