// Command gen writes docs/services.md, the reference of the service catalogue,
// from the catalogue itself. Run it with `go generate ./internal/catalog`.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/medfence/medfence/internal/catalog"
)

func main() {
	out := flag.String("o", "", "the file to write; standard output if omitted")
	flag.Parse()
	if err := write(*out, page(catalog.Embedded().Services())); err != nil {
		fmt.Fprintf(os.Stderr, "gen: %v\n", err)
		os.Exit(1)
	}
}

func write(path, page string) error {
	if path == "" {
		_, err := os.Stdout.WriteString(page)
		return err
	}
	return os.WriteFile(path, []byte(page), 0o644)
}
