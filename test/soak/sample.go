package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// A sample is how the operator was at one time.
type sample struct {
	// Seconds are since the beginning; Resting is true of one that was taken when
	// all was as many as at the beginning, and the operator had nothing to do.
	Seconds float64 `json:"seconds"`
	Resting bool    `json:"resting"`
	Weather string  `json:"weather"`
	Objects int     `json:"objects"`
	// Resident and Heap are bytes. Heap is what the last collection left.
	Resident   float64 `json:"residentBytes"`
	Heap       float64 `json:"heapBytes"`
	Goroutines float64 `json:"goroutines"`
	Files      float64 `json:"openFiles"`
	Queue      float64 `json:"queued"`
	// The rest counts from the operator's start; Requests are those but watches.
	Requests float64 `json:"requests"`
	Passes   float64 `json:"passes"`
	Errors   float64 `json:"errors"`
	Panics   float64 `json:"panics"`
}

func sampleOf(m reading, resident float64) sample {
	return sample{
		Resident: resident, Heap: m["go_memstats_next_gc_bytes"] / 2, Goroutines: m["go_goroutines"], Files: m["process_open_fds"],
		Queue: m["workqueue_depth"], Passes: m["controller_runtime_reconcile_total"],
		Errors: m["controller_runtime_reconcile_errors_total"], Panics: m["controller_runtime_reconcile_panics_total"],
	}
}

// whole reports whether the operator's metrics had all that a sample needs.
func whole(m reading) error {
	for _, name := range []string{"go_memstats_next_gc_bytes", "go_goroutines", "process_open_fds", "workqueue_depth", "controller_runtime_reconcile_total"} {
		if _, ok := m[name]; !ok {
			return fmt.Errorf("the operator's metrics have no %s", name)
		}
	}
	return nil
}

// A result is what a soak found.
type result struct {
	Minutes float64 `json:"minutes"`
	Zones   int     `json:"zones"`
	Edits   int     `json:"edits"`
	Struck  int64   `json:"requestsThatMetTheWeather"`
	// Rests are how often all was made as many as at the beginning; Longest is how
	// many seconds it took at most until the cluster was as it should be.
	Rests   int     `json:"rests"`
	Longest float64 `json:"longestToConverge"`
	Trends  []trend `json:"trends"`
	// Faults are what must not be; none in a good run.
	Faults  []string `json:"faults"`
	Samples []sample `json:"samples"`
}

func header(out io.Writer) {
	fmt.Fprintf(out, "%6s %-5s %7s %9s %9s %10s %5s %6s %8s %8s %6s  %s\n",
		"time", "", "objects", "resident", "heap", "goroutines", "files", "queue", "requests", "passes", "errors", "weather")
}

func (s sample) row(out io.Writer) {
	rest := ""
	if s.Resting {
		rest = "rest"
	}
	fmt.Fprintf(out, "%3d:%02d %-5s %7d %5.1f MiB %5.1f MiB %10.0f %5.0f %6.0f %8.0f %8.0f %6.0f  %s\n",
		int(s.Seconds)/60, int(s.Seconds)%60, rest, s.Objects, s.Resident/mebibyte, s.Heap/mebibyte, s.Goroutines, s.Files, s.Queue, s.Requests, s.Passes, s.Errors, s.Weather)
}

// tell writes what a soak found, for people and as JSON.
func (r *result) tell(out io.Writer, file string) error {
	fmt.Fprintf(out, "\n%.0f minutes, %d edits, %d requests met bad weather, %d rests, %.1f s at most until all was as it should be\n",
		r.Minutes, r.Edits, r.Struck, r.Rests, r.Longest)
	for _, t := range r.Trends {
		fmt.Fprintln(out, t)
	}
	for _, f := range r.Faults {
		fmt.Fprintln(out, "FAULT: "+strings.ReplaceAll(f, "\n", "\n       "))
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing down the soak: %w", err)
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing down the soak: %w", err)
	}
	return nil
}
