package manifest

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
)

// A document is one YAML document of a file.
type document struct {
	file string
	// line is the file's line on which the document's first line stands, from 1.
	line int
	data []byte
	// root is the parsed document, once somebody asked for a line of it.
	root   *yamlv3.Node
	parsed bool
	// lines has the file's line of each line that YAML counts, once asked for.
	lines []int
}

// tree returns the document's nodes, or nil where it is not valid YAML. A
// document can be one List of a whole cluster: it is parsed once.
func (d *document) tree() *yamlv3.Node {
	if !d.parsed {
		d.parsed = true
		var root yamlv3.Node
		if err := yamlv3.Unmarshal(d.data, &root); err == nil && len(root.Content) > 0 {
			d.root = root.Content[0]
		}
	}
	return d.root
}

// yamlBreak is what ends a line for YAML. For an editor only the line feed does:
// a carriage return alone does not, nor do three of Unicode's (YAML 1.1, 4.2).
var yamlBreak = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

// fileLine returns the line of the file, as editors count, of a line of the
// document, as YAML counts.
func (d *document) fileLine(line int) int {
	if d.lines == nil {
		at := d.line
		d.lines = []int{at}
		for _, end := range yamlBreak.FindAllIndex(d.data, -1) {
			if d.data[end[1]-1] == '\n' {
				at++
			}
			d.lines = append(d.lines, at)
		}
	}
	return d.lines[min(max(line, 1), len(d.lines))-1]
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// split cuts a file into its documents. A line that begins with "---" ends one,
// as in YAML 1.2, section 9.1.4.
func split(file string, data []byte) []document {
	data = bytes.TrimPrefix(data, byteOrderMark)
	var out []document
	start, startLine, line := 0, 1, 1
	flush := func(end int) {
		if chunk := data[start:end]; hasContent(chunk) {
			out = append(out, document{file: file, line: startLine, data: chunk})
		}
	}
	for pos := 0; pos < len(data); {
		next := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		if isSeparator(data[pos:next]) {
			flush(pos)
			start, startLine = pos+3, line
		}
		pos = next
		line++
	}
	flush(len(data))
	return out
}

func isSeparator(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) {
		return false
	}
	rest := line[3:]
	return len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n'
}

// hasContent reports whether anything but comments and white space is there.
func hasContent(chunk []byte) bool {
	for line := range bytes.Lines(chunk) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("...")) {
			return true
		}
	}
	return false
}

// binary reports whether data is no text at all.
func binary(data []byte) bool {
	head := data[:min(len(data), 8192)]
	if bytes.IndexByte(head, 0) >= 0 {
		return true
	}
	for i := 0; len(head) > 0 && i < 4; i++ {
		if utf8.Valid(head) {
			return false
		}
		head = head[:len(head)-1] // a rune may be cut at the end
	}
	return len(head) > 0
}
