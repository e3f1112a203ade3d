package weather

import (
	"net/http"
	"strings"
	"sync"
)

// A count tells how often each request was made, watches aside.
type count struct {
	mu    sync.Mutex
	times map[string]int64
}

func (c *count) add(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[string]int64{}
	}
	c.times[r.Method+" "+r.URL.Path]++
}

func (c *count) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.times)
}

// Most returns the write to one object that was made most often since the
// weather turned, as method and path, and how often.
func (p *Proxy) Most() (request string, times int64) {
	p.count.mu.Lock()
	defer p.count.mu.Unlock()
	for r, n := range p.count.times {
		if strings.HasPrefix(r, http.MethodGet) || strings.HasPrefix(r, http.MethodPost) {
			continue
		}
		if n > times || n == times && r < request {
			request, times = r, n
		}
	}
	return request, times
}
