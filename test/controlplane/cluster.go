package controlplane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options say which control plane to start; the zero value is right for most
// tests.
type Options struct {
	// Dir keeps state, logs and kubeconfig. Empty means a temporary directory
	// that Stop removes.
	Dir string
	// AuditLog writes who did what to AuditLogFile.
	AuditLog bool
	// AuthenticationConfig is the absolute path of an AuthenticationConfiguration,
	// by which the API server takes the tokens of an issuer. Empty for none.
	AuthenticationConfig string
	// Address is one at which the API server answers beside loopback, for
	// clients in other network namespaces. Empty means none.
	Address string
	// WithoutControllerManager leaves out what collects garbage, deletes
	// namespaces and makes the default service accounts.
	WithoutControllerManager bool
	// Log is told of a build, which takes minutes, and of failures. Nil means
	// standard error.
	Log io.Writer
}

// A Cluster is a control plane that runs. It has no nodes: pods stay Pending.
type Cluster struct {
	Dir        string // state and logs
	Kubeconfig string // of an administrator
	Server     string
	Etcd       string // for clients with EtcdTLS
	Assets     string // etcd, kube-apiserver, kubectl: a KUBEBUILDER_ASSETS

	config   *rest.Config
	launcher string // the binary
	up       *exec.Cmd
	stdin    io.WriteCloser // takes orders; closing it stops the launcher
	answers  *bufio.Reader
	cleanup  func() error
}

// Start starts a cluster and returns when it can be used. The first on a
// machine compiles Kubernetes, for minutes, unless `controlplane build` has
// been run; the context bounds that too, but not the life of the cluster.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Log == nil {
		o.Log = os.Stderr
	}
	c, err := prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.cleanup())
	}
	return c, nil
}

// StartForTest starts a cluster that ends with the test.
func StartForTest(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c, err := Start(tb.Context(), o)
	if err != nil {
		tb.Fatalf("starting a control plane: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Errorf("stopping the control plane: %v", err)
		}
	})
	return c
}

// prepare makes the cluster's directory, and the launcher in a directory of
// its own: packages are tested in parallel, and one may not overwrite the
// binary that another runs.
func prepare(ctx context.Context, o Options) (*Cluster, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "medfence-controlplane-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the control plane: %w", err)
	}
	c := &Cluster{
		Dir:      o.Dir,
		launcher: filepath.Join(temp, "controlplane"),
		cleanup:  func() error { return os.RemoveAll(temp) },
	}
	if c.Dir == "" {
		c.Dir = filepath.Join(temp, "state")
	}
	build := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-buildvcs=false", "-o", c.launcher, ".")
	build.Dir = filepath.Join(root, "hack", "controlplane")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building the launcher: %w\n%s", err, out), c.cleanup())
	}
	return c, nil
}

// start runs the launcher and reads the line with which it says that it is
// ready.
func (c *Cluster) start(ctx context.Context, o Options) error {
	args := []string{"up", "--dir", c.Dir, "--stop-on-stdin-eof"}
	if o.AuditLog {
		args = append(args, "--audit-log")
	}
	if o.AuthenticationConfig != "" {
		args = append(args, "--authentication-config", o.AuthenticationConfig)
	}
	if o.Address != "" {
		args = append(args, "--address", o.Address)
	}
	if o.WithoutControllerManager {
		args = append(args, "--without-controller-manager")
	}
	c.up = exec.Command(c.launcher, args...)
	c.up.Stderr = o.Log
	stdin, err := c.up.StdinPipe()
	if err != nil {
		return fmt.Errorf("holding the launcher: %w", err)
	}
	c.stdin = stdin
	stdout, err := c.up.StdoutPipe()
	if err != nil {
		return fmt.Errorf("listening to the launcher: %w", err)
	}
	if err := c.up.Start(); err != nil {
		return fmt.Errorf("running the launcher: %w", err)
	}
	release := context.AfterFunc(ctx, func() { _ = c.stdin.Close() })
	defer release()
	c.answers = bufio.NewReader(stdout)
	line, err := c.answers.ReadBytes('\n')
	if err != nil {
		return errors.Join(context.Cause(ctx), c.up.Wait(), errors.New("the control plane did not start: its log is above"))
	}
	if err := c.read(line); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

// read takes what the launcher says of the control plane.
func (c *Cluster) read(line []byte) error {
	if err := json.Unmarshal(line, c); err != nil {
		return fmt.Errorf("reading what the launcher says: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	c.config = unthrottled(config)
	return nil
}

// Stop stops the cluster and returns when all of its processes are gone. It
// fails if one of them had died before.
func (c *Cluster) Stop() error {
	_ = c.stdin.Close() // fails only if the launcher has gone already, which Wait tells
	return errors.Join(c.up.Wait(), c.cleanup())
}

// AuditLogFile is where the API server writes who did what, one JSON object
// (audit.k8s.io/v1 Event) a line, with Options.AuditLog.
func (c *Cluster) AuditLogFile() string { return filepath.Join(c.Dir, "audit.log") }

// Kubectl returns a kubectl of the cluster's own version, as an administrator.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Assets, "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	return cmd
}
