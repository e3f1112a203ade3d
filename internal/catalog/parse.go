package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Limits of a site file. They are far above what a hospital writes and bound
// what a hostile file costs.
const (
	maxFileBytes = 1 << 20
	maxTextRunes = 512
	maxEndpoints = 4
	maxPorts     = 32
	maxICMPTypes = 16
)

// parse reads a file of services that are to be added to c.
func (c *Catalogue) parse(file []byte) ([]Service, error) {
	if len(file) > maxFileBytes {
		return nil, fmt.Errorf("the file has %d bytes; a catalogue has at most %d: remove what is not a service",
			len(file), maxFileBytes)
	}
	root, err := document(file)
	if err != nil {
		return nil, err
	}
	r := &reader{base: c}
	services := r.file(root)
	return services, r.err()
}

// document returns the one YAML document of the file, as nodes: aliases are
// not followed, so a file never grows while it is read.
func document(file []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	var root, more yaml.Node
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil, errors.New(`the file is empty; write "services: []" if there is nothing to add`)
	}
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	err = decoder.Decode(&more)
	if errors.Is(err, io.EOF) {
		return root.Content[0], nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	return nil, fmt.Errorf("line %d: a second document begins here; write all services into one list", more.Line)
}
