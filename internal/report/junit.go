package report

import (
	"encoding/xml"
	"io"

	"github.com/medfence/medfence/internal/analysis"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Line      int           `xml:"line,attr,omitempty"`
		Failure   *junitFailure `xml:"failure"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// FindingsJUnit writes findings as JUnit XML: one test case a finding. Errors
// and warnings are failures; advice passes, with its words as output. Without
// findings there is one case, which passes: an empty suite counts as broken.
func FindingsJUnit(w io.Writer, findings []analysis.Finding) error {
	suite := junitSuite{Name: "medfence lint"}
	for _, f := range findings {
		c := junitCase{Name: f.Rule, Classname: f.Object(), File: f.File, Line: f.Line}
		if c.Classname == "" {
			c.Classname = f.File
		}
		if f.Path != "" {
			c.Name += " " + f.Path
		}
		if f.Level == analysis.Advice {
			c.SystemOut = Clean(f.Message)
		} else {
			suite.Failures++
			c.Failure = &junitFailure{Type: string(f.Level), Message: Clean(f.Message), Text: Clean(place(f))}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(suite.Cases) == 0 {
		suite.Cases = []junitCase{{Name: "nothing found", Classname: "medfence lint"}}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
