package weather

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

const answer = `{"kind":"Pod"}`

// A server answers everything, and counts.
func newServer(t *testing.T) (*Proxy, *atomic.Int64) {
	t.Helper()
	var seen atomic.Int64
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(behind.Close)
	p, err := NewProxy(&rest.Config{Host: behind.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, &seen
}

// ask returns the status code and the body, or why there is none.
func ask(t *testing.T, p *Proxy, method, query string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.Config().Host+"/api/v1/pods"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestEveryWeatherDoesWhatItSays(t *testing.T) {
	for name, tc := range map[string]struct {
		code    int // 0: no answer
		reaches bool
		watch   bool
	}{
		"too many requests":     {429, false, false},
		"internal errors":       {500, false, false},
		"unavailable":           {503, false, false},
		"conflicts":             {409, false, false},
		"forbidden for a while": {403, false, false},
		"connections break":     {0, false, false},
		"answers are lost":      {0, true, false},
		"timeouts":              {504, false, false},
		"slow":                  {200, true, false},
		"answers dribble":       {200, true, false},
		"watches are cut":       {200, true, true},
		"watches are late":      {200, true, true},
		"versions are gone":     {410, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, seen := newServer(t)
			now := find(t, name)
			now.Percent = 100
			p.Turn(now)
			method, query := http.MethodPost, ""
			if tc.watch {
				method, query = http.MethodGet, "?watch=true"
			}
			code, body, err := ask(t, p, method, query)
			if code != tc.code || (err != nil) != (tc.code == 0) {
				t.Errorf("answered %d, %v, want %d", code, err, tc.code)
			}
			if tc.code == http.StatusOK && body != answer {
				t.Errorf("the answer is %q", body)
			}
			if tc.code >= 400 && !strings.Contains(body, `"kind":"Status"`) {
				t.Errorf("an API server would not answer %q", body)
			}
			if got := seen.Load() > 0; got != tc.reaches {
				t.Errorf("reached the API server: %t", got)
			}
			if p.Struck() == 0 {
				t.Error("nothing met the weather")
			}
		})
	}
	if got := len(All()); got != 13 {
		t.Errorf("%d kinds of weather, and 13 are tried", got)
	}
}

func find(t *testing.T, name string) Weather {
	t.Helper()
	for _, w := range All() {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("no weather %q", name)
	return Weather{}
}

func TestWeatherMeetsAsManyAsItSays(t *testing.T) {
	p, seen := newServer(t)
	now := find(t, "internal errors")
	now.Percent = 20
	p.Turn(now)
	for range 500 {
		if _, _, err := ask(t, p, http.MethodGet, ""); err != nil {
			t.Fatal(err)
		}
	}
	if p.Asked() != 500 || p.Struck() < 60 || p.Struck() > 140 || seen.Load() != 500-p.Struck() {
		t.Errorf("asked %d, struck %d, reached %d", p.Asked(), p.Struck(), seen.Load())
	}
	p.Turn(Weather{})
	if code, _, err := ask(t, p, http.MethodGet, ""); code != http.StatusOK || err != nil || p.Asked() != 1 || p.Struck() != 0 {
		t.Errorf("in good weather: %d, %v, asked %d, struck %d", code, err, p.Asked(), p.Struck())
	}
}

func TestWhoeverComesActsAsTheAccount(t *testing.T) {
	var seen atomic.Value
	behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.Header.Get("Authorization")) }))
	t.Cleanup(behind.Close)
	p, err := NewProxy(&rest.Config{Host: behind.URL, BearerToken: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if _, _, err := ask(t, p, http.MethodGet, ""); err != nil || seen.Load() != "Bearer secret" {
		t.Errorf("came with %q, %v", seen.Load(), err)
	}
}

func TestWatchesMeetNoWeatherOfRequests(t *testing.T) {
	p, _ := newServer(t)
	for _, w := range All() {
		watches := strings.HasPrefix(w.Name, "watches") || w.Name == "versions are gone"
		w.Percent = 100
		p.Turn(w)
		_, _, _ = ask(t, p, http.MethodGet, "?watch=true")
		if got := p.Struck() > 0; got != watches {
			t.Errorf("%s strikes watches: %t", w.Name, got)
		}
	}
}

func TestALateStreamLosesNothing(t *testing.T) {
	text := strings.Repeat("0123456789", 20_000)
	begin := time.Now()
	l := newLate(io.NopCloser(strings.NewReader(text)), 50*time.Millisecond)
	got, err := io.ReadAll(l)
	if err != nil || string(got) != text {
		t.Errorf("read %d characters of %d, %v", len(got), len(text), err)
	}
	if time.Since(begin) < 50*time.Millisecond {
		t.Error("it is not late")
	}
}
