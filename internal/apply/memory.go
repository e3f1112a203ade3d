package apply

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/render/object"
)

// A memory keeps from one pass of a zone to the next what is dear to find out about
// its objects and seldom changes. It decides nothing: what it tells is what would be
// found out again. The zero value is ready.
type memory struct {
	mu    sync.Mutex
	zones map[string]*notes // by UID
}

// notes are what a pass of one zone found out.
type notes struct {
	// bodies are those of rendered objects.
	bodies map[key]body
	// intact tells of live objects whether they match their own hash.
	intact map[key]sight
}

// A body is that of a rendered object, by the hash of what was rendered. Where a live
// object has the same, it is that of the live object, which is kept anyway.
type body struct {
	sum    [sha256.Size]byte
	fields map[string]any
}

// A sight is what was found out about one version of a live object. It holds the
// object, so that no other can be taken for it.
type sight struct {
	object map[string]any
	intact bool
}

func newNotes() *notes { return &notes{bodies: map[key]body{}, intact: map[key]sight{}} }

// of returns what the last pass of a zone found out.
func (m *memory) of(uid string) *notes {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.zones[uid]; n != nil {
		return n
	}
	return newNotes()
}

// keep takes what a pass found out; nothing of a zone for which nothing is rendered:
// it may be gone.
func (m *memory) keep(uid string, n *notes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.zones == nil {
		m.zones = map[string]*notes{}
	}
	if m.zones[uid] = n; len(n.bodies) == 0 {
		delete(m.zones, uid)
	}
}

// read returns the content of a rendered object, and notes it in the next notes.
func (n *notes) read(k key, o object.KubeObject, next *notes) (content, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return content{}, fmt.Errorf("marshalling: %w", err)
	}
	b := n.bodies[k]
	if sum := sha256.Sum256(raw); b.fields == nil || b.sum != sum {
		fields, err := bodyIn(raw)
		if err != nil {
			return content{}, err
		}
		b = body{sum, fields}
	}
	next.bodies[k] = b
	return content{body: b.fields, labels: o.GetLabels(), annotations: o.GetAnnotations()}, nil
}

// share makes the notes hold the body of a live object that is equal to the rendered
// one.
func (n *notes) share(k key, live *unstructured.Unstructured) {
	b, known := n.bodies[k]
	if !known || live == nil {
		return
	}
	theirs := bodyOf(live.Object)
	if !sharing(b.fields, theirs) && same(b.fields, theirs) {
		n.bodies[k] = body{b.sum, theirs}
	}
}

// sharing reports whether two bodies are the same in memory.
func sharing(a, b map[string]any) bool {
	for name, value := range a {
		if !identical(value, b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}

// identical reports whether two maps, or two lists, are one.
func identical(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() != y.Kind() || x.Kind() != reflect.Map && x.Kind() != reflect.Slice {
		return false
	}
	return x.Pointer() == y.Pointer() && x.Len() == y.Len()
}

// asWritten reports whether the content of a live object matches its own hash.
func (n *notes) asWritten(u *unstructured.Unstructured, next *notes) bool {
	k := keyOf(u)
	s, known := n.intact[k]
	if !known || !identical(s.object, u.Object) {
		s = sight{u.Object, asWritten(u)}
	}
	next.intact[k] = s
	return s.intact
}
