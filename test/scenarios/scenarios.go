package scenarios

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/manifest"
	"github.com/medfence/medfence/internal/snapshot"
)

// Now is the time at which every scenario plays.
var Now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// A Scenario is one folder of the corpus.
type Scenario struct {
	Name  string
	Dir   string
	About string
	// Objects are those of in.yaml.
	Objects *manifest.Objects
}

// All reads the corpus, by name.
func All() ([]Scenario, error) {
	root, err := root()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(root, "*", "in.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing scenarios: %w", err)
	}
	out := make([]Scenario, 0, len(paths))
	for _, path := range paths {
		s, err := load(path)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func root() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("finding the corpus: no caller")
	}
	return filepath.Dir(file), nil
}

func load(path string) (Scenario, error) {
	dir := filepath.Dir(path)
	name := filepath.Base(dir)
	data, err := os.ReadFile(path)
	if err != nil {
		return Scenario{}, fmt.Errorf("reading scenario %s: %w", name, err)
	}
	about, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		return Scenario{}, fmt.Errorf("reading scenario %s: %w", name, err)
	}
	objects, faults := manifest.Read([]manifest.File{{Name: name + "/in.yaml", Data: data}})
	if len(faults) > 0 {
		return Scenario{}, fmt.Errorf("reading scenario %s: %w", name, faults[0])
	}
	return Scenario{Name: name, Dir: dir, About: strings.TrimSpace(string(about)), Objects: objects}, nil
}

// Snapshot returns the scenario as the compiler reads it, on a cluster with
// Cilium (without Envoy) or with plain NetworkPolicies.
func (s Scenario) Snapshot(kind snapshot.TargetKind) *snapshot.Snapshot {
	return s.Objects.Snapshot(Setting(kind))
}

// Setting is the cluster on which every scenario plays.
func Setting(kind snapshot.TargetKind) manifest.Setting {
	setting := manifest.Setting{Now: Now, Target: snapshot.Target{Kind: kind}}
	if kind == snapshot.Cilium {
		setting.Target.ICMP, setting.Target.DNSProxy, setting.Target.Cluster = true, true, "default"
	}
	setting.Cluster = snapshot.Cluster{
		Ranges: []netip.Prefix{
			netip.MustParsePrefix("10.244.0.0/16"),
			netip.MustParsePrefix("10.96.0.0/16"),
			netip.MustParsePrefix("fd00:10:244::/56"),
			netip.MustParsePrefix("192.168.77.0/29"),
		},
		DNS: snapshot.DNS{
			Namespace: "kube-system",
			Selector:  map[string]string{"k8s-app": "kube-dns"},
			Ports:     []snapshot.DNSPort{{Protocol: flow.TCP, Port: 53}, {Protocol: flow.UDP, Port: 53}},
			Domain:    "cluster.local",
		},
	}
	return setting
}
