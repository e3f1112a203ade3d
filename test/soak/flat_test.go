package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// line makes samples whose memory is what a function of the minute says.
func line(minutes int, memory func(minute float64) float64) []sample {
	var out []sample
	for i := range 2 * minutes {
		m := memory(float64(i) / 2)
		out = append(out, sample{Seconds: float64(30 * i), Resident: m, Heap: m / 2, Goroutines: 150, Files: 12})
	}
	return out
}

func TestWhatGrowsIsFoundAndWhatSwingsIsNot(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	noise := func() float64 { return (dice.Float64() - 0.5) * 20 * mebibyte }
	for name, tc := range map[string]struct {
		memory func(float64) float64
		flat   bool
	}{
		"constant":                 {func(float64) float64 { return 100 * mebibyte }, true},
		"noise":                    {func(float64) float64 { return 100*mebibyte + noise() }, true},
		"warms up, then holds":     {func(m float64) float64 { return min(100, 20+10*m) * mebibyte }, true},
		"shrinks":                  {func(m float64) float64 { return (200 - m) * mebibyte }, true},
		"three spikes":             {func(m float64) float64 { return (100 + 400*float64(int(m*2)%7/6)) * mebibyte }, true},
		"leaks 2 MiB a minute":     {func(m float64) float64 { return (100 + 2*m) * mebibyte }, false},
		"leaks under noise":        {func(m float64) float64 { return (100+4*m)*mebibyte + noise() }, false},
		"begins to leak half way":  {func(m float64) float64 { return (100 + 4*max(0, m-10)) * mebibyte }, false},
		"leaks, and falls at last": {func(m float64) float64 { return (100 + 3*m*float64(int(min(1, 19/max(m, 1))))) * mebibyte }, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := trendsOf(line(20, tc.memory))[0]
			if got.Flat != tc.flat {
				t.Errorf("%s", got)
			}
			if strings.Contains(got.String(), "GROWS") == tc.flat {
				t.Errorf("it reads %q", got)
			}
		})
	}
}

func TestEverythingThatCountsIsBound(t *testing.T) {
	for i, grow := range []func(*sample){
		func(s *sample) { s.Resident *= 1 + s.Seconds/1200 },
		func(s *sample) { s.Heap *= 1 + s.Seconds/1200 },
		func(s *sample) { s.Goroutines += s.Seconds / 10 },
		func(s *sample) { s.Files += s.Seconds / 30 },
	} {
		samples := line(20, func(float64) float64 { return 100 * mebibyte })
		for j := range samples {
			grow(&samples[j])
		}
		for j, got := range trendsOf(samples) {
			if got.Flat != (i != j) {
				t.Errorf("only %s grows, and %s", bounds[i].name, got)
			}
		}
	}
}

func TestAMinuteShowsNoTrend(t *testing.T) {
	for n := range fewest {
		for _, got := range trendsOf(line(20, func(m float64) float64 { return m * 1000 * mebibyte })[:n]) {
			if !got.Flat {
				t.Errorf("%d samples: %s", n, got)
			}
		}
	}
}

func TestTheSlopeIsThatOfMost(t *testing.T) {
	xs, ys := []float64{0, 1, 2, 3, 4, 5, 6}, []float64{1, 3, 5, 700, 9, 11, -40}
	if got := theilSen(xs, ys); math.Abs(got-2) > 0.5 {
		t.Errorf("the slope is %v, want about 2", got)
	}
	if got := theilSen([]float64{1, 1}, []float64{2, 3}); got != 0 {
		t.Errorf("points above each other have the slope %v", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("the median is %v", got)
	}
}

func TestMetricsAreSummedOverLabels(t *testing.T) {
	got, err := readMetrics(strings.NewReader("# HELP a b\na{x=\"1 2\"} 3\na{x=\"}\"} 4.5e1\n\nb 1\n"))
	if err != nil || got["a"] != 48 || got["b"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"a", "a b"} {
		if _, err := readMetrics(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
