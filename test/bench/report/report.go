package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is one run.
type Report struct {
	Begun    time.Time         `json:"begun"`
	Took     string            `json:"took"`
	Revision string            `json:"revision"`
	Machine  Machine           `json:"machine"`
	Settings map[string]string `json:"settings"`
	Rows     []*Row            `json:"rows"`
}

// Missed returns the rows whose goals were not reached.
func (r *Report) Missed() []*Row {
	var out []*Row
	for _, row := range r.Rows {
		if !row.Met() {
			out = append(out, row)
		}
	}
	return out
}

var header = []string{"", "case", "measure", "median", "p99", "bound", "ratio", "goal", "met"}

func (r *Row) cells() []string {
	unit := func(v float64) string { return number(v) + " " + r.Unit }
	bound := ""
	if len(r.Bound) > 0 {
		bound = unit(r.Bound.Median())
		if r.Goal.Form == RatioOfP99 {
			bound = unit(r.Bound.P99())
		}
		if r.Against != "" {
			bound += " (" + r.Against + ")"
		}
	}
	p99 := ""
	if len(r.Subject) > 1 {
		p99 = unit(r.Subject.P99())
	}
	return []string{r.Scenario, r.Case, r.Measure, unit(r.Subject.Median()), p99, bound, r.comparedText(), r.goalText(), r.metText()}
}

// WriteText writes the table for a terminal.
func (r *Report) WriteText(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(header, "\t")))
	for _, row := range r.Rows {
		fmt.Fprintln(w, strings.Join(row.cells(), "\t"))
	}
	return w.Flush()
}

// WriteMarkdown writes the table, the machine and the settings for a page.
func (r *Report) WriteMarkdown(to io.Writer) error {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(header)
	b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	for _, row := range r.Rows {
		line(row.cells())
	}
	b.WriteString("\n" + r.Machine.String() + "\n")
	_, err := io.WriteString(to, b.String())
	return err
}

// The lines of a page between which the last run is shown.
const (
	pageBegin = "<!-- the last run: written by make bench DOCS=1 -->\n"
	pageEnd   = "<!-- the end of the last run -->\n"
)

// Show returns a page with this run in the place of the one that it showed.
func (r *Report) Show(page string) (string, error) {
	before, rest, begun := strings.Cut(page, pageBegin)
	_, after, ended := strings.Cut(rest, pageEnd)
	if !begun || !ended {
		return "", fmt.Errorf("the page has no line %q, or none %q after it", strings.TrimSpace(pageBegin), strings.TrimSpace(pageEnd))
	}
	var run strings.Builder
	if err := r.WriteMarkdown(&run); err != nil {
		return "", err
	}
	settings := make([]string, 0, len(r.Settings))
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		settings = append(settings, r.Settings[name]+" "+name)
	}
	about := fmt.Sprintf("Commit %s, %s, in %s: %s.\n", r.Revision, r.Begun.Format("2006-01-02"), r.Took, strings.Join(settings, ", "))
	return before + pageBegin + "\n" + run.String() + about + "\n" + pageEnd + after, nil
}

// WriteJSON writes all of it, every sample too.
func (r *Report) WriteJSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
