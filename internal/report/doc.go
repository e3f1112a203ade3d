// Package report writes results: as text for a terminal, as Markdown for a pull
// request, as CSV, JSON, SARIF, JUnit and HTML for other programs and for
// browsers. The same result gives the same bytes.
package report
