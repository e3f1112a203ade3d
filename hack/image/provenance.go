package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// statement is an in-toto statement, version 1, about our image:
// https://in-toto.io/Statement/v1 with https://slsa.dev/provenance/v1.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     provenance `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

type provenance struct {
	BuildDefinition struct {
		BuildType            string         `json:"buildType"`
		ExternalParameters   map[string]any `json:"externalParameters"`
		InternalParameters   map[string]any `json:"internalParameters"`
		ResolvedDependencies []subject      `json:"resolvedDependencies,omitempty"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	} `json:"runDetails"`
}

// writeProvenance writes how the image was made. It names no time and no
// machine, so that whoever builds the same gets the same; who vouches for it is
// said by the signature, which the release workflow adds.
func (b *built) writeProvenance() error {
	s := statement{Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1"}
	s.Subject = []subject{{Name: b.name, Digest: map[string]string{b.digest.Algorithm: b.digest.Hex}}}
	for _, one := range b.images {
		s.Subject = append(s.Subject, subject{Name: b.name + " linux/" + one.arch, Digest: map[string]string{one.digest.Algorithm: one.digest.Hex}})
	}
	definition := &s.Predicate.BuildDefinition
	definition.BuildType = "https://github.com/medfence/medfence/blob/main/hack/image/doc.go"
	definition.ExternalParameters = map[string]any{"version": b.version, "sourceDateEpoch": b.created.Unix(), "platforms": b.platforms()}
	definition.InternalParameters = map[string]any{"go": runtime.Version()}
	if b.revision != "" {
		definition.ResolvedDependencies = []subject{{URI: "git+https://github.com/medfence/medfence", Digest: map[string]string{"gitCommit": b.revision}}}
	}
	s.Predicate.RunDetails.Builder.ID = "https://github.com/medfence/medfence/blob/main/hack/image"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return fmt.Errorf("writing the provenance: %w", err)
	}
	if err := os.WriteFile(filepath.Join(b.out, "provenance.json"), out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the provenance: %w", err)
	}
	return nil
}

func (b *built) platforms() []string {
	var out []string
	for _, arch := range b.arches {
		out = append(out, "linux/"+arch)
	}
	return out
}
