package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/medfence/medfence/test/bench/gauge"
)

// Patience is how long a stage waits for what must come.
const Patience = 10 * time.Minute

// An Operator is Medfence's, as the program that users run.
type Operator struct {
	// Started is when it was started.
	Started time.Time
	stage   *Stage
	cmd     *exec.Cmd
	gone    chan struct{}
	probes  string
	metrics string
	profile string
}

// StartOperator starts an operator for the stage's target, with its own rights
// and no others. Leading makes it take turns with others.
func (s *Stage) StartOperator(leading bool) (*Operator, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	o := &Operator{stage: s, gone: make(chan struct{}), probes: ports[0], metrics: ports[1], profile: ports[2]}
	o.cmd = exec.Command(s.Binary, "--target="+s.Target, "--namespace="+OperatorNamespace, "--log-format=text",
		"--workers="+strconv.Itoa(s.Workers), "--kube-api-qps="+strconv.Itoa(s.QPS), "--kube-api-burst="+strconv.Itoa(s.Burst),
		"--metrics-secure=false", "--metrics-bind-address="+o.metrics, "--health-probe-bind-address="+o.probes,
		"--leader-elect="+strconv.FormatBool(leading))
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig, "MEDFENCE_PROFILE="+o.profile)
	var said bytes.Buffer
	o.cmd.Stdout, o.cmd.Stderr = &said, &said
	if s.Log != "" {
		s.operators++
		file, err := os.Create(fmt.Sprintf("%s-%s-%d.log", s.Log, filepath.Base(filepath.Dir(s.Cluster.Dir)), s.operators))
		if err != nil {
			return nil, fmt.Errorf("making a log: %w", err)
		}
		defer func() { _ = file.Close() }()
		o.cmd.Stdout, o.cmd.Stderr = file, file
	}
	o.Started = time.Now()
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the operator: %w", err)
	}
	go func() {
		_ = o.cmd.Wait()
		close(o.gone)
	}()
	return o, nil
}

// Ready waits until the operator says that it is, and returns when it did.
func (o *Operator) Ready(ctx context.Context) (time.Time, error) {
	deadline := time.Now().Add(Patience)
	for time.Now().Before(deadline) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.probes+"/readyz", nil)
		if err != nil {
			return time.Time{}, fmt.Errorf("asking whether the operator is ready: %w", err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return time.Now(), nil
			}
		}
		if err := o.pause(ctx, 5*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, errors.New("the operator does not become ready")
}

// plain asks for no compression: it would cost the operator more than it saves.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

// Metrics reads its metrics.
func (o *Operator) Metrics(ctx context.Context) (gauge.Metrics, error) {
	return gauge.Scrape(ctx, plain, "http://"+o.metrics+"/metrics")
}

// Settle waits until the operator has had nothing to do for as long as it is
// told; a second is more than it ever pauses by itself while it works.
func (o *Operator) Settle(ctx context.Context, idle time.Duration) error {
	deadline := time.Now().Add(Patience)
	var count float64
	since := time.Now()
	for time.Now().Before(deadline) {
		if err := o.pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
		m, err := o.Metrics(ctx)
		if err != nil {
			since = time.Now() // it serves none yet
			continue
		}
		n := m.Sum("medfence_reconcile_seconds", nil)
		if busy := m.Sum("controller_runtime_active_workers", nil) + m.Sum("workqueue_depth", nil); n == 0 || n != count || busy > 0 {
			count, since = n, time.Now()
		}
		if time.Since(since) > idle {
			return nil
		}
	}
	return errors.New("the operator does not settle")
}

// pause waits a while, and fails if the operator has ended meanwhile.
func (o *Operator) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-o.gone:
		return fmt.Errorf("the operator ended: %s: %s", o.cmd.ProcessState, tail(o.cmd.Stderr))
	case <-time.After(d):
		return nil
	}
}

func tail(from any) string {
	if said, ok := from.(*bytes.Buffer); ok {
		return string(said.Bytes()[max(0, said.Len()-2000):])
	}
	return "see its log"
}

// Memory returns what it has of the machine's memory, and the most that it ever
// had, in bytes.
func (o *Operator) Memory() (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("reading its memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		n, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	return now, peak, nil
}

// StartProfile begins a profile of what the processor does. It fails where the
// binary was built without the tag bench.
func (o *Operator) StartProfile(ctx context.Context) error {
	_, err := o.ask(ctx, "cpu/start")
	return err
}

// StopProfile ends that profile and writes it into a file, and beside it one of
// the memory.
func (o *Operator) StopProfile(ctx context.Context, path string) error {
	for what, ending := range map[string]string{"cpu/stop": ".cpu", "heap": ".heap"} {
		raw, err := o.ask(ctx, what)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+ending, raw, 0o644); err != nil {
			return fmt.Errorf("writing a profile: %w", err)
		}
	}
	return nil
}

func (o *Operator) ask(ctx context.Context, what string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.profile+"/"+what, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for a profile: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for a profile (is the operator built with -tags bench?): %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	return io.ReadAll(response.Body)
}

// Stop stops the operator as a rollout does, and returns when it is gone.
func (o *Operator) Stop() { o.end(syscall.SIGTERM) }

// Kill ends it as a node's failure does.
func (o *Operator) Kill() { o.end(syscall.SIGKILL) }

func (o *Operator) end(signal syscall.Signal) {
	_ = o.cmd.Process.Signal(signal)
	select {
	case <-o.gone:
	case <-time.After(30 * time.Second):
		_ = o.cmd.Process.Kill()
		<-o.gone
	}
}

// operatorKubeconfig writes a kubeconfig with a token of the operator's account.
func (s *Stage) operatorKubeconfig(ctx context.Context) (string, error) {
	account, err := s.Cluster.ServiceAccountConfig(ctx, OperatorNamespace, operatorAccount)
	if err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["bench"] = &clientcmdapi.Cluster{Server: account.Host, CertificateAuthority: account.CAFile, CertificateAuthorityData: account.CAData}
	config.AuthInfos["operator"] = &clientcmdapi.AuthInfo{Token: account.BearerToken}
	config.Contexts["bench"] = &clientcmdapi.Context{Cluster: "bench", AuthInfo: "operator"}
	config.CurrentContext = "bench"
	path := filepath.Join(filepath.Dir(s.Cluster.Dir), "operator.kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return path, nil
}

// freePorts returns addresses of loopback that nobody listens at.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		out = append(out, listener.Addr().String())
	}
	return out, nil
}
