package weather

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// A Proxy stands between clients and the API server, in a weather. It may be
// used from several goroutines.
type Proxy struct {
	server  *httptest.Server
	account *rest.Config

	mu   sync.Mutex
	dice *rand.Rand
	now  Weather
	// asked are the requests but watches, struck those that met the weather.
	asked, struck atomic.Int64
	count         count
}

// A Weather is what goes wrong with requests, and with how many of a hundred.
// The zero value is good weather.
type Weather struct {
	Name    string
	Percent int
	// Hits tells which requests can meet it; nil is all but watches.
	Hits func(*http.Request) bool
	// Strike answers in place of the API server, or lets it answer.
	Strike func(http.ResponseWriter, *http.Request, http.Handler)
	// Body changes how an answer arrives.
	Body func(io.ReadCloser, *Proxy) io.ReadCloser
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet && !isWatch(r) }

// NewProxy starts a proxy for the account of a configuration, in good weather.
// Whoever reaches it without a token of their own acts as that account: clients
// send no token where there is no TLS. Close ends it.
func NewProxy(account *rest.Config) (*Proxy, error) {
	p := &Proxy{account: account, dice: rand.New(rand.NewPCG(1, 2))}
	transport, err := rest.TransportFor(&rest.Config{Host: account.Host, TLSClientConfig: account.TLSClientConfig, BearerToken: account.BearerToken})
	if err != nil {
		return nil, fmt.Errorf("preparing to reach %s: %w", account.Host, err)
	}
	target, err := url.Parse(account.Host)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's address: %w", err)
	}
	behind := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // watches that were cut
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			if body, ok := r.Request.Context().Value(bodyKey{}).(func(io.ReadCloser, *Proxy) io.ReadCloser); ok {
				r.Body = body(r.Body, p)
			}
			return nil
		},
	}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, behind) }))
	return p, nil
}

// Close cuts all connections and ends the proxy.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// Config reaches the API server through the proxy.
func (p *Proxy) Config() *rest.Config {
	return &rest.Config{Host: p.server.URL, BearerToken: p.account.BearerToken, QPS: p.account.QPS, Burst: p.account.Burst}
}

// Asked returns the requests but watches since the weather turned.
func (p *Proxy) Asked() int64 { return p.asked.Load() }

// Struck returns the requests that met the weather since it turned.
func (p *Proxy) Struck() int64 { return p.struck.Load() }

// Turn changes the weather and begins to count anew.
func (p *Proxy) Turn(to Weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = to
	p.asked.Store(0)
	p.struck.Store(0)
	p.count.reset()
}

type bodyKey struct{}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, behind http.Handler) {
	if !isWatch(r) {
		p.asked.Add(1)
		p.count.add(r)
	}
	now := p.meets(r)
	if now == nil {
		behind.ServeHTTP(w, r)
		return
	}
	p.struck.Add(1)
	if now.Body != nil {
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, now.Body))
	}
	if now.Strike == nil {
		behind.ServeHTTP(w, r)
		return
	}
	now.Strike(w, r, behind)
}

// meets returns the weather that a request meets, if it does.
func (p *Proxy) meets(r *http.Request) *Weather {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now
	hits := now.Hits
	if hits == nil {
		hits = func(r *http.Request) bool { return !isWatch(r) }
	}
	if now.Percent == 0 || !hits(r) || p.dice.IntN(100) >= now.Percent {
		return nil
	}
	return &now
}

// roll returns a number below n.
func (p *Proxy) roll(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dice.IntN(n)
}
