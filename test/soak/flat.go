package main

import (
	"fmt"
	"math"
	"slices"
)

// A bound is how much of something may grow over the second half of a soak.
type bound struct {
	name string
	of   func(sample) float64
	// share of the median, or at least so much.
	share, least float64
	unit         float64
	unitName     string
}

const mebibyte = 1 << 20

// bounds are what must be flat. The heap is what is left after a collection,
// which is half of where the next one begins.
var bounds = []bound{
	{"resident memory", func(s sample) float64 { return s.Resident }, 0.10, 8 * mebibyte, mebibyte, "MiB"},
	{"live heap", func(s sample) float64 { return s.Heap }, 0.10, 4 * mebibyte, mebibyte, "MiB"},
	{"goroutines", func(s sample) float64 { return s.Goroutines }, 0.05, 10, 1, ""},
	{"open files", func(s sample) float64 { return s.Files }, 0.10, 3, 1, ""},
}

// A trend is how something grew over the second half of a soak.
type trend struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	// Median is of the second half; Growth is the slope times its length.
	Median float64 `json:"median"`
	Growth float64 `json:"growth"`
	Bound  float64 `json:"bound"`
	Flat   bool    `json:"flat"`
}

// fewest is from how many samples on a slope says anything.
const fewest = 6

// trendsOf judges the samples at rest. Few of them show no trend, and are flat.
func trendsOf(resting []sample) []trend {
	second := resting[len(resting)/2:]
	out := make([]trend, 0, len(bounds))
	for _, b := range bounds {
		xs, ys := make([]float64, 0, len(second)), make([]float64, 0, len(second))
		for _, s := range second {
			xs, ys = append(xs, s.Seconds), append(ys, b.of(s))
		}
		t := trend{Name: b.name, Unit: b.unitName, Median: median(ys) / b.unit, Flat: true}
		t.Bound = max(b.share*t.Median, b.least/b.unit)
		if len(xs) >= fewest {
			t.Growth = theilSen(xs, ys) * (xs[len(xs)-1] - xs[0]) / b.unit
			t.Flat = t.Growth <= t.Bound
		}
		out = append(out, t)
	}
	return out
}

// theilSen returns the median of the slopes between all pairs of points: a third
// of them may lie anywhere.
func theilSen(xs, ys []float64) float64 {
	var slopes []float64
	for i := range xs {
		for j := i + 1; j < len(xs); j++ {
			if xs[j] != xs[i] {
				slopes = append(slopes, (ys[j]-ys[i])/(xs[j]-xs[i]))
			}
		}
	}
	return median(slopes)
}

// median returns 0 of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (t trend) String() string {
	word := "flat"
	if !t.Flat {
		word = "GROWS"
	}
	return fmt.Sprintf("%-16s %-6s median %8.1f %-4s growth %+7.1f, at most %.1f", t.Name, word, t.Median, t.Unit, round(t.Growth), t.Bound)
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
