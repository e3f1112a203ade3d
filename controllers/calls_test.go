package controllers

import (
	"net/http"
	"strings"
	"sync"
)

// calls counts what an operator asks the API server to write, and which
// policies it reads there instead of following them.
type calls struct {
	mu     sync.Mutex
	writes []string
	looked []string
}

func (c *calls) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			c.mu.Lock()
			c.writes = append(c.writes, r.Method+" "+r.URL.Path)
			c.mu.Unlock()
		}
		if r.Method == http.MethodGet && r.URL.Query().Get("watch") == "" && isPolicies(r.URL.Path) {
			c.mu.Lock()
			c.looked = append(c.looked, r.URL.Path)
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// isPolicies reports whether a path is that of a policy or of a list of them:
// /apis/GROUP/VERSION alone is discovery, which is asked for some seconds after a
// CRD came.
func isPolicies(path string) bool {
	return strings.Contains(path, "polic") && strings.Count(path, "/") > len("///")
}

// reads returns the policies, or lists of them, that were read at the API server.
func (c *calls) reads() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looked
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reset forgets what was counted.
func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes, c.looked = nil, nil
}

// seen returns the writes whose path holds a word; all without one.
func (c *calls) seen(word string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, w := range c.writes {
		if strings.Contains(w, word) {
			out = append(out, w)
		}
	}
	return out
}
