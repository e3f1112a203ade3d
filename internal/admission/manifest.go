package admission

import (
	"bytes"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// A Manifest is a file of a guard's objects.
type Manifest struct {
	Name string // own-objects.yaml
	Text []byte
}

// Manifests returns a file for each guard that is not off.
func Manifests(o Options) ([]Manifest, error) {
	installed, err := Install(o)
	if err != nil {
		return nil, err
	}
	var out []Manifest
	for _, i := range installed {
		if name := i.Guard + ".yaml"; len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, Manifest{Name: name, Text: []byte("# Written by `make generate` from internal/admission.\n")})
		}
		file := &out[len(out)-1]
		for _, object := range []any{i.Policy, i.Binding} {
			text, err := document(object)
			if err != nil {
				return nil, fmt.Errorf("writing guard %s: %w", i.Guard, err)
			}
			file.Text = append(append(file.Text, "---\n"...), text...)
		}
	}
	for i := range out {
		out[i].Text = bytes.Replace(out[i].Text, []byte("admission.\n---\n"), []byte("admission.\n"), 1)
	}
	return out, nil
}

// document returns an object as YAML, without a status.
func document(object any) ([]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	delete(content, "status")
	return yaml.Marshal(content)
}
