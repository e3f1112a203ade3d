package generate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteWritesAllOrSaysWhy(t *testing.T) {
	root := t.TempDir()
	err := write(root, func(at string) (map[string]string, error) {
		if at != root {
			t.Errorf("asked for %s, want %s", at, root)
		}
		return map[string]string{"a.md": "A", "b.md": "B"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.md": "A", "b.md": "B"} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	broken := errors.New("a page has lost its mark")
	if err := write(root, func(string) (map[string]string, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("a page that cannot be made: %v", err)
	}
	if err := write(root, func(string) (map[string]string, error) { return map[string]string{"missing/c.md": "C"}, nil }); err == nil {
		t.Error("a folder that is not there: no error")
	}
}
