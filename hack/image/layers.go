package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is whom the operator runs as: nobody else's number, and no root.
const user = 65532

// A file of a layer.
type file struct {
	path string // without a leading slash; a trailing one makes a folder
	mode int64
	data []byte
}

// layer returns a layer with these files, all of root and of the same time.
func (r recipe) layer(files ...file) (v1.Layer, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Name: f.path, Mode: f.mode, Size: int64(len(f.data)), ModTime: r.created, Format: tar.FormatUSTAR, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.path, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("writing %s into a layer: %w", f.path, err)
		}
		if _, err := archive.Write(f.data); err != nil {
			return nil, fmt.Errorf("writing %s into a layer: %w", f.path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("ending a layer: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	})
	if err != nil {
		return nil, fmt.Errorf("making a layer: %w", err)
	}
	return layer, nil
}

// base returns the layer of what a static binary may look for.
func (r recipe) base() (v1.Layer, error) {
	return r.layer(
		file{path: "etc/", mode: 0o755},
		file{path: "etc/group", mode: 0o644, data: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", user)},
		file{path: "etc/passwd", mode: 0o644, data: fmt.Appendf(nil,
			"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%[1]d:%[1]d:nonroot:/:/sbin/nologin\n", user)},
		file{path: "etc/ssl/", mode: 0o755},
		file{path: "etc/ssl/certs/", mode: 0o755},
		file{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: roots()},
		file{path: "tmp/", mode: 0o1777},
	)
}

// roots returns the certificates that Mozilla trusts without conditions.
func roots() []byte {
	var certificates [][]byte
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			certificates = append(certificates, root.Certificate)
		}
	}
	slices.SortFunc(certificates, bytes.Compare)
	var out bytes.Buffer
	for _, der := range certificates {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // into memory: cannot fail
	}
	return out.Bytes()
}

// program returns the layer of the operator.
func (r recipe) program(binary string) (v1.Layer, error) {
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("reading the binary: %w", err)
	}
	return r.layer(file{path: binaryPath, mode: 0o755, data: data})
}
