package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A Samples is what was measured, once a round or once a change.
type Samples []float64

// Median returns the middle of the samples; NaN without any.
func (s Samples) Median() float64 { return s.quantile(0.5) }

// P99 returns the 99th percentile; of less than 100 samples, the greatest.
func (s Samples) P99() float64 { return s.quantile(0.99) }

// quantile is the nearest rank: a value that was measured.
func (s Samples) quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
}

// A Form says how a goal compares what was measured.
type Form string

// The forms of goals.
const (
	// None is no goal: a figure for the reader.
	None Form = ""
	// RatioOfMedians: the subject's median is at most Limit times the bound's.
	RatioOfMedians Form = "ratio of medians"
	// RatioOfP99: the same of the 99th percentiles.
	RatioOfP99 Form = "ratio of p99"
	// MoreThanMedian: the subject's median is at most Limit above the bound's.
	MoreThanMedian Form = "above the median"
	// AtMost: the subject's 99th percentile is at most Limit.
	AtMost Form = "at most"
)

// A Goal is what a row is to reach.
type Goal struct {
	Form  Form    `json:"form,omitempty"`
	Limit float64 `json:"limit,omitempty"`
}

// A Row is one line of the table.
type Row struct {
	// Scenario is B1 to B10, Case what of it: "netpol, 10,000 devices".
	Scenario string `json:"scenario"`
	Case     string `json:"case"`
	// Measure is what was measured, Unit its unit: s, ms, MiB, or a plural noun.
	Measure string  `json:"measure"`
	Unit    string  `json:"unit"`
	Subject Samples `json:"subject"`
	// Bound is what it is compared with, empty for nothing; Against says what
	// that is.
	Bound   Samples `json:"bound,omitempty"`
	Against string  `json:"against,omitempty"`
	Goal    Goal    `json:"goal,omitzero"`
}

// Compared returns what the goal looks at.
func (r *Row) Compared() float64 {
	switch r.Goal.Form {
	case RatioOfMedians:
		return ratio(r.Subject.Median(), r.Bound.Median())
	case RatioOfP99:
		return ratio(r.Subject.P99(), r.Bound.P99())
	case MoreThanMedian:
		return r.Subject.Median() - r.Bound.Median()
	case AtMost:
		return r.Subject.P99()
	default:
		return ratio(r.Subject.Median(), r.Bound.Median())
	}
}

func ratio(a, b float64) float64 {
	if a == b {
		return 1 // 0 of 0 as well
	}
	return a / b
}

// Met reports whether the goal was reached. What was not measured reaches none.
func (r *Row) Met() bool { return r.Goal.Form == None || r.Compared() <= r.Goal.Limit }

// goalText says the goal in few words.
func (r *Row) goalText() string {
	switch r.Goal.Form {
	case RatioOfMedians:
		return "≤ " + number(r.Goal.Limit) + " ×"
	case RatioOfP99:
		return "p99 ≤ " + number(r.Goal.Limit) + " ×"
	case MoreThanMedian:
		return "≤ +" + number(r.Goal.Limit) + " " + r.Unit
	case AtMost:
		return "≤ " + number(r.Goal.Limit)
	default:
		return ""
	}
}

func (r *Row) comparedText() string {
	if len(r.Bound) == 0 {
		return ""
	}
	if r.Goal.Form == MoreThanMedian {
		return fmt.Sprintf("+%s %s", number(r.Compared()), r.Unit)
	}
	return number(r.Compared()) + " ×"
}

func (r *Row) metText() string {
	switch {
	case r.Goal.Form == None:
		return ""
	case r.Met():
		return "yes"
	default:
		return "no"
	}
}

// number prints three digits that matter, whole numbers as they are.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.IsInf(v, 0):
		return "∞"
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return grouped(strconv.FormatInt(int64(v), 10))
	case math.Abs(v) >= 1000:
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// grouped puts a comma before each three digits.
func grouped(digits string) string {
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
