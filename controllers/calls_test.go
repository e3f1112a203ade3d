package controllers

import (
	"net/http"
	"strings"
	"sync"
)

// calls counts what an operator asks the API server to write.
type calls struct {
	mu     sync.Mutex
	writes []string
}

func (c *calls) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			c.mu.Lock()
			c.writes = append(c.writes, r.Method+" "+r.URL.Path)
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reset forgets what was counted.
func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = nil
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
