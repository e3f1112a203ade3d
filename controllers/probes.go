package controllers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Probes serve /healthz and /readyz for as long as the process runs, also
// while there is no manager: an operator that waits for its CRDs is healthy,
// but not ready.
type probes struct {
	mu      sync.Mutex
	waiting string // what it waits for; empty when it is ready
}

func (p *probes) wait(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = what
}

func (p *probes) ready() { p.wait("") }

// check returns what the operator waits for, as an error.
func (p *probes) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting != "" {
		return errors.New(p.waiting)
	}
	return nil
}

func (p *probes) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := p.check(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// serve answers probes at the address until the context ends. No address means
// no probes.
func (p *probes) serve(ctx context.Context, address string) error {
	if address == "" || address == "0" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening for probes: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", p.readyz)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.wait("the probe server failed: " + err.Error())
		}
	}()
	return nil
}
