package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestTheNextReplicaTakesOverAtOnce(t *testing.T) {
	led := func(o *Options) { o.LeaderElectionNamespace = operatorNamespace }
	zone := "{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: %s}, spec: {role: Corporate}}"
	first := newBenchWith(t, sharedLab(t), "netpol", led)
	first.create(fmt.Sprintf(zone, "led-by-the-first"))
	first.ready(&medfencev1alpha1.DeviceZone{}, "led-by-the-first", "True", medfencev1alpha1.ReasonPeer)
	second := newBenchWith(t, sharedLab(t), "netpol", led)
	if got := second.calls.seen("medfence.io"); len(got) > 0 {
		t.Errorf("the replica that waits wrote %v", got)
	}
	held := holder(first)
	first.stop()
	if now := holder(second); held == "" || now == held {
		t.Errorf("the Lease is held by %q after %q was stopped: the next replica waits until it ends", now, held)
	}
	second.create(fmt.Sprintf(zone, "led-by-the-second"))
	second.ready(&medfencev1alpha1.DeviceZone{}, "led-by-the-second", "True", medfencev1alpha1.ReasonPeer)
}

// holder returns who leads.
func holder(b *bench) string {
	b.Helper()
	var leases coordinationv1.LeaseList
	if err := b.admin.List(b.Context(), &leases, client.InNamespace(operatorNamespace)); err != nil {
		b.Fatal(err)
	}
	if len(leases.Items) != 1 {
		b.Fatalf("%d Leases, want 1", len(leases.Items))
	}
	return ptr.Deref(leases.Items[0].Spec.HolderIdentity, "")
}

func TestMetricsAreForThoseWhoMayReadThem(t *testing.T) {
	address := freeAddress(t)
	b := newBenchWith(t, sharedLab(t), "netpol", func(o *Options) {
		o.Metrics = metricsserver.Options{BindAddress: address, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization}
	})
	b.create(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: medfence-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: medfence-metrics-reader}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: medfence-system}]
`)
	reader, err := b.cluster.ServiceAccountConfig(t.Context(), operatorNamespace, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{
		"":                           http.StatusUnauthorized,
		b.operatorConfig.BearerToken: http.StatusForbidden,
		reader.BearerToken:           http.StatusOK,
	} {
		b.eventually(fmt.Sprintf("status %d", want), func() error {
			got, err := statusOf(t.Context(), "https://"+address+"/metrics", token)
			return errors.Join(err, differ(want, got))
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// statusOf asks with a token and returns the HTTP status.
func statusOf(ctx context.Context, url, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// The certificate is made at each start; nobody could know it.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
