package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A built image, for all architectures.
type built struct {
	recipe
	index  v1.ImageIndex
	digest v1.Hash
	images []imageOf
}

// imageOf is the image of one architecture.
type imageOf struct {
	arch       string
	image      v1.Image
	digest     v1.Hash
	compressed int64 // bytes that a node pulls
	binary     int64 // bytes of the operator
}

// build builds everything and writes it to the folder.
func (r recipe) build(ctx context.Context) (*built, error) {
	if err := emptied(r.out); err != nil {
		return nil, err
	}
	b := &built{recipe: r, index: mutate.IndexMediaType(empty.Index, types.OCIImageIndex)}
	for _, arch := range r.arches {
		if err := b.add(ctx, arch); err != nil {
			return nil, err
		}
	}
	b.index = annotatedIndex(b.index, r.annotations())
	digest, err := b.index.Digest()
	if err != nil {
		return nil, fmt.Errorf("digesting the index: %w", err)
	}
	b.digest = digest
	return b, b.write()
}

// annotatedIndex returns an index with annotations.
func annotatedIndex(index v1.ImageIndex, annotations map[string]string) v1.ImageIndex {
	annotated, ok := mutate.Annotations(index, annotations).(v1.ImageIndex)
	if !ok {
		return index
	}
	return annotated
}

// annotations say what the image is: https://specs.opencontainers.org/image-spec/annotations.
func (r recipe) annotations() map[string]string {
	out := map[string]string{
		"org.opencontainers.image.title":       "medfence",
		"org.opencontainers.image.description": "Segments the network of a hospital's medical devices",
		"org.opencontainers.image.source":      "https://github.com/medfence/medfence",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     r.version,
	}
	if r.revision != "" {
		out["org.opencontainers.image.revision"] = r.revision
	}
	return out
}

// add builds the image of an architecture and puts it into the index.
func (b *built) add(ctx context.Context, arch string) error {
	binary, err := b.compile(ctx, arch)
	if err != nil {
		return err
	}
	defer os.Remove(binary)
	base, err := b.base()
	if err != nil {
		return err
	}
	program, err := b.program(binary)
	if err != nil {
		return err
	}
	image, err := b.assemble(arch, base, program)
	if err != nil {
		return fmt.Errorf("assembling the image for %s: %w", arch, err)
	}
	if err := b.writeSBOM(binary, arch); err != nil {
		return err
	}
	one, err := measure(image, arch, binary)
	if err != nil {
		return fmt.Errorf("measuring the image for %s: %w", arch, err)
	}
	b.images = append(b.images, one)
	b.index = mutate.AppendManifests(b.index, mutate.IndexAddendum{
		Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
	})
	return nil
}

// assemble makes an image of layers.
func (b *built) assemble(arch string, layers ...v1.Layer) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var added []mutate.Addendum
	for i, layer := range layers {
		added = append(added, mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{
			Created: v1.Time{Time: b.created}, CreatedBy: "hack/image", Comment: []string{"CA roots, passwd, group", "the operator"}[i],
		}})
	}
	image, err := mutate.Append(image, added...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: b.created}
	config.Config = v1.Config{
		User: fmt.Sprintf("%[1]d:%[1]d", user), Entrypoint: []string{"/" + binaryPath}, WorkingDir: "/",
		Env:    []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		Labels: b.annotations(),
	}
	return mutate.ConfigFile(image, config)
}

// measure tells how large an image is.
func measure(image v1.Image, arch, binary string) (imageOf, error) {
	out := imageOf{arch: arch, image: image}
	var err error
	if out.digest, err = image.Digest(); err != nil {
		return out, err
	}
	layers, err := image.Layers()
	if err != nil {
		return out, err
	}
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return out, err
		}
		out.compressed += size
	}
	info, err := os.Stat(binary)
	if err != nil {
		return out, err
	}
	out.binary = info.Size()
	return out, nil
}

// write writes the layout, the archives, the provenance and the digest.
func (b *built) write() error {
	if _, err := layout.Write(filepath.Join(b.out, "oci"), b.index); err != nil {
		return fmt.Errorf("writing the OCI layout: %w", err)
	}
	tag, err := name.NewTag(b.name + ":" + b.version)
	if err != nil {
		return fmt.Errorf("naming the image: %w", err)
	}
	for _, one := range b.images {
		if err := tarball.WriteToFile(filepath.Join(b.out, "medfence-"+one.arch+".tar"), tag, one.image); err != nil {
			return fmt.Errorf("writing an archive: %w", err)
		}
	}
	if err := b.writeProvenance(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, "digest"), []byte(b.digest.String()+"\n"), 0o644)
}

// report says what was built, and how large it is.
func (b *built) report(out io.Writer) error {
	const mega = 1e6
	for _, one := range b.images {
		fmt.Fprintf(out, "linux/%s  %.1f MB to pull, operator %.1f MB  %s\n", one.arch, float64(one.compressed)/mega, float64(one.binary)/mega, one.digest)
	}
	_, err := fmt.Fprintf(out, "%s:%s@%s in %s\n", b.name, b.version, b.digest, b.out)
	return err
}
