package hostile

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/medfence/medfence/controllers"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/test/stage"
)

// patience is how long a test waits for what must come.
const patience = 90 * time.Second

// shared is the cluster of all tests here.
var shared struct {
	once  sync.Once
	stage *stage.Stage
	err   error
}

func cluster(t *testing.T) *stage.Stage {
	t.Helper()
	shared.once.Do(func() {
		shared.stage, shared.err = stage.Start(context.Background(), stage.Options{})
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.stage
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	code := m.Run()
	if shared.stage != nil {
		_ = shared.stage.Stop()
	}
	os.Exit(code)
}

// A life is an operator at work, with what it wrote and what it complained of.
type life struct {
	*testing.T
	stop func()

	mu     sync.Mutex
	writes []string
	errors map[string]int
	// last are the latest log lines, to say what an operator does that does not
	// come to rest.
	last []string
}

// live starts an operator with its own rights. It ends with the test.
func live(t *testing.T, s *stage.Stage) *life {
	t.Helper()
	l := &life{T: t, errors: map[string]int{}}
	config := rest.CopyConfig(s.Operator)
	config.QPS, config.Burst = -1, -1
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			l.wrote(r, response)
			return response, err
		})
	})
	operator, err := controllers.NewOperator(controllers.Options{
		Config: config,
		Settings: gather.Settings{
			Catalogue:     catalog.Embedded(),
			Protected:     []string{stage.Namespace},
			DNSService:    types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
			CiliumConfig:  types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
			ClusterDomain: "cluster.local",
		},
		Workers:  4,
		Metrics:  metricsserver.Options{BindAddress: "0"},
		Registry: prometheus.NewRegistry(),
		Log:      funcr.New(l.log, funcr.Options{Verbosity: 1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	})
	t.Cleanup(l.stop)
	return l
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// wrote notes a write, but for events, and any write that the API server refused
// for what it says: the operator must know what it may write. That a namespace is
// being deleted, it cannot know.
func (l *life) wrote(r *http.Request, response *http.Response) {
	if r.Method == http.MethodGet {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !strings.Contains(r.URL.Path, "/events") {
		l.writes = append(l.writes, r.Method+" "+r.URL.Path)
	}
	if response != nil && slices.Contains([]int{http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, response.StatusCode) {
		l.errors[fmt.Sprintf("refused, %d: %s %s", response.StatusCode, r.Method, r.URL.Path)]++
	}
}

// log notes what is logged as an error, and the words of it at V(1).
func (l *life) log(_, args string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, args)
	l.last = l.last[max(0, len(l.last)-40):]
	if !strings.Contains(args, `"error"`) {
		return
	}
	l.errors[args]++
}

// written returns the writes since the last time it was asked.
func (l *life) written() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.writes
	l.writes = nil
	return out
}

// complaints returns, in order, the errors that hold one of the words.
func (l *life) complaints(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for text, n := range l.errors {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			out = append(out, fmt.Sprintf("%d times: %s", n, text))
		}
	}
	slices.Sort(out)
	return out
}

// rest waits until the operator has nothing to do: its queues are empty and no
// pass has ended for a while.
func (l *life) rest() {
	l.Helper()
	const quiet = 800 * time.Millisecond
	deadline := time.Now().Add(patience)
	last, since := -1.0, time.Now()
	for {
		passes, waiting := gauge(l, "controller_runtime_reconcile_total"), gauge(l, "workqueue_depth")+gauge(l, "controller_runtime_active_workers")
		if passes != last || waiting > 0 {
			last, since = passes, time.Now()
		}
		if passes > 0 && time.Since(since) > quiet {
			return
		}
		if time.Now().After(deadline) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.Fatalf("the operator does not come to rest: %v wait, %v passes; its log ends\n%s\n\n%s", waiting, passes, strings.Join(l.last, "\n"), passesUnderWay())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// passesUnderWay returns the stacks of the reconcilers that work.
func passesUnderWay() string {
	buffer := make([]byte, 8<<20)
	var out []string
	for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		if strings.Contains(stack, "Reconciler).Reconcile(") {
			out = append(out, stack)
		}
	}
	return strings.Join(out, "\n\n")
}

// gauge returns the sum of a metric of controller-runtime over all its labels.
func gauge(t testing.TB, name string) float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				total += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return total
}
