// Command medfence is the operator: it turns DeviceZones, MedicalDevices and
// Conduits into network policies and keeps them in force.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/medfence/medfence/controllers"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/snapshot"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "medfence:", err)
		os.Exit(1)
	}
}

// run reads the flags and runs the operator until it is told to stop.
func run(args []string, out io.Writer) error {
	f, err := parseFlags(args, out)
	if err != nil || f == nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := f.logger(out)
	ctrl.SetLogger(log)
	klog.SetLogger(log.WithName("client-go"))
	options, err := f.options(log)
	if err != nil {
		return err
	}
	if err := preferLists(); err != nil {
		return err
	}
	operator, err := controllers.NewOperator(options)
	if err != nil {
		return err
	}
	return operator.Run(ctx)
}

// options turns the flags into what the operator takes.
func (f *flags) options(log logr.Logger) (controllers.Options, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return controllers.Options{}, fmt.Errorf("finding the API server: %w", err)
	}
	config.QPS, config.Burst = float32(f.qps), f.burst
	config.UserAgent = rest.DefaultKubernetesUserAgent()
	settings, err := f.settings()
	if err != nil {
		return controllers.Options{}, err
	}
	options := controllers.Options{
		Config:       config,
		Target:       f.target,
		Settings:     settings,
		Workers:      f.workers,
		ProbeAddress: f.probeAddress,
		Metrics:      f.metrics(),
		Registry:     ctrlmetrics.Registry,
		Log:          log,
	}
	if f.leaderElect {
		options.LeaderElectionNamespace = f.namespace
	}
	return options, nil
}

// metrics serves the metrics to those who may read them.
func (f *flags) metrics() metricsserver.Options {
	options := metricsserver.Options{BindAddress: f.metricsAddress, SecureServing: f.metricsSecure, CertDir: f.metricsCerts}
	if f.metricsSecure {
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return options
}

// namespaceFile tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// flags are the operator's flags.
type flags struct {
	target         string
	workers        int
	namespace      string
	leaderElect    bool
	probeAddress   string
	metricsAddress string
	metricsSecure  bool
	metricsCerts   string
	catalogue      string
	protected      []string
	clusterCIDRs   []netip.Prefix
	nodeLocalDNS   []netip.Addr
	dnsService     types.NamespacedName
	ciliumConfig   types.NamespacedName
	envoy          bool
	clusterDomain  string
	qps            float64
	burst          int
	verbosity      int
	logFormat      string
	version        bool
}

// parseFlags reads the flags. It returns nil where nothing is left to be done.
func parseFlags(args []string, out io.Writer) (*flags, error) {
	f := &flags{
		dnsService:   types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"},
		ciliumConfig: types.NamespacedName{Namespace: "kube-system", Name: "cilium-config"},
	}
	set := flag.NewFlagSet("medfence", flag.ContinueOnError)
	set.SetOutput(out)
	f.declareRunning(set)
	f.declareCluster(set)
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, nil
	case err != nil:
		return nil, err
	case set.NArg() > 0:
		return nil, fmt.Errorf("unknown argument %q", set.Arg(0))
	case f.version:
		fmt.Fprintln(out, version())
		return nil, nil
	}
	return f, f.check()
}

// declareRunning declares the flags that say how the operator runs.
func (f *flags) declareRunning(set *flag.FlagSet) {
	set.IntVar(&f.workers, "workers", 4, "objects of a kind that are reconciled at a time")
	set.StringVar(&f.namespace, "namespace", ownNamespace(), "the operator's own `namespace`: protected, and where its Lease is (POD_NAMESPACE)")
	set.BoolVar(&f.leaderElect, "leader-elect", false, "let one replica work while the others wait")
	set.StringVar(&f.probeAddress, "health-probe-bind-address", ":8081", "`address` of /healthz and /readyz; 0 is without")
	set.StringVar(&f.metricsAddress, "metrics-bind-address", ":8443", "`address` of /metrics; 0 is without")
	set.BoolVar(&f.metricsSecure, "metrics-secure", true, "serve the metrics by HTTPS, and only to those whom the API server lets read them")
	set.StringVar(&f.metricsCerts, "metrics-cert-dir", "", "`folder` of tls.crt and tls.key for the metrics; without, a certificate is made at each start")
	set.Float64Var(&f.qps, "kube-api-qps", 100, "requests a second to the API server, on average")
	set.IntVar(&f.burst, "kube-api-burst", 200, "requests to the API server at once")
	set.IntVar(&f.verbosity, "v", 0, "log verbosity: 0 what changed, 1 also why nothing did, and names of devices")
	set.StringVar(&f.logFormat, "log-format", "json", "json or text")
	set.BoolVar(&f.version, "version", false, "print the version and end")
}

// declareCluster declares the flags that tell about the cluster.
func (f *flags) declareCluster(set *flag.FlagSet) {
	set.StringVar(&f.target, "target", "auto", "the policies to write: netpol, cilium, or auto for cilium where its CRDs are served")
	set.StringVar(&f.catalogue, "service-catalogue", "", "`file` of named services that adds to the built-in catalogue, or overrides it")
	set.StringVar(&f.clusterDomain, "cluster-domain", "cluster.local", "the cluster's own `domain`")
	set.Func("protected-namespace", "a `namespace` that no zone may hold; can be repeated", func(name string) error {
		f.protected = append(f.protected, name)
		return nil
	})
	set.Func("cluster-cidr", "a pod, service or node `prefix` beside those that the cluster tells; can be repeated", func(text string) error {
		p, err := netip.ParsePrefix(text)
		f.clusterCIDRs = append(f.clusterCIDRs, p)
		return err
	})
	set.Func("node-local-dns", "an `address` of a node-local DNS cache; can be repeated", func(text string) error {
		a, err := netip.ParseAddr(text)
		if err == nil && a.Zone() != "" {
			err = errors.New("write it without the name of an interface")
		}
		f.nodeLocalDNS = append(f.nodeLocalDNS, a)
		return err
	})
	set.Func("dns-service", "the Service of the cluster's DNS, as `namespace/name` (default kube-system/kube-dns)", into(&f.dnsService))
	set.BoolVar(&f.envoy, "envoy", false, "Cilium runs with its Envoy proxy, so that http rules can be enforced; without it conduits with http stay closed")
	set.Func("cilium-config", "the ConfigMap of Cilium's settings, as `namespace/name` (default kube-system/cilium-config)", into(&f.ciliumConfig))
}

// into reads namespace/name.
func into(key *types.NamespacedName) func(string) error {
	return func(text string) error {
		namespace, name, ok := strings.Cut(text, "/")
		if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
			return errors.New("write it as namespace/name")
		}
		*key = types.NamespacedName{Namespace: namespace, Name: name}
		return nil
	}
}

func (f *flags) check() error {
	switch {
	case !slices.Contains([]string{"auto", string(snapshot.Netpol), string(snapshot.Cilium)}, f.target):
		return fmt.Errorf("--target=%s: use auto, netpol or cilium", f.target)
	case f.logFormat != "json" && f.logFormat != "text":
		return fmt.Errorf("--log-format=%s: use json or text", f.logFormat)
	case f.workers < 1:
		return fmt.Errorf("--workers=%d: use 1 or more", f.workers)
	case f.qps <= 0 || math.IsNaN(f.qps) || f.burst < 1:
		return errors.New("--kube-api-qps and --kube-api-burst must be positive")
	}
	return nil
}

// settings returns what the flags tell about the cluster.
func (f *flags) settings() (gather.Settings, error) {
	catalogue := catalog.Embedded()
	if f.catalogue != "" {
		file, err := os.ReadFile(f.catalogue)
		if err != nil {
			return gather.Settings{}, fmt.Errorf("reading the service catalogue: %w", err)
		}
		if catalogue, err = catalogue.With(file); err != nil {
			return gather.Settings{}, fmt.Errorf("reading the service catalogue %s: %w", f.catalogue, err)
		}
	}
	return gather.Settings{
		Catalogue:     catalogue,
		Protected:     slices.Concat(f.protected, []string{f.namespace, f.dnsService.Namespace, f.ciliumConfig.Namespace}, ciliumNamespaces),
		ClusterCIDRs:  f.clusterCIDRs,
		DNSService:    f.dnsService,
		NodeLocalDNS:  f.nodeLocalDNS,
		ClusterDomain: f.clusterDomain,
		CiliumConfig:  f.ciliumConfig,
		Envoy:         f.envoy,
	}, nil
}

// ciliumNamespaces are those that Cilium's own charts use.
var ciliumNamespaces = []string{"cilium", "cilium-secrets", "cilium-spire", "cilium-test"}

// logger writes structured logs.
func (f *flags) logger(out io.Writer) logr.Logger {
	options := &slog.HandlerOptions{Level: slog.Level(-f.verbosity)}
	if f.logFormat == "text" {
		return logr.FromSlogHandler(slog.NewTextHandler(out, options))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(out, options))
}

// ownNamespace is where the operator runs.
func ownNamespace() string {
	if name := os.Getenv("POD_NAMESPACE"); name != "" {
		return name
	}
	if name, err := os.ReadFile(namespaceFile); err == nil {
		return strings.TrimSpace(string(name))
	}
	return "medfence-system"
}

// release is the version of an image; the linker sets it (hack/image).
var release string

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "medfence (unknown)"
	}
	parts := []string{"medfence", cmp.Or(release, info.Main.Version)}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			parts = append(parts, s.Value)
		}
	}
	return strings.Join(append(parts, info.GoVersion), " ")
}
