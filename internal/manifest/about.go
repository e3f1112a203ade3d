package manifest

import (
	"bytes"
	"cmp"
	"slices"
)

// ReadAbout is ReadInto for whoever asks about some of the objects only: most
// devices and pods of a large hospital are not read at all. Read are
//
//   - every document that is not plainly one device, pod or workload: zones,
//     conduits, namespaces, services, policies, Lists;
//   - those of them in which one of the names stands;
//   - then those in which one of the names stands that more finds in these.
//
// A device names its zone, and a pod its namespace, so that names of zones and
// namespaces bring all of theirs. What is not read has no faults either.
func ReadAbout(namespace string, files []File, names []string, more func(*Objects) []string) (*Objects, []Fault) {
	r := newReader(namespace)
	var now, later []*document
	for _, d := range r.documents(files) {
		if crowd(d.data) && !mentions(d.data, names) {
			later = append(later, d)
			continue
		}
		now = append(now, d)
	}
	r.read(now)
	names = more(r.out)
	now = nil
	for _, d := range later {
		home := cmp.Or(homeOf(d.data), namespace)
		if mentions(d.data, names) || slices.Contains(names, home) {
			now = append(now, d)
			continue
		}
		r.out.implied = append(r.out.implied, home)
	}
	r.read(now)
	slices.Sort(r.out.implied)
	r.out.implied = slices.Compact(r.out.implied)
	return r.out, r.sorted()
}

// crowdKinds are the kinds of which there are thousands.
var crowdKinds = []string{"MedicalDevice", "Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"}

// crowd reports whether a document is plainly one object of such a kind, with its
// names written out: a backslash could hide one.
func crowd(data []byte) bool {
	if bytes.IndexByte(data, '\\') >= 0 {
		return false
	}
	_, rest, ok := bytes.Cut(data, []byte("\nkind: "))
	if !ok {
		if rest, ok = bytes.CutPrefix(bytes.TrimLeft(data, "\n"), []byte("kind: ")); !ok {
			return false
		}
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return slices.Contains(crowdKinds, string(bytes.TrimSpace(line)))
}

// homeOf returns the namespace that an object's metadata name, or "".
func homeOf(data []byte) string {
	_, rest, ok := bytes.Cut(data, []byte("\nmetadata:"))
	if !ok {
		return ""
	}
	for i, line := range bytes.SplitAfter(rest, []byte("\n")) {
		if i > 0 && len(line) > 0 && line[0] != ' ' && line[0] != '\n' && line[0] != '#' {
			return ""
		}
		if _, value, ok := bytes.Cut(line, []byte("namespace:")); ok {
			value = bytes.TrimLeft(value, " \"'")
			end := bytes.IndexFunc(value, func(r rune) bool { return r > 127 || !inName(byte(r)) })
			if end < 0 {
				end = len(value)
			}
			return string(value[:end])
		}
	}
	return ""
}

// mentions reports whether one of the names stands in a text, as a whole.
func mentions(data []byte, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return name != "" && mentioned(data, []byte(name)) })
}

func mentioned(data, name []byte) bool {
	for at := 0; ; {
		i := bytes.Index(data[at:], name)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(name)
		if (begin == 0 || !inName(data[begin-1])) && (end == len(data) || !inName(data[end])) {
			return true
		}
		at = begin + 1
	}
}

// inName reports whether a byte can be part of the name of an object.
func inName(b byte) bool {
	return b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
