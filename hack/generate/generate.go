// Package generate is what the programs that write generated files share.
package generate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// Main runs a program of a name that writes files: generated returns them by
// their paths below the root of the repository.
func Main(name string, generated func(root string) (map[string]string, error)) {
	root := flag.String("root", ".", "the `folder` of the repository")
	flag.Parse()
	if err := write(*root, generated); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func write(root string, generated func(root string) (map[string]string, error)) error {
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
