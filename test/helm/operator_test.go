package helm

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// account is the operator's name for the API server.
const account = "system:serviceaccount:" + namespace + ":medfence-operator"

// An operator is a process that runs with the service account of the chart that
// is installed, and the arguments of its Deployment.
type operator struct {
	*testing.T
	process *exec.Cmd
	log     string
	ended   chan error
	metrics string
}

// start starts an operator, and returns when it is ready. It ends with the test
// at the latest.
func (l *lab) start(t *testing.T, env []string, flags ...string) *operator {
	t.Helper()
	for {
		// Somebody else may take a free port before the operator does.
		if o := l.tryStart(t, env, flags); o != nil {
			t.Cleanup(o.stop)
			return o
		}
	}
}

// tryStart starts an operator; it returns nil where its ports were taken.
func (l *lab) tryStart(t *testing.T, env, flags []string) *operator {
	t.Helper()
	probes, metrics := freePort(t), freePort(t)
	// The last of two flags of one name counts.
	args := append(containerArgs(t, l.deployment(t)), "--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics)
	o := &operator{
		T: t, process: exec.Command(l.binary, append(args, flags...)...), log: filepath.Join(t.TempDir(), "log"),
		ended: make(chan error, 1), metrics: "https://" + metrics + "/metrics",
	}
	log, err := os.Create(o.log)
	must(t, err)
	defer log.Close()
	o.process.Env = append(append(os.Environ(), "KUBECONFIG="+l.kubeconfig(t), "POD_NAMESPACE="+namespace), env...)
	o.process.Stdout, o.process.Stderr = log, log
	must(t, o.process.Start())
	go func() { o.ended <- o.process.Wait() }()
	taken := false
	eventually(t, "the operator to be ready", func() error {
		var err error
		taken, err = o.ready("http://" + probes + "/readyz")
		return err
	})
	if taken {
		return nil
	}
	return o
}

// ready fails until the operator says that it is ready. It returns true for one
// that has ended, since its ports were taken.
func (o *operator) ready(url string) (taken bool, err error) {
	select {
	case err := <-o.ended:
		text, _ := os.ReadFile(o.log)
		if bytes.Contains(text, []byte("address already in use")) {
			return true, nil
		}
		o.Fatalf("the operator has ended: %v\n%s", err, text)
	default:
	}
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return false, fmt.Errorf("it answers %s", answer.Status)
	}
	return false, nil
}

// stop asks the operator to end, and waits until it has.
func (o *operator) stop() {
	o.Helper()
	if o.process == nil {
		return
	}
	process := o.process
	o.process = nil
	must(o.T, process.Process.Signal(os.Interrupt))
	if err := <-o.ended; err != nil {
		text, _ := os.ReadFile(o.log)
		o.Errorf("the operator ended badly: %v\n%s", err, text)
	}
}

// kubeconfig writes one with the token of the chart's service account.
func (l *lab) kubeconfig(t *testing.T) string {
	t.Helper()
	config, err := l.cluster.ServiceAccountConfig(t.Context(), namespace, "medfence-operator")
	must(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {
			Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"operator": {Token: config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "operator"}},
		CurrentContext: "c",
	}, file))
	return file
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func runWith(cmd *exec.Cmd, stdin string) error {
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[1:], " "), err, &out)
	}
	return nil
}
