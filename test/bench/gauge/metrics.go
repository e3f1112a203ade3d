package gauge

import (
	"context"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are the metrics of a program at one moment.
type Metrics map[string]*dto.MetricFamily

// Scrape reads the metrics at an address.
func Scrape(ctx context.Context, client *http.Client, url string) (Metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for metrics: %s", response.Status)
	}
	return Parse(response.Body)
}

// Parse reads metrics in the text format of Prometheus.
func Parse(from io.Reader) (Metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(from)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return families, nil
}

// Labels are those that a metric must have.
type Labels map[string]string

// Sum adds up the metrics of a name that have some labels: the values of
// counters and gauges, the counts of histograms.
func (m Metrics) Sum(name string, want Labels) float64 {
	return m.sum(name, want, func(h *dto.Histogram) float64 { return float64(h.GetSampleCount()) })
}

// Total adds up what the histograms of a name that have some labels observed.
func (m Metrics) Total(name string, want Labels) float64 {
	return m.sum(name, want, (*dto.Histogram).GetSampleSum)
}

func (m Metrics) sum(name string, want Labels, of func(*dto.Histogram) float64) float64 {
	var n float64
	for _, metric := range m[name].GetMetric() {
		if !want.match(metric.GetLabel()) {
			continue
		}
		n += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + metric.GetUntyped().GetValue()
		if h := metric.GetHistogram(); h != nil {
			n += of(h)
		}
	}
	return n
}

func (l Labels) match(have []*dto.LabelPair) bool {
	found := 0
	for _, pair := range have {
		if want, ok := l[pair.GetName()]; ok && want == pair.GetValue() {
			found++
		}
	}
	return found == len(l)
}
