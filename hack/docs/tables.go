package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/medfence/medfence/controllers"
)

// between returns the text with what stands between two marks replaced:
//
//	<!-- generated: flags -->
//	...
//	<!-- end: flags -->
func between(text, name, table string) (string, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
	head, rest, found := strings.Cut(text, begin)
	if !found {
		return "", fmt.Errorf("the mark %q is missing", strings.TrimSpace(begin))
	}
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("the mark %q is missing", end)
	}
	return head + begin + "\n" + table + "\n" + end + tail, nil
}

// A row is one row of a table.
type row []string

func table(head row, rows []row) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a[0], b[0]) })
	for _, r := range rows {
		cells := make([]string, 0, len(r))
		for _, c := range r {
			cells = append(cells, cell(c))
		}
		line(cells)
	}
	return b.String()
}

// flagTable returns the table of the operator's flags, from the calls that
// declare them: set.StringVar(&f.target, "target", "auto", "usage").
func flagTable(path string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return "", fmt.Errorf("reading the flags: %w", err)
	}
	var rows []row
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && onFlagSet(call) {
			rows = append(rows, flagRow(call))
		}
		return true
	})
	if len(rows) == 0 {
		return "", fmt.Errorf("reading the flags: %s declares none on a variable called set", path)
	}
	return table(row{"Flag", "Default", "What it says"}, rows), nil
}

func onFlagSet(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	on, ok := method.X.(*ast.Ident)
	return ok && on.Name == "set" && (method.Sel.Name == "Func" || strings.HasSuffix(method.Sel.Name, "Var"))
}

// quoted is the part of a usage that names the value.
var quoted = regexp.MustCompile("`([^`]*)`")

func flagRow(call *ast.CallExpr) row {
	name, usage, preset := literal(call.Args[0]), literal(call.Args[1]), ""
	if len(call.Args) == 4 {
		name, preset, usage = literal(call.Args[1]), literal(call.Args[2]), literal(call.Args[3])
	}
	flag := "`--" + name + "`"
	if value := quoted.FindStringSubmatch(usage); value != nil {
		flag = "`--" + name + " <" + value[1] + ">`"
	}
	if preset != "" {
		preset = "`" + preset + "`"
	}
	return row{flag, preset, quoted.ReplaceAllString(usage, "$1")}
}

// literal returns what an expression stands for, or nothing where it is worked
// out when the operator starts.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
		return e.Value
	}
	return ""
}

// A shelf keeps what is registered with it.
type shelf []prometheus.Collector

// Register keeps a collector.
func (s *shelf) Register(c prometheus.Collector) error {
	*s = append(*s, c)
	return nil
}

// MustRegister keeps collectors.
func (s *shelf) MustRegister(list ...prometheus.Collector) { *s = append(*s, list...) }

// Unregister keeps everything.
func (s *shelf) Unregister(prometheus.Collector) bool { return false }

// described reads what a prometheus.Desc says of itself.
var described = regexp.MustCompile(`fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*variableLabels: \{([^}]*)\}`)

// metricTable returns the table of the operator's metrics, as it registers them.
func metricTable() (string, error) {
	var all shelf
	if _, err := controllers.NewMetrics(&all); err != nil {
		return "", fmt.Errorf("listing the metrics: %w", err)
	}
	var rows []row
	for _, c := range all {
		told := make(chan *prometheus.Desc, 1)
		c.Describe(told)
		found := described.FindStringSubmatch((<-told).String())
		if found == nil {
			return "", fmt.Errorf("listing the metrics: a description of an unknown form")
		}
		labels := strings.ReplaceAll(found[3], ",", ", ")
		rows = append(rows, row{"`" + unquote(found[1]) + "`", typeOf(c), labels, unquote(found[2])})
	}
	return table(row{"Metric", "Type", "Labels", "What it counts"}, rows), nil
}

func unquote(text string) string {
	out, err := strconv.Unquote(text)
	if err != nil {
		return text
	}
	return out
}

func typeOf(c prometheus.Collector) string {
	switch c.(type) {
	case prometheus.Histogram, *prometheus.HistogramVec:
		return "histogram"
	case prometheus.Gauge: // which is a Counter by its methods
		return "gauge"
	case prometheus.Counter, *prometheus.CounterVec:
		return "counter"
	}
	return "gauge"
}
