package launch

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// interval is how often progress speaks: often enough to see that it lives,
// seldom enough for a CI log.
const interval = 10 * time.Second

// progress tells people that a long step goes on, and how far it is. It says
// nothing of a step that ends before the first interval.
type progress struct {
	out   io.Writer
	what  string
	begun time.Time
	end   chan struct{}
	ended sync.WaitGroup

	mu       sync.Mutex
	modules  int // fetched
	compiled int // packages
	expected int // packages, an upper bound: those in Go's cache are not compiled
}

// say writes a line. Whoever does not listen stops nothing.
func (p *progress) say(line string) { _, _ = fmt.Fprintln(p.out, "controlplane: "+line) }

func startProgress(out io.Writer, what string) *progress {
	p := &progress{out: out, what: what, begun: time.Now(), end: make(chan struct{})}
	p.ended.Go(p.speak)
	return p
}

func (p *progress) speak() {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.say(p.line())
		case <-p.end:
			return
		}
	}
}

func (p *progress) stop() {
	close(p.end)
	p.ended.Wait()
}

func (p *progress) done() {
	p.say("built in " + p.elapsed().String())
}

func (p *progress) total(packages int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = packages
}

// count takes a line that go wrote to its standard error, and tells whether it
// was about progress.
func (p *progress) count(line string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasPrefix(line, "go: downloading ") {
		p.modules++
		return true
	}
	if line == "" || strings.ContainsAny(line, " \t#") {
		return false
	}
	p.compiled++
	return true
}

func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.what + ": " + p.elapsed().String()
	if p.modules > 0 {
		line += fmt.Sprintf(", %d modules fetched", p.modules)
	}
	if p.expected > 0 {
		line += fmt.Sprintf(", %d of at most %d packages compiled", p.compiled, p.expected)
	}
	return line
}

func (p *progress) elapsed() time.Duration { return time.Since(p.begun).Round(time.Second) }
