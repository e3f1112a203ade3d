package main

import (
	"bufio"
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

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// A process is the operator's binary at work.
type process struct {
	command *exec.Cmd
	log     *os.File
	metrics string // its URL
	ended   chan error
}

// startOperator builds and starts the operator for an account. What it writes
// goes to a file in dir.
func startOperator(ctx context.Context, dir string, account *rest.Config) (*process, error) {
	binary := filepath.Join(dir, "medfence")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/medfence/medfence").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := writeKubeconfig(kubeconfig, account); err != nil {
		return nil, err
	}
	metrics, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "operator.log"))
	if err != nil {
		return nil, fmt.Errorf("creating the operator's log: %w", err)
	}
	p := &process{metrics: "http://" + metrics + "/metrics", log: log, ended: make(chan error, 1)}
	p.command = exec.Command(binary, "--metrics-bind-address="+metrics, "--metrics-secure=false", "--health-probe-bind-address=0")
	p.command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the operator: %w", err)
	}
	go func() { p.ended <- p.command.Wait() }()
	return p, nil
}

// stop ends the operator, politely. It returns an error for one that had ended
// by itself.
func (p *process) stop() error {
	defer p.log.Close()
	select {
	case err := <-p.ended:
		return fmt.Errorf("the operator ended by itself: %w", errors.Join(err, errors.New("see "+p.log.Name())))
	default:
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		return err
	case <-time.After(time.Minute):
		_ = p.command.Process.Kill()
		return errors.New("the operator did not stop within a minute")
	}
}

func writeKubeconfig(file string, account *rest.Config) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["soak"] = &clientcmdapi.Cluster{Server: account.Host}
	config.AuthInfos["soak"] = &clientcmdapi.AuthInfo{Token: account.BearerToken}
	config.Contexts["soak"] = &clientcmdapi.Context{Cluster: "soak", AuthInfo: "soak"}
	config.CurrentContext = "soak"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// A reading is the operator's metrics at one time, each summed over its labels.
type reading map[string]float64

// read asks the operator for its metrics.
func (p *process) read(ctx context.Context) (reading, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.metrics, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for metrics: %s", response.Status)
	}
	return readMetrics(response.Body)
}

// readMetrics sums metrics in the text format of Prometheus over their labels.
func readMetrics(in io.Reader) (reading, error) {
	out := reading{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 {
			return nil, fmt.Errorf("reading metrics: %q has no value", line)
		}
		value, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("reading metrics: %w", err)
		}
		name, _, _ := strings.Cut(line[:cut], "{")
		out[name] += value
	}
	return out, lines.Err()
}

// residentSet returns VmRSS of a process in bytes.
func residentSet(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of the operator: %w", err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("reading the memory of the operator: /proc tells no VmRSS")
}
