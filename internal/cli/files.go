package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/manifest"
)

// extensions are those of the files that are read of a folder.
var extensions = []string{".json", ".yaml", ".yml"}

// readFiles reads what -f names: files, folders with all that is below them, and
// "-" for standard input. A file that is too large is a fault; one that is not
// there is an error.
func readFiles(names []string, stdin io.Reader) ([]manifest.File, []manifest.Fault, error) {
	var files []manifest.File
	var faults []manifest.Fault
	seen := map[string]bool{}
	for _, name := range names {
		paths := []string{name}
		if name != "-" {
			found, err := pathsOf(name)
			if err != nil {
				return nil, nil, err
			}
			paths = found
		}
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			file, fault, err := readFile(path, stdin)
			if err != nil {
				return nil, nil, err
			}
			if fault != nil {
				faults = append(faults, *fault)
				continue
			}
			files = append(files, file)
		}
	}
	return files, faults, nil
}

// pathsOf returns a file's own path, or those of the manifests below a folder.
func pathsOf(name string) ([]string, error) {
	if strings.Contains(name, "://") {
		return nil, fmt.Errorf("-f %s: addresses are not fetched; download the file and name it, or pipe it to -f -", name)
	}
	at, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("-f %s: there is no such file or folder; correct the path", name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading -f %s: %w", name, err)
	}
	if !at.IsDir() {
		return []string{name}, nil
	}
	out, err := manifestsBelow(name)
	if err != nil {
		return nil, fmt.Errorf("reading the folder %s: %w", name, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("-f %s: no file below this folder ends in .yaml, .yml or .json; name the folder of the manifests", name)
	}
	return out, nil
}

// manifestsBelow walks a folder, but for what is hidden.
func manifestsBelow(name string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		hidden := path != name && strings.HasPrefix(entry.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case !hidden && !entry.IsDir() && slices.Contains(extensions, strings.ToLower(filepath.Ext(path))):
			out = append(out, path)
		}
		return nil
	})
	return out, err
}

// readFile reads one file, and no more of it than is read at all.
func readFile(path string, stdin io.Reader) (manifest.File, *manifest.Fault, error) {
	in, name := stdin, "stdin"
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return manifest.File{}, nil, fmt.Errorf("opening a manifest: %w", err)
		}
		defer file.Close()
		if at, err := file.Stat(); err == nil && at.Size() > manifest.MaxBytes {
			return manifest.File{}, new(manifest.TooLarge(path, at.Size())), nil
		}
		in, name = file, path
	}
	data, err := io.ReadAll(io.LimitReader(in, manifest.MaxBytes+1))
	if err != nil {
		return manifest.File{}, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return manifest.File{Name: name, Data: data}, nil, nil
}
