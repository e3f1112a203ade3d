package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/medfence/medfence/internal/apply"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/snapshot"
	"github.com/medfence/medfence/internal/verdict"
)

// leaderElectionID names the Lease that the replicas share.
const leaderElectionID = "medfence-operator"

// leaseRetry is how often the leader renews the Lease and the others look at it:
// with the default of two seconds, a rollout would leave the hospital without an
// operator for that long.
const leaseRetry = 500 * time.Millisecond

// Options say how an operator runs.
type Options struct {
	// Config reaches the API server.
	Config *rest.Config
	// Target is netpol, cilium, or empty for what the cluster has.
	Target string
	// Settings are what it is told about the cluster; target and what the API
	// server serves are found out.
	Settings gather.Settings
	// Workers is how many objects of a kind are reconciled at a time.
	Workers int
	// LeaderElection lets one replica work and the others wait, by a Lease in
	// this namespace; empty is without.
	LeaderElectionNamespace string
	// ProbeAddress serves /healthz and /readyz; empty is without.
	ProbeAddress string
	// Metrics serves the metrics; its address "0" is without.
	Metrics metricsserver.Options
	// Registry takes the metrics.
	Registry prometheus.Registerer
	Log      logr.Logger
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// An Operator runs managers, one after the other: when the API server serves
// other kinds than before, one is stopped and another one built for them.
type Operator struct {
	options Options
	scout   *scout
	probes  *probes
	metrics *Metrics
}

// NewOperator prepares an operator.
func NewOperator(o Options) (*Operator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	metrics, err := NewMetrics(o.Registry)
	if err != nil {
		return nil, err
	}
	s, err := newScout(o.Config, o.Settings.CiliumConfig)
	if err != nil {
		return nil, err
	}
	return &Operator{options: o, scout: s, probes: &probes{waiting: "starting"}, metrics: metrics}, nil
}

// retryWait is how long the operator waits before it looks again for what it
// needs, or builds another manager after one failed.
const retryWait = 2 * time.Second

// stopTimeout is how long a stopping operator waits for what is under way; a
// pod has 30 seconds by default.
const stopTimeout = 20 * time.Second

// Run runs the operator until the context ends. It waits for what is missing
// and never gives up; only a leader that cannot go on returns an error.
func (o *Operator) Run(ctx context.Context) error {
	if err := o.probes.serve(ctx, o.options.ProbeAddress); err != nil {
		return err
	}
	for ctx.Err() == nil {
		f, ok := o.await(ctx)
		if !ok {
			return nil
		}
		led, err := o.run(ctx, f)
		o.metrics.forgetAll()
		switch {
		case err == nil:
		case led:
			return fmt.Errorf("running: %w", err)
		default:
			o.probes.wait("the last start failed")
			o.options.Log.Error(err, "Could not start; trying again")
			sleep(ctx, retryWait)
		}
	}
	return nil
}

// await waits until all is served that the operator needs; it reports false
// when the context ended before.
func (o *Operator) await(ctx context.Context) (found, bool) {
	said, told := "", ""
	for ctx.Err() == nil {
		f, err := o.scout.look(ctx)
		missing := f.missing(o.options.Target)
		if err != nil {
			missing = "the API server does not tell what it serves"
		}
		if missing == "" {
			return f, true
		}
		o.probes.wait("waiting: " + missing)
		if missing != said {
			said = missing
			o.options.Log.Info("Waiting; what is in force stays in force", "because", missing, "error", errorText(err))
		}
		if err == nil && f.ours && missing != told {
			if err := o.strand(ctx, missing); err != nil {
				o.options.Log.Error(err, "Could not say in the statuses that the operator waits; trying again")
			} else {
				told = missing
			}
		}
		sleep(ctx, retryWait)
	}
	return found{}, false
}

// run runs one manager until the context ends or what is served changes. It
// reports whether it led: a leader that failed must not go on.
func (o *Operator) run(ctx context.Context, f found) (led bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	target := f.target(o.options.Target)
	o.options.Log.Info("Starting", "target", target, "ciliumServed", f.cilium)
	mgr, err := o.manager(f)
	if err != nil {
		return false, fmt.Errorf("building a manager: %w", err)
	}
	err = o.setUp(ctx, mgr, f, func(now found) {
		o.options.Log.Info("What the API server serves has changed; starting anew", "ciliumServed", now.cilium, "medfenceServed", now.ours)
		stop()
	})
	if err != nil {
		return false, err
	}
	err = mgr.Start(ctx)
	o.probes.wait("starting anew")
	select {
	case <-mgr.Elected():
		led = true
	default:
	}
	return led, err
}

func (o *Operator) manager(f found) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	return ctrl.NewManager(o.options.Config, manager.Options{
		Scheme: scheme,
		Logger: o.options.Log,
		Cache: cache.Options{
			ByObject:                    gather.CacheByObject(o.settings(f)),
			DefaultTransform:            cache.TransformStripManagedFields(),
			ReaderFailOnMissingInformer: true,
		},
		// Policies are read as what they are, unstructured: without this each pass
		// of a zone would list them at the API server.
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:                       o.options.Metrics,
		LeaderElection:                o.options.LeaderElectionNamespace != "",
		LeaderElectionID:              leaderElectionID,
		LeaderElectionNamespace:       o.options.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		RetryPeriod:                   new(leaseRetry),
		// The Lease is released only when nothing writes any more; what has not
		// ended by then ends with the process.
		GracefulShutdownTimeout: new(stopTimeout),
		// The priority queue of controller-runtime v0.24.1 can deadlock when it is
		// shut down (seen once in about a hundred stops): the Lease would stay, and
		// a change of target would be the end.
		Controller: config.Controller{UsePriorityQueue: new(false)},
	})
}

// settings completes the settings by what was found out.
func (o *Operator) settings(f found) gather.Settings {
	s := o.options.Settings
	s.Target = f.target(o.options.Target)
	s.ServiceCIDRs, s.Groups = f.serviceCIDRs, f.cilium
	s.Identities, s.NodeConfigs = f.identities && s.Target == snapshot.Cilium, f.nodeConfigs
	s.CiliumConfigForbidden = f.configForbidden
	return s
}

// setUp puts everything into a manager.
func (o *Operator) setUp(ctx context.Context, mgr ctrl.Manager, f found, changed func(found)) error {
	settings := o.settings(f)
	events := &eventSink{recorder: mgr.GetEventRecorder("medfence")}
	b, book, order := newBoard(), newLedger(), newLanes(o.options.Workers)
	collector := newReprieve()
	order.hurried = collector.hurry
	byObject := newZoneMap(mgr.GetClient(), settings.DNSService)
	policies := append(apply.Kinds(f.cilium), f.adminTier()...)
	zones := &DeviceZoneReconciler{
		client: mgr.GetClient(),
		gather: &gather.Gatherer{
			Reader: mgr.GetClient(), Closures: book, Kinds: newCRDGuard(mgr.GetClient(), mgr.GetAPIReader()), Settings: settings,
			Census: &gather.Census{},
		},
		applier: &apply.Applier{Cache: mgr.GetCache(), Live: mgr.GetAPIReader(), Writer: mgr.GetClient(), GiveWay: order.giveWay},
		board:   b, ledger: book, gate: &gate{reader: mgr.GetClient(), now: o.options.Now}, blips: newBlips(), scribe: newScribe(mgr.GetClient(), order.comeLast),
		events: events, metrics: o.metrics, cilium: f.cilium, now: o.options.Now,
		policies: mgr.GetCache(), kinds: policies, zones: byObject, order: order, disguises: &disguises{known: map[types.UID]string{}},
		memory: verdict.NewMemory(),
	}
	devices := &MedicalDeviceReconciler{
		client: mgr.GetClient(), board: b, scribe: newScribe(mgr.GetClient(), order.comeLast),
		events: events, metrics: o.metrics, now: o.options.Now,
	}
	conduits := &ConduitReconciler{
		client: mgr.GetClient(), board: b, scribe: newScribe(mgr.GetClient(), order.comeLast),
		events: events, metrics: o.metrics, now: o.options.Now,
	}
	kinds := zoneSources(byObject, zones.gather, policies, zones.applier, zones.memory)
	if err := fillCache(ctx, mgr, kinds, f.cilium); err != nil {
		return err
	}
	return errors.Join(
		setUpZones(mgr, zones, order, kinds),
		setUpDevices(mgr, devices, o.options.Workers),
		setUpConduits(mgr, conduits, o.options.Workers),
		setUpTarget(mgr, &targetReconciler{scout: o.scout, running: f, changed: changed}),
		mgr.Add(&clockWatch{reader: mgr.GetClient(), now: o.options.Now, wake: func(zones []string) {
			order.markZones(zones)
			b.wakeZones(zones)
		}}),
		mgr.Add(collector),
		mgr.Add(readiness(o.probes.ready)),
	)
}

// A readiness tells, on every replica, that the caches are full.
type readiness func()

// Start says so; the manager starts it after the caches.
func (r readiness) Start(ctx context.Context) error {
	r()
	<-ctx.Done()
	return nil
}

// NeedLeaderElection returns false: a replica that waits is ready to.
func (r readiness) NeedLeaderElection() bool { return false }

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
