package crash

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
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// A proxy stands between an operator and the API server, in a weather.
type proxy struct {
	server  *httptest.Server
	account *rest.Config

	mu      sync.Mutex
	dice    *rand.Rand
	weather weather
	// asked are the requests but watches, struck those that met the weather.
	asked, struck atomic.Int64
}

// A weather is what goes wrong with requests, and with how many of a hundred.
type weather struct {
	name    string
	percent int
	// hits tells which requests can meet it; nil is all but watches.
	hits func(*http.Request) bool
	// strike answers in place of the API server, or lets it answer.
	strike func(http.ResponseWriter, *http.Request, http.Handler)
	// body changes how an answer arrives.
	body func(io.ReadCloser, *proxy) io.ReadCloser
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet && !isWatch(r) }

// newProxy starts a proxy for the account of a configuration.
func newProxy(t *testing.T, account *rest.Config) *proxy {
	t.Helper()
	p := &proxy{account: account, dice: rand.New(rand.NewPCG(1, 2))}
	transport, err := rest.TransportFor(&rest.Config{Host: account.Host, TLSClientConfig: account.TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(account.Host)
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // watches that were cut
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			if body := r.Request.Context().Value(bodyKey{}); body != nil {
				r.Body = body.(func(io.ReadCloser, *proxy) io.ReadCloser)(r.Body, p)
			}
			return nil
		},
	}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, behind) }))
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// config reaches the API server through the proxy.
func (p *proxy) config() *rest.Config {
	return &rest.Config{Host: p.server.URL, BearerToken: p.account.BearerToken, QPS: p.account.QPS, Burst: p.account.Burst}
}

type bodyKey struct{}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request, behind http.Handler) {
	if !isWatch(r) {
		p.asked.Add(1)
	}
	now := p.meets(r)
	if now == nil {
		behind.ServeHTTP(w, r)
		return
	}
	p.struck.Add(1)
	if now.body != nil {
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, now.body))
	}
	if now.strike == nil {
		behind.ServeHTTP(w, r)
		return
	}
	now.strike(w, r, behind)
}

// meets returns the weather that a request meets, if it does.
func (p *proxy) meets(r *http.Request) *weather {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.weather
	hits := now.hits
	if hits == nil {
		hits = func(r *http.Request) bool { return !isWatch(r) }
	}
	if now.percent == 0 || !hits(r) || p.dice.IntN(100) >= now.percent {
		return nil
	}
	return &now
}

// roll returns a number below n.
func (p *proxy) roll(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dice.IntN(n)
}

// turn changes the weather and begins to count anew.
func (p *proxy) turn(to weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather = to
	p.asked.Store(0)
	p.struck.Store(0)
}

// refuse answers as the API server does when it will not.
func refuse(code int, reason string, header ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"the weather"}`, reason, code)
	}
}

// weathers are what an API server in trouble, or the way to it, does.
func weathers() []weather {
	const fifth = 20
	abort := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	return []weather{
		{name: "too many requests", percent: fifth, strike: refuse(http.StatusTooManyRequests, "TooManyRequests", "Retry-After", "1")},
		{name: "internal errors", percent: fifth, strike: refuse(http.StatusInternalServerError, "InternalError")},
		{name: "unavailable", percent: fifth, strike: refuse(http.StatusServiceUnavailable, "ServiceUnavailable")},
		{name: "conflicts", percent: fifth, hits: isWrite, strike: refuse(http.StatusConflict, "Conflict")},
		{name: "forbidden for a while", percent: fifth, hits: isWrite, strike: refuse(http.StatusForbidden, "Forbidden")},
		{name: "connections break", percent: fifth, strike: abort},
		{name: "answers are lost", percent: fifth, hits: isWrite, strike: func(_ http.ResponseWriter, r *http.Request, behind http.Handler) {
			behind.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}},
		{name: "timeouts", percent: fifth, strike: func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
			time.Sleep(500 * time.Millisecond)
			refuse(http.StatusGatewayTimeout, "Timeout")(w, r, behind)
		}},
		{name: "slow", percent: 100, strike: func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
			time.Sleep(200 * time.Millisecond)
			behind.ServeHTTP(w, r)
		}},
		{name: "answers dribble", percent: fifth, body: func(b io.ReadCloser, _ *proxy) io.ReadCloser { return &dribble{ReadCloser: b} }},
		{name: "watches are cut", percent: 100, hits: isWatch, body: func(b io.ReadCloser, p *proxy) io.ReadCloser {
			time.AfterFunc(time.Duration(200+p.roll(1300))*time.Millisecond, func() { _ = b.Close() })
			return b
		}},
		{name: "watches are late", percent: 100, hits: isWatch, body: func(b io.ReadCloser, _ *proxy) io.ReadCloser { return newLate(b, time.Second) }},
		{name: "versions are gone", percent: 50, hits: isWatch, strike: refuse(http.StatusGone, "Expired")},
	}
}

// A dribble is an answer that arrives in drops.
type dribble struct{ io.ReadCloser }

func (d *dribble) Read(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return d.ReadCloser.Read(p[:min(len(p), 512)])
}

// A late is a stream of which everything arrives so much later.
type late struct {
	body   io.ReadCloser
	chunks chan chunk
	rest   []byte
}

type chunk struct {
	due  time.Time
	data []byte
	err  error
}

func newLate(body io.ReadCloser, by time.Duration) *late {
	l := &late{body: body, chunks: make(chan chunk, 4096)}
	go func() {
		defer close(l.chunks)
		for {
			buffer := make([]byte, 32<<10)
			n, err := body.Read(buffer)
			l.chunks <- chunk{time.Now().Add(by), buffer[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *late) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		next, more := <-l.chunks
		if !more {
			return 0, io.EOF
		}
		time.Sleep(time.Until(next.due))
		if next.err != nil {
			return 0, next.err
		}
		l.rest = next.data
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *late) Close() error { return l.body.Close() }
