//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/test/controlplane"
	"github.com/medfence/medfence/test/e2e/netns"
)

// Options say what the lab is made of.
type Options struct {
	// Repository is the root of the checkout.
	Repository string
	// Cilium is the directory of `controlplane cilium`.
	Cilium string
	// Operator is the binary of the operator; without it, it cannot be started.
	Operator string
	// NeverEnforce has the agents let everything pass, whatever the policies:
	// the control by which a check proves that it can fail.
	NeverEnforce bool
	// Nodes is how many there are.
	Nodes int
	// Log is told what happens.
	Log io.Writer
}

// A Lab runs until it is stopped.
type Lab struct {
	Options
	Client client.WithWatch // an administrator's; reads live
	Nodes  []*Node

	dir     string
	lock    *os.File
	fabric  *fabric
	control *netns.Space
	cluster *controlplane.Cluster
	config  *rest.Config

	mu            sync.Mutex
	pods          []*Pod
	operator      *operator
	operatorSpace *netns.Space
}

// lockFile lets one lab run on a machine at a time: another would take its
// namespaces for leftovers.
const lockFile = "/run/lock/medfence-e2e"

// Start starts a lab: the network, the control plane with Cilium's and our
// CRDs, and the nodes with their agents. On failure nothing of it is left.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("run this as root: it makes network namespaces and loads BPF programs")
	}
	lock, err := lockMachine()
	if err != nil {
		return nil, err
	}
	l := &Lab{Options: o, lock: lock}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, l.Stop(ctx))
	}
	return l, nil
}

func lockMachine() (*os.File, error) {
	lock, err := os.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the machine: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another lab runs on this machine (it holds %s): wait for its end: %w", lockFile, err)
	}
	return lock, nil
}

func (l *Lab) start(ctx context.Context) error {
	left, err := netns.Sweep(ctx)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		l.say("removed what an earlier run left: %d network namespaces, %s ...", len(left), left[0])
	}
	if l.dir, err = newDir(); err != nil {
		return err
	}
	if err := l.linkClang(); err != nil {
		return err
	}
	if l.fabric, err = newFabric(ctx); err != nil {
		return err
	}
	if err := l.startControlPlane(ctx); err != nil {
		return err
	}
	return l.startNodes(ctx)
}

// newDir makes the lab's directory, and removes those that killed runs left:
// whoever holds the lock has the only one that is in use.
func newDir() (string, error) {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), netns.Prefix+"*"))
	if err != nil {
		return "", fmt.Errorf("looking for directories of earlier runs: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return "", fmt.Errorf("removing what an earlier run left: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", netns.Prefix)
	if err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	return dir, nil
}

func (l *Lab) startNodes(ctx context.Context) error {
	for i := range l.Options.Nodes {
		n, err := l.newNode(ctx, i+1)
		if err != nil {
			return err
		}
		l.Nodes = append(l.Nodes, n)
		if err := l.registerNode(ctx, n); err != nil {
			return err
		}
	}
	for _, n := range l.Nodes {
		if err := l.startAgent(ctx, n); err != nil {
			return err
		}
		l.say("the agent of %s is ready", n.Name)
	}
	return nil
}

// clangs are the names of a compiler that is new enough, the best first.
var clangs = []string{"clang-19", "clang-20", "clang-21", "clang-18"}

// linkClang makes a folder for the PATH in which the compiler is called clang.
func (l *Lab) linkClang() error {
	for _, name := range clangs {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		bin := filepath.Join(l.dir, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
		return os.Symlink(path, filepath.Join(bin, "clang"))
	}
	return fmt.Errorf("none of %s is installed: run `hack/setup.sh e2e`", strings.Join(clangs, ", "))
}

// Attach makes a namespace outside the cluster: a device, a laptop, a cloud.
func (l *Lab) Attach(ctx context.Context, name string, addresses ...netip.Addr) (*netns.Space, error) {
	return l.fabric.attach(ctx, name, addresses...)
}

// Stop takes everything down. It may be called again, and after a failure.
func (l *Lab) Stop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var failed error
	if l.operator != nil {
		l.operator.stop(syscall.SIGTERM)
	}
	for _, n := range l.Nodes {
		if n.agent != nil {
			n.agent.stop()
		}
	}
	if l.cluster != nil {
		failed = errors.Join(failed, l.cluster.Stop())
	}
	for _, p := range l.pods {
		failed = errors.Join(failed, p.Space.Delete(ctx))
	}
	if l.fabric != nil {
		failed = errors.Join(failed, l.fabric.close(ctx))
	}
	if l.dir != "" && os.Getenv("KEEP") == "" {
		failed = errors.Join(failed, os.RemoveAll(l.dir))
	}
	_, err := netns.Sweep(ctx) // what failed half way
	return errors.Join(failed, err, l.lock.Close())
}

// Control is the namespace of the control plane.
func (l *Lab) Control() *netns.Space { return l.control }

// FlowsFile is where the agent of a node exports what Hubble saw.
func (l *Lab) FlowsFile(n *Node) string { return filepath.Join(l.dir, n.Name, flowsFile) }

// Dir is where logs and flows are, until the lab stops.
func (l *Lab) Dir() string { return l.dir }

func (l *Lab) say(format string, args ...any) { fmt.Fprintf(l.Log, "lab: "+format+"\n", args...) }
