package catalog

import (
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"
)

// file reads the whole document.
func (r *reader) file(n *yaml.Node) []Service {
	var services []Service
	first := map[string]int{}
	seen := r.mapping(n, "", fields{"services": func(list *yaml.Node, at place) {
		r.sequence(list, at, 0, func(item *yaml.Node, at place) {
			s := r.service(item, at)
			if line, twice := first[s.Name]; twice {
				r.refuse(item, at.named(s.Name), "line %d has a service of this name; keep one of them", line)
				return
			}
			if s.Name != "" {
				first[s.Name] = item.Line
			}
			services = append(services, s)
		})
	}})
	if n.Kind == yaml.MappingNode && !seen["services"] {
		r.refuse(n, "", `the field services is missing; write "services: []" if there is nothing to add`)
	}
	return services
}

// service reads one entry.
func (r *reader) service(n *yaml.Node, at place) Service {
	var s Service
	if name := nameOf(n); name != "" {
		at = at.named(name)
	}
	seen := r.mapping(n, at, fields{
		"name":       func(v *yaml.Node, at place) { s.Name = r.name(v, at) },
		"title":      func(v *yaml.Node, at place) { s.Title = r.text(v, at) },
		"endpoints":  func(v *yaml.Node, at place) { s.Endpoints = r.endpoints(v, at) },
		"encrypted":  func(v *yaml.Node, at place) { s.Encrypted = r.boolean(v, at) },
		"dangerous":  func(v *yaml.Node, at place) { s.Dangerous = r.boolean(v, at) },
		"carriesPHI": func(v *yaml.Node, at place) { s.CarriesPHI = r.boolean(v, at) },
		"callBack":   func(v *yaml.Node, at place) { s.CallBack = r.text(v, at) },
		"note":       func(v *yaml.Node, at place) { s.Note = r.text(v, at) },
		"source":     func(v *yaml.Node, at place) { s.Source = r.text(v, at) },
	})
	if n.Kind != yaml.MappingNode {
		return s
	}
	if !seen["name"] {
		r.refuse(n, at, "the field name is missing; write one, such as name: pump-telemetry")
	}
	if !seen["endpoints"] {
		r.refuse(n, at, "the field endpoints is missing; write one, such as endpoints: [{protocol: TCP, ports: [6661]}]")
	}
	r.override(n, at, s)
	if s.Title == "" {
		s.Title = s.Name
	}
	if s.Source == "" {
		s.Source = "Site file"
	}
	return s
}

// override refuses an entry that silently takes the danger from a port.
func (r *reader) override(n *yaml.Node, at place, s Service) {
	known, ok := r.base.Lookup(s.Name)
	if !ok || !known.Dangerous || s.Note != "" || (s.Dangerous && s.covers(known)) {
		return
	}
	r.refuse(n, at, "the entry replaces a dangerous service and leaves its ports no longer dangerous; "+
		"keep dangerous: true with all its ports, or say in note why it is safe here")
}

// nameOf returns the name of an entry for messages about its other fields.
func nameOf(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// name reads the name of a service: a DNS label.
func (r *reader) name(n *yaml.Node, at place) string {
	name := r.text(n, at)
	if name == "" || len(validation.IsDNS1123Label(name)) == 0 {
		return name
	}
	r.refuse(n, at, "%s is not a name; write at most %d lower-case letters, digits and dashes, such as %s",
		quote(name), validation.DNS1123LabelMaxLength, label(name))
	return ""
}

// label returns the label that a refused name was probably meant to be.
func label(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(clip(name)) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b.WriteRune(c)
		default:
			b.WriteByte('-')
		}
	}
	meant := strings.Trim(b.String()[:min(b.Len(), validation.DNS1123LabelMaxLength)], "-")
	if meant == "" {
		return "pump-telemetry"
	}
	return meant
}
