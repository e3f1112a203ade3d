package launch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// patience is for a machine that has much else to do; two seconds are usual.
const patience = 2 * time.Minute

// A probe asks programs whether they are ready, as an administrator.
type probe struct{ client *http.Client }

func newProbe(ca authority) (probe, error) {
	pair, err := ca.client("admin", "system:masters")
	if err != nil {
		return probe{}, err
	}
	cert, err := tls.X509KeyPair(pair.cert, pair.key)
	if err != nil {
		return probe{}, fmt.Errorf("loading the probe's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return probe{client: &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true, // or the connection would hold up the server's stop
			TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}},
		},
	}}, nil
}

// What answers when a program can be used. For the API server that is more
// than /readyz: it makes the default namespace and its own Service after that.
func etcdReady(p paths) []string { return []string{p.etcd() + "/health"} }

func apiServerReady(p paths) []string {
	return []string{
		p.server() + "/readyz",
		p.server() + "/api/v1/namespaces/kube-system",
		p.server() + "/api/v1/namespaces/default",
		p.server() + "/api/v1/namespaces/default/services/kubernetes",
	}
}

// The controllers run when they have made what pods need to be admitted.
func controllersReady(p paths) []string {
	return []string{p.server() + "/api/v1/namespaces/default/serviceaccounts/default"}
}

// await returns when every URL answers, or when the process has ended, time is
// up, or the caller gives up.
func (b probe) await(ctx context.Context, p *process, urls []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not ready after %s", patience))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := b.ask(ctx, urls)
		if err == nil {
			return nil
		}
		select {
		case <-p.gone:
			return p.ended()
		case <-ctx.Done():
			return p.failed(fmt.Sprintf("is not ready (%v; last answer: %v)", context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

func (b probe) ask(ctx context.Context, urls []string) error {
	for _, url := range urls {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("asking %s: %w", url, err)
		}
		response, err := b.client.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s: %s", url, response.Status, strings.TrimSpace(string(body)))
		}
	}
	return nil
}
