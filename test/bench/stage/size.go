package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"

	"github.com/medfence/medfence/test/bench/gauge"
)

// PolicySize returns how many bytes all policies and groups take as JSON.
func (s *Stage) PolicySize(ctx context.Context) (int64, error) {
	work, err := s.Work(ctx)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, list := range work.Policies {
		for _, o := range list {
			raw, err := json.Marshal(o.Object)
			if err != nil {
				return 0, fmt.Errorf("measuring %s: %w", o.GetName(), err)
			}
			total += int64(len(raw))
		}
	}
	return total, nil
}

// BytesSent returns how many bytes of policies and groups the API server has
// been sent so far, by everybody.
func (s *Stage) BytesSent(ctx context.Context) (float64, error) {
	httpClient, err := rest.HTTPClientFor(s.Cluster.Config())
	if err != nil {
		return 0, fmt.Errorf("asking for metrics: %w", err)
	}
	return bytesSent(ctx, httpClient, s.Cluster.Server+"/metrics")
}

func bytesSent(ctx context.Context, httpClient *http.Client, url string) (float64, error) {
	m, err := gauge.Scrape(ctx, httpClient, url)
	if err != nil {
		return 0, err
	}
	const name = "apiserver_request_body_size_bytes"
	if m[name] == nil {
		return 0, fmt.Errorf("the API server has no metric %s", name)
	}
	var total float64
	for _, resource := range []string{"networkpolicies", "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumcidrgroups"} {
		total += m.Total(name, gauge.Labels{"resource": resource})
	}
	return total, nil
}
