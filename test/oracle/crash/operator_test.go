package crash

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/medfence/medfence/controllers"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/gather"
)

// A life is an operator from its start to its end.
type life struct {
	*fuse
	registry *prometheus.Registry
	cancel   context.CancelFunc
	ended    chan error
}

// live starts an operator that dies with its write of that number; 0 is none.
func (l *lab) live(t testing.TB, limit int) *life {
	t.Helper()
	return l.liveOn(t, newFuse(limit))
}

// liveOn starts an operator on a fuse.
func (l *lab) liveOn(t testing.TB, f *fuse) *life {
	t.Helper()
	out := &life{fuse: f, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	config := rest.CopyConfig(l.operatorConfig)
	config.Wrap(out.wrap)
	operator, err := controllers.NewOperator(controllers.Options{
		Config: config,
		Target: string(cmp.Or(l.asked, l.target)),
		Settings: gather.Settings{
			Catalogue:     catalog.Embedded(),
			Protected:     []string{operatorNamespace},
			DNSService:    types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
			CiliumConfig:  types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
			ClusterDomain: "cluster.local",
		},
		Workers:  4,
		Metrics:  metricsserver.Options{BindAddress: "0"},
		Registry: out.registry,
		Log:      logr.Discard(),
		Now:      l.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, out.cancel = context.WithCancel(context.Background())
	go func() { out.ended <- operator.Run(ctx) }()
	go func() {
		select {
		case <-out.blown:
			out.cancel()
		case <-ctx.Done():
		}
	}()
	return out
}

// courtesy is how long an operator may take to stop before it is killed.
const courtesy = 3 * time.Second

// end stops the operator and returns when it writes no more. It reports false
// of one that hung and was killed.
func (o *life) end(t testing.TB) (stopped bool) {
	t.Helper()
	o.cancel()
	select {
	case err := <-o.ended:
		if err != nil && !o.dead() {
			t.Errorf("the operator failed: %v", err)
		}
		return true
	case <-time.After(courtesy):
		o.kill()
		return false
	}
}

// over says how an operator ended that nobody stopped.
func (o *life) over() error {
	select {
	case err := <-o.ended:
		o.ended <- err
		if o.dead() {
			return nil // by its fuse, as it shall
		}
		return fmt.Errorf("the operator ended by itself: %w", err)
	default:
		return nil
	}
}

// passes returns how often it has reconciled.
func (o *life) passes(t testing.TB) uint64 {
	t.Helper()
	families, err := o.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var n uint64
	for _, f := range families {
		if f.GetName() == "medfence_reconcile_seconds" {
			for _, m := range f.GetMetric() {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return n
}
