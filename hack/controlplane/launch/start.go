package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// What a control plane leaves in its directory, beside <program>.log.
const (
	pkiDir         = "pki"
	kubeconfigFile = "kubeconfig"
	readyFile      = "ready.json"
	lockFile       = "lock"
	auditLog       = "audit.log"
)

// portAttempts: a free port is found, closed, and opened again by a program;
// somebody may take it in between.
const portAttempts = 4

// Options say which control plane to start.
type Options struct {
	Dir                      string // state, keys and logs; state that is there is used
	Assets                   string // the binaries, from a Builder
	Address                  string // at which the API server answers beside loopback; empty is none
	AuditLog                 bool   // who did what, to Dir/audit.log
	AuthenticationConfig     string // file of an AuthenticationConfiguration; empty for none
	WithoutControllerManager bool   // no garbage collection, no deletion of namespaces, no default service accounts
}

// Ready is what a caller needs to know of a control plane that runs.
type Ready struct {
	Kubeconfig string `json:"kubeconfig"` // of an administrator (system:masters)
	Server     string `json:"server"`
	Etcd       string `json:"etcd"` // for clients with a certificate of Dir/pki
	Assets     string `json:"assets"`
}

// A ControlPlane runs until it is stopped.
type ControlPlane struct {
	Ready
	paths  paths
	probe  probe
	ended  chan *process
	unlock func()

	mu        sync.Mutex
	programs  []program
	processes []*process // of programs, in the order of their start
}

// Start starts a control plane, waits until it can be used, and returns it; on
// failure nothing that it started is left.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory (give a --dir that you may write): %w", err)
	}
	unlock, err := tryLock(filepath.Join(dir, lockFile))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("a control plane runs in %s already: stop it, or give another --dir", dir)
	}
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		cp, err := startOnce(ctx, o)
		if err == nil {
			cp.unlock = unlock
			return cp, nil
		}
		if !isPortTaken(err) || attempt == portAttempts {
			unlock()
			return nil, err
		}
	}
}

func startOnce(ctx context.Context, o Options) (*ControlPlane, error) {
	p, err := newPaths(o.Dir)
	if err != nil {
		return nil, err
	}
	p.address = o.Address
	_ = os.Remove(p.file(readyFile)) // left by a launcher that was killed
	ca, err := newPKI(p.pki(""), o.addresses()...)
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{
		Ready: Ready{Kubeconfig: p.file(kubeconfigFile), Server: p.server(), Etcd: p.etcd(), Assets: o.Assets},
		paths: p,
		ended: make(chan *process, 3),
	}
	if err := errors.Join(
		writeKubeconfig(cp.Kubeconfig, p.server(), ca, "admin", "system:masters"),
		writeKubeconfig(p.managerKubeconfig(), p.server(), ca, "system:kube-controller-manager"),
		os.WriteFile(p.auditPolicy(), []byte(auditPolicy), 0o600),
	); err != nil {
		return nil, err
	}
	if err := cp.startAll(ctx, o, ca); err != nil {
		cp.stopAll()
		return nil, err
	}
	return cp, nil
}

// addresses are those that the API server's certificate is made out to beside
// loopback. What is no address is left to the API server to refuse.
func (o Options) addresses() []net.IP {
	if ip := net.ParseIP(o.Address); ip != nil {
		return []net.IP{ip}
	}
	return nil
}

// startAll starts each program when those that it needs answer.
func (cp *ControlPlane) startAll(ctx context.Context, o Options, ca authority) error {
	var err error
	if cp.probe, err = newProbe(ca); err != nil {
		return err
	}
	programs := []program{
		{etcdName, etcdFlags(cp.paths), etcdReady(cp.paths)},
		{apiServerName, apiServerFlags(cp.paths, o), apiServerReady(cp.paths)},
	}
	if !o.WithoutControllerManager {
		programs = append(programs, program{controllerManagerName, controllerManagerFlags(cp.paths), controllersReady(cp.paths)})
	}
	for _, program := range programs {
		if !hasPrograms(o.Assets, program.name) {
			return fmt.Errorf("%s has no %s: unset KUBEBUILDER_ASSETS to have one built, or use --without-controller-manager", o.Assets, program.name)
		}
		cp.programs = append(cp.programs, program)
		p, err := cp.start(program, os.O_TRUNC)
		if err != nil {
			return err
		}
		cp.processes = append(cp.processes, p)
		if err := cp.probe.await(ctx, p, program.ready); err != nil {
			return err
		}
	}
	return cp.writeReady()
}

// A program is what to run, and the URLs that answer when it is ready.
type program struct {
	name  string
	flags []string
	ready []string
}

// start starts a program; its log begins anew (os.O_TRUNC) or goes on (os.O_APPEND).
func (cp *ControlPlane) start(program program, log int) (*process, error) {
	p, err := startProcess(cp.Assets, cp.paths.dir, program, log)
	if err != nil {
		return nil, err
	}
	go func() {
		<-p.gone
		if !p.killed.Load() {
			cp.ended <- p
		}
	}()
	return p, nil
}

// Wait returns nil when the caller is done with it, and an error if a program
// ends before. It stops nothing.
func (cp *ControlPlane) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case p := <-cp.ended:
		return p.ended()
	}
}

// Stop stops the programs, those that depend on others first, and returns when
// they are gone.
func (cp *ControlPlane) Stop() {
	cp.stopAll()
	cp.unlock()
}

func (cp *ControlPlane) stopAll() {
	_ = os.Remove(cp.paths.file(readyFile))
	cp.mu.Lock()
	defer cp.mu.Unlock()
	for _, p := range slices.Backward(cp.processes) {
		p.stop()
	}
}

func (cp *ControlPlane) writeReady() error {
	ready, err := json.Marshal(cp.Ready)
	if err != nil {
		return fmt.Errorf("writing %s: %w", readyFile, err)
	}
	if err := os.WriteFile(cp.paths.file(readyFile), append(ready, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", readyFile, err)
	}
	return nil
}

func newPaths(dir string) (paths, error) {
	ports, err := freePorts(2)
	if err != nil {
		return paths{}, fmt.Errorf("finding free ports: %w", err)
	}
	return paths{dir: dir, etcdPort: ports[0], apiServerPort: ports[1]}, nil
}

// freePorts holds each port until it has all of them, so that they differ.
func freePorts(n int) ([]uint16, error) {
	var ports []uint16
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, address.Port())
	}
	return ports, nil
}
