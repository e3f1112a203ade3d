package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/medfence/medfence/hack/generate"
)

func main() { generate.Main("docs", generated) }

// The files that are generated, whole or in part.
const (
	indexFile      = "docs/reasons/README.md"
	operationsFile = "docs/operations.md"
)

// generated returns the files as they should be, by path below the root.
func generated(root string) (map[string]string, error) {
	index, err := reasonIndex(root)
	if err != nil {
		return nil, err
	}
	operations, err := operationsPage(root)
	if err != nil {
		return nil, err
	}
	return map[string]string{indexFile: index, operationsFile: operations}, nil
}

// operationsPage returns docs/operations.md with its tables written anew.
func operationsPage(root string) (string, error) {
	page, err := os.ReadFile(filepath.Join(root, operationsFile))
	if err != nil {
		return "", fmt.Errorf("reading the operations page: %w", err)
	}
	flags, err := flagTable(filepath.Join(root, "main.go"))
	if err != nil {
		return "", err
	}
	metrics, err := metricTable()
	if err != nil {
		return "", err
	}
	text, err := between(string(page), "flags", flags)
	if err != nil {
		return "", err
	}
	return between(text, "metrics", metrics)
}
