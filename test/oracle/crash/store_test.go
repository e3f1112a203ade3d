package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/medfence/medfence/test/controlplane"
)

func openStore(t testing.TB, cluster *controlplane.Cluster) *clientv3.Client {
	t.Helper()
	tls, err := cluster.EtcdTLS()
	if err != nil {
		t.Fatal(err)
	}
	store, err := clientv3.New(clientv3.Config{Endpoints: []string{cluster.Etcd}, TLS: tls, DialTimeout: patience, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// registry is where the API server keeps everything.
const registry = "/registry/"

// shelf returns where etcd keeps the objects of a kind.
func shelf(kind schema.GroupVersionKind) string {
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	if strings.HasSuffix(kind.Group, ".k8s.io") {
		return registry + plural.Resource + "/"
	}
	return registry + kind.Group + "/" + plural.Resource + "/"
}

// read decodes what etcd has of an object.
func read(kind schema.GroupVersionKind, raw []byte, revision int64) (*unstructured.Unstructured, error) {
	u := blank(kind)
	if bytes.HasPrefix(raw, []byte("{")) {
		if err := utiljson.Unmarshal(raw, &u.Object); err != nil {
			return nil, err
		}
	} else {
		o, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		if err != nil {
			return nil, err
		}
		if u.Object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(o); err != nil {
			return nil, err
		}
		u.SetGroupVersionKind(kind)
	}
	u.SetResourceVersion(strconv.FormatInt(revision, 10))
	return u, nil
}

// watchStore follows all policies in etcd itself, until the test ends. It has
// every state there was, whatever becomes of the API server: etcd's client takes
// the watch up where it broke off, and says so if that is not kept any more.
func (l *lab) watchStore(t *testing.T) *watchLog {
	t.Helper()
	log := &watchLog{rest: policySet{}}
	ctx, cancel := context.WithCancel(context.Background())
	var follow sync.WaitGroup
	t.Cleanup(func() { cancel(); follow.Wait() })
	begin, err := l.store.Get(ctx, registry, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	if len(l.policies(t)) > 0 {
		t.Fatal("there are policies already")
	}
	events := l.store.Watch(ctx, registry, clientv3.WithPrefix(), clientv3.WithRev(begin.Header.Revision+1), clientv3.WithPrevKV())
	follow.Go(func() {
		for some := range events {
			if some.Err() != nil && ctx.Err() == nil {
				log.add(apiwatch.Event{Type: apiwatch.Error})
			}
			for _, e := range some.Events {
				l.tell(log, e)
			}
		}
	})
	return log
}

// tell tells a log of an event, if it is about a policy.
func (l *lab) tell(log *watchLog, e *clientv3.Event) {
	for _, kind := range l.policyKinds() {
		if !strings.HasPrefix(string(e.Kv.Key), shelf(kind)) {
			continue
		}
		change, raw := apiwatch.Modified, e.Kv.Value
		if e.Type == clientv3.EventTypeDelete {
			change, raw = apiwatch.Deleted, e.PrevKv.Value
		}
		u, err := read(kind, raw, e.Kv.ModRevision)
		if err != nil {
			log.add(apiwatch.Event{Type: apiwatch.Error})
			return
		}
		log.add(apiwatch.Event{Type: change, Object: u})
	}
}

// put lets etcd have an object as it is, with its UID: as if a backup of etcd
// were restored.
func (l *lab) put(t testing.TB, o *unstructured.Unstructured) {
	t.Helper()
	raw, err := json.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	key := shelf(o.GroupVersionKind()) + strings.TrimPrefix(path.Join(o.GetNamespace(), o.GetName()), "/")
	if _, err := l.store.Put(ctx, key, string(raw)); err != nil {
		t.Fatal(err)
	}
}
