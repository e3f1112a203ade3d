package apply

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errCut is what a cut wire returns.
var errCut = errors.New("the wire is cut")

// A wire is the connection of one applier to the API server: it logs requests
// and can be cut.
type wire struct {
	http.RoundTripper
	mu     sync.Mutex
	writes []string
	reads  []string
	// cutAt is the number of the write from which on nothing passes; 0 is never.
	cutAt int
	// late lets the write that is cut reach the server: only its answer is lost.
	late bool
	// before is called before each write, by number.
	before func(n int, request string)
	// refuse names the requests that alone fail.
	refuse func(request string) bool
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	request := describe(r)
	if r.Method == http.MethodGet {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.reads = append(w.reads, request)
		if w.cutAt > 0 && len(w.writes) >= w.cutAt {
			return nil, errCut
		}
		return w.RoundTripper.RoundTrip(r)
	}
	w.mu.Lock()
	n := len(w.writes) + 1
	w.writes = append(w.writes, request)
	w.mu.Unlock()
	if w.before != nil {
		w.before(n, request)
	}
	if w.refuse != nil && w.refuse(request) {
		return nil, errCut
	}
	if w.cutAt == 0 || n < w.cutAt {
		return w.RoundTripper.RoundTrip(r)
	}
	if n == w.cutAt && w.late {
		if response, err := w.RoundTripper.RoundTrip(r); err == nil {
			_ = response.Body.Close()
		}
	}
	return nil, errCut
}

// take returns the writes since the last take.
func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.writes
	w.writes, w.reads = nil, nil
	return out
}

// describe returns "create networkpolicies medfence-a".
func describe(r *http.Request) string {
	dir, name := path.Split(strings.TrimSuffix(r.URL.Path, "/"))
	switch r.Method {
	case http.MethodGet:
		return "get " + path.Base(dir) + " " + name
	case http.MethodPut:
		return "update " + path.Base(dir) + " " + name
	case http.MethodDelete:
		return "delete " + path.Base(dir) + " " + name
	}
	raw, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var object metav1.PartialObjectMetadata
	_ = json.Unmarshal(raw, &object)
	return "create " + name + " " + object.Name
}
