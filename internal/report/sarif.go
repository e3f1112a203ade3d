package report

import (
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/medfence/medfence/internal/analysis"
)

// The parts of SARIF 2.1.0 that GitHub code scanning reads
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		HelpURI          string    `json:"helpUri,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

// home is where the project and its pages are.
const home = "https://github.com/medfence/medfence"

// FindingsSARIF writes findings as SARIF 2.1.0.
func FindingsSARIF(w io.Writer, findings []analysis.Finding) error {
	names := map[string]bool{}
	for _, f := range findings {
		names[f.Rule] = true
	}
	sorted := slices.Sorted(maps.Keys(names))
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "medfence", InformationURI: home, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	for _, name := range sorted {
		rule := sarifRule{ID: name, ShortDescription: sarifText{name}}
		if text, ok := analysis.Rules[name]; ok {
			rule.ShortDescription.Text = text
		} else {
			rule.HelpURI = home + "/blob/main/docs/reasons/" + name + ".md"
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
	}
	for _, f := range findings {
		index, _ := slices.BinarySearch(sorted, f.Rule)
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Rule, RuleIndex: index, Level: sarifLevel(f.Level),
			Message: sarifText{messageOf(f)}, Locations: []sarifLocation{sarifPlace(f)},
		})
	}
	return JSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifLevel: GitHub shows notes apart from warnings.
func sarifLevel(level analysis.Level) string {
	if level == analysis.Advice {
		return "note"
	}
	return string(level)
}

func sarifPlace(f analysis.Finding) sarifLocation {
	var out sarifLocation
	if f.File != "" {
		out.Physical = &sarifPhysical{Artifact: sarifArtifact{filepath.ToSlash(f.File)}}
		out.Physical.Region = &sarifRegion{max(f.Line, 1)}
	}
	if f.Object() != "" {
		out.Logical = []sarifLogical{{f.Object(), "resource"}}
	}
	return out
}

// messageOf returns a message that stands by itself.
func messageOf(f analysis.Finding) string {
	text := f.Message
	for _, part := range []string{f.Path, f.Object()} {
		if part != "" {
			text = part + ": " + text
		}
	}
	return text
}
