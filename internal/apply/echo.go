package apply

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Echoes tell the news of our own writes from those of others'. The zero value is
// ready.
type echoes struct {
	mu sync.Mutex
	// sending are the requests that are under way, by object: their news may come
	// before their answers.
	sending map[key]*request
	// wrote are the versions that answers told and news have not, by UID; gone is
	// that of what we deleted.
	wrote map[types.UID]string
}

const gone = "gone"

// A request is one or several for the same object.
type request struct {
	under int
	// heard are the news that came meanwhile.
	heard map[news]bool
}

type news struct {
	uid     types.UID
	version string
}

// send notes that a request for an object goes out. The function that it returns
// notes the answer: which version of which object came of it, if any.
func (e *echoes) send(k key) func(uid types.UID, version string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sending == nil {
		e.sending, e.wrote = map[key]*request{}, map[types.UID]string{}
	}
	if e.sending[k] == nil {
		e.sending[k] = &request{heard: map[news]bool{}}
	}
	r := e.sending[k]
	r.under++
	return func(uid types.UID, version string, err error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if err == nil && !r.heard[news{uid, version}] {
			e.wrote[uid] = version
		}
		if r.under--; r.under == 0 {
			delete(e.sending, k)
		}
	}
}

// heard reports whether news are an echo, and does not wait for them any more.
func (e *echoes) heard(o client.Object, version string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	wrote, ok := e.wrote[o.GetUID()]
	mine := ok && wrote == version
	if mine || version == gone {
		delete(e.wrote, o.GetUID())
	}
	r := e.sending[key{o.GetObjectKind().GroupVersionKind().Kind, o.GetNamespace(), o.GetName()}]
	if r != nil {
		r.heard[news{o.GetUID(), version}] = true
	}
	return mine || r != nil
}

// WroteIt reports whether a version of an object is news of a write of ours. While
// a request for that very object is under way nobody can tell, and it says yes.
// It says so once.
func (a *Applier) WroteIt(o client.Object) bool { return a.echoes.heard(o, o.GetResourceVersion()) }

// DeletedIt reports whether news that an object is gone are of a deletion of ours.
func (a *Applier) DeletedIt(o client.Object) bool { return a.echoes.heard(o, gone) }
