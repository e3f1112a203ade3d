package verdict

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
)

// mostRemembered is how many objects a Memory holds: those of a hospital of some
// ten thousand devices, at a few KiB each.
const mostRemembered = 8192

// A Memory keeps how objects were read: who asks for judges again and again, each
// of many objects of which few have changed, need not read them anew each time.
// An object is known by its UID and resourceVersion, as an API server gives them;
// one without is read each time. Of many objects, those are forgotten that
// nobody asked for longest. It may be used from several goroutines; nil
// remembers nothing.
type Memory struct{ cache *lru.Cache }

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{cache: lru.New(mostRemembered)} }

// A remembered is one object as it was read.
type remembered struct {
	version   string
	semantics Semantics
	reading   reading
}

// New returns the judge that the function New returns.
func (m *Memory) New(s Semantics, objects ...*unstructured.Unstructured) *Judge {
	s.Cluster = cmp.Or(s.Cluster, "default")
	readings := make([]reading, 0, len(objects))
	for _, obj := range objects {
		readings = append(readings, m.read(s, obj))
	}
	return assemble(s, readings)
}

func (m *Memory) read(s Semantics, obj *unstructured.Unstructured) reading {
	if m == nil || obj == nil || obj.GetUID() == "" || obj.GetResourceVersion() == "" {
		return s.read(obj)
	}
	uid, version := obj.GetUID(), obj.GetResourceVersion()
	if known, ok := m.known(uid); ok && known.version == version && known.semantics == s {
		return known.reading
	}
	out := s.read(obj)
	m.cache.Add(uid, remembered{version: version, semantics: s, reading: out})
	return out
}

// Forget drops what is kept of an object that is gone: nobody will ask for it, and it
// would stay until thousands of others came.
func (m *Memory) Forget(uid types.UID) {
	if m != nil {
		m.cache.Remove(uid)
	}
}

func (m *Memory) known(uid types.UID) (remembered, bool) {
	value, ok := m.cache.Get(uid)
	if !ok {
		return remembered{}, false
	}
	known, ok := value.(remembered)
	return known, ok
}
