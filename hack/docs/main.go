package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "the `folder` of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run writes every generated part anew.
func run(root string) error {
	files, err := generated(root)
	if err != nil {
		return err
	}
	for path, text := range files {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return nil
}

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
