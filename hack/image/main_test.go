package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// imageOnce builds the image of testdata/hello, and returns its folder and what
// was said.
func imageOnce(t *testing.T, source string, flags ...string) (dir, said string) {
	t.Helper()
	dir = t.TempDir()
	var out bytes.Buffer
	args := append([]string{"--source", source, "--out", dir, "--version", "v1.2.3", "--source-date-epoch", "1700000000", "--revision", "0123456789abcdef"}, flags...)
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatal(err)
	}
	return dir, out.String()
}

// contents returns the bytes of every file of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir)] = string(data)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d files: %v", len(out), err)
	}
	return out
}

// TestTheSameSourceGivesTheSameBytes: from another folder, too, or a digest
// would say nothing about the source.
func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "some", "where")
	if err := os.CopyFS(elsewhere, os.DirFS("testdata/hello")); err != nil {
		t.Fatal(err)
	}
	first, said := imageOnce(t, "testdata/hello")
	second, _ := imageOnce(t, elsewhere)
	one, two := contents(t, first), contents(t, second)
	if len(one) != len(two) {
		t.Errorf("%d files and %d", len(one), len(two))
	}
	for name, text := range one {
		if two[name] != text {
			t.Errorf("%s differs", name)
		}
	}
	digest := strings.TrimSpace(one["/digest"])
	if !strings.HasPrefix(digest, "sha256:") || !strings.Contains(said, digest) {
		t.Errorf("the digest %q is not said:\n%s", digest, said)
	}
	for _, want := range []string{"linux/amd64  ", "linux/arm64  ", " MB to pull"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}

// TestTheImageRunsAnywhereAndAsNobody looks into the layout as an engine would.
func TestTheImageRunsAnywhereAndAsNobody(t *testing.T) {
	dir, _ := imageOnce(t, "testdata/hello")
	root, err := layout.ImageIndexFromPath(filepath.Join(dir, "oci"))
	must(t, err)
	must(t, validate.Index(root))
	manifest, err := root.IndexManifest()
	must(t, err)
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, d := range manifest.Manifests {
		machine, ok := machines[d.Platform.Architecture]
		if !ok || d.Platform.OS != "linux" {
			t.Fatalf("an image for %v", d.Platform)
		}
		delete(machines, d.Platform.Architecture)
		image, err := root.Image(d.Digest)
		must(t, err)
		lookInto(t, image, machine)
		lookAtConfig(t, image, d.Platform.Architecture)

		archive, err := tarball.ImageFromPath(filepath.Join(dir, "medfence-"+d.Platform.Architecture+".tar"), nil)
		must(t, err)
		must(t, validate.Image(archive))
		one, _ := image.ConfigName()
		two, _ := archive.ConfigName()
		if one != two {
			t.Errorf("docker load would take another image for %s", d.Platform.Architecture)
		}
	}
	if len(machines) > 0 {
		t.Errorf("no image for %v", machines)
	}
}

func lookAtConfig(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	config, err := image.ConfigFile()
	must(t, err)
	if config.Config.User != "65532:65532" || config.OS != "linux" || config.Architecture != arch ||
		len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/medfence" {
		t.Errorf("it is %+v", config)
	}
	if config.Created.Unix() != 1700000000 || config.Config.Labels["org.opencontainers.image.revision"] != "0123456789abcdef" {
		t.Errorf("it was made %v of %v", config.Created, config.Config.Labels)
	}
}

// lookInto reads all files of an image.
func lookInto(t *testing.T, image v1.Image, machine elf.Machine) {
	t.Helper()
	archive := tar.NewReader(mutate.Extract(image))
	files := map[string][]byte{}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		data, err := io.ReadAll(archive)
		must(t, err)
		files[header.Name] = data
		if header.Mode&0o022 != 0 && header.Name != "tmp" {
			t.Errorf("others may write %s: %o", header.Name, header.Mode)
		}
		if header.Uid != 0 || header.ModTime.Unix() != 1700000000 {
			t.Errorf("%s is of %d, at %v", header.Name, header.Uid, header.ModTime)
		}
	}
	binary, err := elf.NewFile(bytes.NewReader(files["medfence"]))
	must(t, err)
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 || binary.Machine != machine {
		t.Errorf("a binary for %v that needs %v (%v)", binary.Machine, libraries, err)
	}
	if !bytes.Contains(files["etc/passwd"], []byte("nonroot:x:65532:65532:")) {
		t.Errorf("passwd: %s", files["etc/passwd"])
	}
	trusted := 0
	for rest := files["etc/ssl/certs/ca-certificates.crt"]; ; trusted++ {
		block, next := pem.Decode(rest)
		if block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		must(t, err)
		if !certificate.IsCA {
			t.Errorf("%s is no authority", certificate.Subject)
		}
		rest = next
	}
	if trusted < 100 {
		t.Errorf("it trusts %d authorities", trusted)
	}
}

// TestWhatIsInTheImageIsSaid checks the SBOM and the provenance.
func TestWhatIsInTheImageIsSaid(t *testing.T) {
	dir, _ := imageOnce(t, ".", "--arch", "amd64") // this program: it has modules
	file, err := os.Open(filepath.Join(dir, "sbom-amd64.cdx.json"))
	must(t, err)
	defer file.Close()
	bom := &cyclonedx.BOM{}
	must(t, cyclonedx.NewBOMDecoder(file, cyclonedx.BOMFileFormatJSON).Decode(bom))
	if bom.SpecVersion != cyclonedx.SpecVersion1_6 {
		t.Errorf("its version is %s, which scanners may not know", bom.SpecVersion)
	}
	if main := bom.Metadata.Component; main.Name != "github.com/medfence/medfence/hack/image" || main.Version != "v1.2.3" {
		t.Errorf("it is of %s %s", main.Name, main.Version)
	}
	found := map[string]string{}
	for _, c := range *bom.Components {
		found[c.Name] = c.PackageURL
		if c.Version == "" || !strings.HasPrefix(c.PackageURL, "pkg:golang/"+c.Name+"@") {
			t.Errorf("%s has the version %q and the name %s", c.Name, c.Version, c.PackageURL)
		}
	}
	for _, want := range []string{"std", "github.com/google/go-containerregistry", "golang.org/x/crypto/x509roots/fallback"} {
		if found[want] == "" {
			t.Errorf("%s is missing in %v", want, found)
		}
	}

	raw, err := os.ReadFile(filepath.Join(dir, "provenance.json"))
	must(t, err)
	var s statement
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	must(t, decoder.Decode(&s))
	digest, err := os.ReadFile(filepath.Join(dir, "digest"))
	must(t, err)
	if want := strings.TrimPrefix(strings.TrimSpace(string(digest)), "sha256:"); s.Subject[0].Digest["sha256"] != want || len(s.Subject) != 2 {
		t.Errorf("it speaks of %v, the image is %s", s.Subject, want)
	}
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" ||
		s.Predicate.BuildDefinition.ResolvedDependencies[0].Digest["gitCommit"] != "0123456789abcdef" {
		t.Errorf("it says %s", raw)
	}
}

func TestAMistakeIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no such folder":  {[]string{"--source", "testdata/none", "--out", t.TempDir()}, "compiling for amd64"},
		"no such machine": {[]string{"--source", "testdata/hello", "--arch", "vax", "--out", t.TempDir()}, "compiling for vax"},
		"no name":         {[]string{"--source", "testdata/hello", "--arch", "amd64", "--name", "UPPER", "--out", t.TempDir()}, "naming the image"},
	} {
		if err := run(t.Context(), tc.args, io.Discard); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: it says %v", name, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
