//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// An agent is a cilium-agent that runs in a node, with a /run/cilium and a BPF
// file system of its own, which vanish with it.
type agent struct {
	cmd    *exec.Cmd
	gone   chan struct{}
	dir    string
	client *http.Client
}

// flowsFile is where an agent exports what Hubble saw.
const flowsFile = "flows.json"

// script gives the agent its own mounts. They live in a mount namespace that
// ends with it; namespaces of pods that are made later still get in.
const script = `set -e
mkdir -p /run/cilium
mount -t tmpfs run /run/cilium
mount -t bpf bpf /sys/fs/bpf
mkdir /run/cilium/cgroupv2
mount -t cgroup2 cgroup /run/cilium/cgroupv2
exec "$@"
`

// startAgent starts the node's agent. What it says is in DIR/agent.log.
func (l *Lab) startAgent(ctx context.Context, n *Node) error {
	dir := filepath.Join(l.dir, n.Name)
	lib := filepath.Join(dir, "lib")
	if _, err := os.Stat(lib); err != nil { // the agent writes beside the sources
		if err := os.CopyFS(filepath.Join(lib, "bpf"), os.DirFS(filepath.Join(l.Cilium, "bpf"))); err != nil {
			return fmt.Errorf("copying the datapath: %w", err)
		}
	}
	log, err := os.OpenFile(filepath.Join(dir, "agent.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("making a log: %w", err)
	}
	defer func() { _ = log.Close() }()
	args := []string{"--mount", "--propagation", "slave", "sh", "-c", script, "agent", filepath.Join(l.Cilium, "cilium-agent")}
	a := &agent{cmd: exec.Command("unshare", append(args, l.agentFlags(dir)...)...), gone: make(chan struct{}), dir: dir}
	a.cmd.Env = append(l.environment(), "K8S_NODE_NAME="+n.Name, "GOMEMLIMIT=600MiB", "GOGC=200")
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if err := n.Space.Start(a.cmd); err != nil {
		return fmt.Errorf("starting the agent of %s: %w", n.Name, err)
	}
	go func() {
		_ = a.cmd.Wait()
		close(a.gone)
	}()
	a.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", a.inside("/run/cilium/cilium.sock"))
		},
	}}
	n.agent = a
	return l.until(ctx, "the agent of "+n.Name+" answers", func() error {
		select {
		case <-a.gone:
			return fatal{fmt.Errorf("it has ended; the last of its log:\n%s", tail(filepath.Join(dir, "agent.log"), 15))}
		default:
		}
		var health struct {
			Cilium struct{ State, Msg string } `json:"cilium"`
		}
		if err := a.get(ctx, "/healthz", &health); err != nil {
			return err
		}
		if health.Cilium.State != "Ok" {
			return fmt.Errorf("it says %s: %s", health.Cilium.State, health.Cilium.Msg)
		}
		return nil
	})
}

// agentFlags are those of a stock install as far as policies are concerned.
func (l *Lab) agentFlags(dir string) []string {
	enforcement := "default"
	if l.NeverEnforce {
		enforcement = "never"
	}
	return []string{
		"--k8s-kubeconfig-path=" + l.agentKubeconfig(),
		"--lib-dir=" + filepath.Join(dir, "lib"),
		"--state-dir=/run/cilium", "--socket-path=/run/cilium/cilium.sock",
		"--bpf-root=/sys/fs/bpf", "--cgroup-root=/run/cilium/cgroupv2",
		"--cluster-name=default", "--identity-allocation-mode=crd", "--ipam=kubernetes",
		"--enable-policy=" + enforcement,
		"--enable-ipv4=true", "--enable-ipv6=true",
		"--routing-mode=native", "--auto-direct-node-routes=true",
		"--ipv4-native-routing-cidr=" + ClusterRanges[0].String(), "--ipv6-native-routing-cidr=" + ClusterRanges[1].String(),
		"--enable-ipv4-masquerade=false", "--enable-ipv6-masquerade=false",
		"--kube-proxy-replacement=false", "--bpf-lb-sock=false",
		"--devices=eth0",
		"--enable-l7-proxy=true", "--enable-envoy-config=false", "--external-envoy-proxy=true",
		"--enable-health-checking=false", "--enable-endpoint-health-checking=false", "--enable-health-check-nodeport=false",
		"--cni-exclusive=false", "--write-cni-conf-when-ready=",
		"--enable-hubble=true", "--hubble-socket-path=/run/cilium/hubble.sock", "--hubble-listen-address=", "--hubble-disable-tls=true",
		"--hubble-event-buffer-capacity=65535", "--hubble-event-queue-size=32768",
		"--hubble-export-file-path=" + filepath.Join(dir, flowsFile), "--hubble-export-file-max-size-mb=1000",
		`--hubble-export-allowlist={"event_type":[{"type":1},{"type":5}]}`, // drops, and verdicts of policies
		"--monitor-aggregation=maximum",
		"--prometheus-serve-addr=",
		"--debug=false",
	}
}

// inside returns the path by which we see a file of the agent's own mounts.
func (a *agent) inside(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", a.cmd.Process.Pid, path)
}

// get asks the agent's own API.
func (a *agent) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/v1"+path, nil)
	if err != nil {
		return fmt.Errorf("asking the agent: %w", err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the agent: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the agent answers %s with %s", path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("reading what the agent says of %s: %w", path, err)
	}
	return nil
}

// stop ends the agent and waits until it is gone.
func (a *agent) stop() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.gone:
	case <-time.After(10 * time.Second):
		_ = a.cmd.Process.Kill()
		<-a.gone
	}
}

// environment is that of programs of the lab: the machine's without settings of
// a proxy or a cluster, and with a clang that is called clang.
func (l *Lab) environment() []string {
	return []string{"PATH=" + filepath.Join(l.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + os.TempDir()}
}

func tail(file string, lines int) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(content)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

// fatal is an error for which there is nothing to wait.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// patience is how long the lab waits for what must come, on a machine that is
// busy with other things.
const patience = 3 * time.Minute

// until asks again and again, until there is no error, or a fatal one.
func (l *Lab) until(ctx context.Context, what string, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if errors.As(err, &fatal{}) {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w; last: %w", what, ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
