package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes what a binary is made of, as the linker recorded it: only
// modules that are in it, not all of go.mod.
func (b *built) writeSBOM(binary, arch string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("reading what is in the binary: %w", err)
	}
	file, err := os.Create(filepath.Join(b.out, "sbom-"+arch+".cdx.json"))
	if err != nil {
		return fmt.Errorf("writing the SBOM: %w", err)
	}
	defer file.Close()
	// Scanners lag behind the newest version of the format.
	encoder := cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true)
	if err := encoder.EncodeVersion(b.sbom(info, arch), cyclonedx.SpecVersion1_6); err != nil {
		return fmt.Errorf("writing the SBOM: %w", err)
	}
	return nil
}

func (b *built) sbom(info *debug.BuildInfo, arch string) *cyclonedx.BOM {
	bom := cyclonedx.NewBOM()
	main := cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, Name: info.Main.Path, Version: b.version,
		BOMRef: info.Main.Path, PackageURL: purl(info.Main.Path, b.version),
		Properties: &[]cyclonedx.Property{{Name: "medfence:platform", Value: "linux/" + arch}},
	}
	bom.Metadata = &cyclonedx.Metadata{Component: &main}
	components := []cyclonedx.Component{{
		Type: cyclonedx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion, BOMRef: "std", PackageURL: purl("std", info.GoVersion),
	}}
	refs := []string{"std"}
	for _, m := range info.Deps {
		used := m
		if m.Replace != nil {
			used = m.Replace
		}
		ref := used.Path + "@" + used.Version
		component := cyclonedx.Component{
			Type: cyclonedx.ComponentTypeLibrary, Name: used.Path, Version: used.Version, BOMRef: ref, PackageURL: purl(used.Path, used.Version),
		}
		if used.Sum != "" {
			component.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: used.Sum}}
		}
		components, refs = append(components, component), append(refs, ref)
	}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	return bom
}

// purl names a module: https://github.com/package-url/purl-spec.
func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }
