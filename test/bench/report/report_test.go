package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func upTo(n int) Samples {
	var out Samples
	for i := n; i > 0; i-- {
		out = append(out, float64(i))
	}
	return out
}

func TestSamplesAreSummedUpByWhatWasMeasured(t *testing.T) {
	for name, tc := range map[string]struct {
		samples     Samples
		median, p99 float64
	}{
		"one":      {Samples{7}, 7, 7},
		"two":      {Samples{9, 1}, 1, 9},
		"three":    {Samples{3, 1, 2}, 2, 3},
		"a few":    {upTo(10), 5, 10},
		"100":      {upTo(100), 50, 99},
		"1000":     {upTo(1000), 500, 990},
		"all same": {Samples{4, 4, 4}, 4, 4},
	} {
		t.Run(name, func(t *testing.T) {
			before := append(Samples(nil), tc.samples...)
			if got := tc.samples.Median(); got != tc.median {
				t.Errorf("median %v, want %v", got, tc.median)
			}
			if got := tc.samples.P99(); got != tc.p99 {
				t.Errorf("p99 %v, want %v", got, tc.p99)
			}
			if diff := cmp.Diff(before, tc.samples); diff != "" {
				t.Errorf("the samples were reordered:\n%s", diff)
			}
		})
	}
	if !math.IsNaN(Samples(nil).Median()) {
		t.Error("the median of nothing is a number")
	}
}

func TestGoalsAreMetOrNot(t *testing.T) {
	for name, tc := range map[string]struct {
		row  Row
		want bool
	}{
		"no goal":                      {Row{Subject: Samples{9}}, true},
		"a ratio below":                {Row{Subject: Samples{12}, Bound: Samples{10}, Goal: Goal{RatioOfMedians, 1.3}}, true},
		"a ratio above":                {Row{Subject: Samples{14}, Bound: Samples{10}, Goal: Goal{RatioOfMedians, 1.3}}, false},
		"p99 above, though medians do": {Row{Subject: Samples{1, 1, 40}, Bound: Samples{1, 1, 20}, Goal: Goal{RatioOfP99, 1.5}}, false},
		"p99 below":                    {Row{Subject: Samples{1, 1, 29}, Bound: Samples{1, 1, 20}, Goal: Goal{RatioOfP99, 1.5}}, true},
		"a little more":                {Row{Subject: Samples{20}, Bound: Samples{6}, Goal: Goal{MoreThanMedian, 15}}, true},
		"too much more":                {Row{Subject: Samples{22}, Bound: Samples{6}, Goal: Goal{MoreThanMedian, 15}}, false},
		"none":                         {Row{Subject: Samples{0, 0}, Goal: Goal{Form: AtMost}}, true},
		"one of many":                  {Row{Subject: Samples{0, 1}, Goal: Goal{Form: AtMost}}, false},
		"nothing measured":             {Row{Goal: Goal{AtMost, 1}}, false},
		"no bound measured":            {Row{Subject: Samples{1}, Goal: Goal{RatioOfMedians, 1.3}}, false},
		"none of none":                 {Row{Subject: Samples{0}, Bound: Samples{0}, Goal: Goal{RatioOfMedians, 1}}, true},
	} {
		if got := tc.row.Met(); got != tc.want {
			t.Errorf("%s: met is %v, want %v", name, got, tc.want)
		}
	}
}

func TestNumbersHaveThreeDigitsThatMatter(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "1.23": 1.2345, "12.3": 12.345, "123": 123.4, "1,235": 1234.6, "10,000": 10000, "-1,000": -1000, "1,234,567": 1234567,
		"0.05": 0.05, "-": math.NaN(), "∞": math.Inf(1), "999": 999,
	} {
		if got := number(v); got != want {
			t.Errorf("%v is printed as %q, want %q", v, got, want)
		}
	}
}

func example() *Report {
	return &Report{
		Machine: Machine{CPU: "A processor", Cores: 2, MemoryGiB: 8, Kernel: "6.1", Go: "go1.26", Kubernetes: "v1.36.3", LoadBefore: 0.1, LoadAfter: 2},
		Rows: []*Row{
			{Scenario: "B1", Case: "netpol, 500 devices", Measure: "wall time", Unit: "s", Subject: Samples{2, 3, 2.5}, Bound: Samples{2}, Against: "bare client", Goal: Goal{RatioOfMedians, 1.3}},
			{Scenario: "B2", Case: "netpol, 500 devices", Measure: "writes", Unit: "requests", Subject: Samples{3}, Goal: Goal{Form: AtMost}},
			{Scenario: "B3", Case: "netpol, 500 devices", Measure: "change", Unit: "ms", Subject: Samples{20}, Bound: Samples{6}, Goal: Goal{MoreThanMedian, 15}},
			{Scenario: "B6", Case: "netpol, 0 devices", Measure: "memory", Unit: "MiB", Subject: Samples{62.5}},
		},
	}
}

func TestTheTableSaysWhatWasReached(t *testing.T) {
	var text, page bytes.Buffer
	r := example()
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	const want = `|  | case | measure | median | p99 | bound | ratio | goal | met |
|---|---|---|---|---|---|---|---|---|
| B1 | netpol, 500 devices | wall time | 2.50 s | 3 s | 2 s (bare client) | 1.25 × | ≤ 1.30 × | yes |
| B2 | netpol, 500 devices | writes | 3 requests |  |  |  | ≤ 0 | no |
| B3 | netpol, 500 devices | change | 20 ms |  | 6 ms | +14 ms | ≤ +15 ms | yes |
| B6 | netpol, 0 devices | memory | 62.5 MiB |  |  |  |  |  |

A processor, 2 cores, 8 GiB, Linux 6.1, go1.26, Kubernetes v1.36.3; load average 0.1 before, 2.0 after.
`
	if diff := cmp.Diff(want, page.String()); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if lines := strings.Split(strings.TrimSpace(text.String()), "\n"); len(lines) != 5 {
		t.Errorf("%d lines, want a header and one for each row:\n%s", len(lines), &text)
	}
	if missed := r.Missed(); len(missed) != 1 || missed[0].Scenario != "B2" {
		t.Errorf("missed %v, want B2", missed)
	}
}

func TestJSONHasEverySampleAndNoNameOfTheMachine(t *testing.T) {
	var raw bytes.Buffer
	r := example()
	r.Machine = ThisMachine()
	if err := r.WriteJSON(&raw); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, &back); diff != "" {
		t.Errorf("what comes back (-want +got):\n%s", diff)
	}
	if r.Machine.Cores < 1 || !strings.HasPrefix(r.Machine.Go, "go") {
		t.Errorf("this machine is %+v", r.Machine)
	}
}

func TestFieldsOfProc(t *testing.T) {
	const lines = "processor\t: 0\nmodel name\t: A processor\nmodel name\t: Another\nMemTotal:       24576 kB\n"
	for name, want := range map[string]string{"model name": "A processor", "MemTotal": "24576 kB", "nothing": ""} {
		if got := field([]byte(lines), name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestAPageShowsTheLastRunAlone(t *testing.T) {
	r := example()
	r.Settings = map[string]string{"rounds": "3", "devices": "500"}
	page := "# Performance\n\n" + pageBegin + "an old table\n" + pageEnd + "\nWhat it means.\n"
	once, err := r.Show(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Performance\n", "| B1 | netpol, 500 devices |", "500 devices, 3 rounds", "\nWhat it means.\n"} {
		if !strings.Contains(once, want) {
			t.Errorf("the page lacks %q:\n%s", want, once)
		}
	}
	if strings.Contains(once, "an old table") {
		t.Error("the page still shows the run before")
	}
	if twice, err := r.Show(once); err != nil || twice != once {
		t.Errorf("the same run changes the page (%v):\n%s", err, cmp.Diff(once, twice))
	}
	if _, err := r.Show("# Performance\n"); err == nil {
		t.Error("a page without a place for it is no error")
	}
}
