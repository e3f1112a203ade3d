package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

// patience bounds every wait of the demo; what it waits for takes a second.
const patience = 60 * time.Second

// A stage is the cluster, the operator beside it, and a client that watches.
type stage struct {
	cluster  *controlplane.Cluster
	helm     string // path of a helm; empty is without
	client   client.Client
	dir      string
	operator *exec.Cmd
	began    time.Time
}

// openStage builds what is needed and starts the control plane.
func openStage(ctx context.Context, helm string) (*stage, error) {
	s := &stage{began: time.Now(), helm: helm}
	dir, err := os.MkdirTemp("", "medfence-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	s.dir = dir
	s.say("Building the operator ...")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary(), ".")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building the operator: %w", err)
	}
	s.say("Starting etcd, kube-apiserver and kube-controller-manager (built on first use, for some minutes) ...")
	s.cluster, err = controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(dir, "controlplane")})
	if err != nil {
		return nil, fmt.Errorf("starting the control plane: %w", err)
	}
	if s.client, err = newClient(s.cluster.Config()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// as returns a client of an administrator who takes another user's place.
func (s *stage) as(user string, groups ...string) (client.Client, error) {
	config := s.cluster.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return newClient(config)
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), medfencev1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return c, nil
}

func (s *stage) binary() string { return filepath.Join(s.dir, "medfence") }

// close ends the operator and the control plane and removes what they left.
func (s *stage) close() error {
	err := s.stopOperator()
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Stop())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// startOperator runs the operator as its own service account, with the rights
// that config/rbac, or the chart, gives it and no others.
func (s *stage) startOperator(ctx context.Context, flags ...string) error {
	config, err := s.cluster.ServiceAccountConfig(ctx, namespace, "medfence-operator")
	if err != nil {
		return fmt.Errorf("getting the operator's token: %w", err)
	}
	kubeconfig := filepath.Join(s.dir, "operator.kubeconfig")
	if err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"demo": {
			Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"operator": {Token: config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{"demo": {Cluster: "demo", AuthInfo: "operator"}},
		CurrentContext: "demo",
	}, kubeconfig); err != nil {
		return fmt.Errorf("writing the operator's kubeconfig: %w", err)
	}
	log, err := os.OpenFile(s.operatorLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the operator's log: %w", err)
	}
	defer log.Close()
	flags = append(flags, "--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=127.0.0.1:0")
	s.operator = exec.Command(s.binary(), flags...)
	s.operator.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "POD_NAMESPACE="+namespace)
	s.operator.Stdout, s.operator.Stderr = log, log
	if err := s.operator.Start(); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	return nil
}

func (s *stage) operatorLog() string { return filepath.Join(s.dir, "operator.log") }

// stopOperator asks the operator to end and waits until it has.
func (s *stage) stopOperator() error {
	if s.operator == nil {
		return nil
	}
	operator := s.operator
	s.operator = nil
	if err := operator.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	if err := operator.Wait(); err != nil {
		log, _ := os.ReadFile(s.operatorLog())
		return fmt.Errorf("the operator ended badly: %w\n%s", err, tail(log, 20))
	}
	return nil
}

func tail(text []byte, lines int) string {
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(len(all)-lines, 0):], "\n")
}

// kubectl runs kubectl quietly.
func (s *stage) kubectl(ctx context.Context, args ...string) error {
	_, err := s.kubectlIn(ctx, "", args...)
	return err
}

func (s *stage) kubectlIn(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := s.cluster.Kubectl(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// show runs kubectl as a user would and prints the command and its output.
func (s *stage) show(ctx context.Context, args ...string) error {
	out, err := s.kubectlIn(ctx, "", args...)
	if err != nil {
		return err
	}
	s.say("$ kubectl %s", strings.Join(args, " "))
	s.say("%s", indent(out))
	return nil
}

// apply applies a manifest that the demo brings along, and prints it.
func (s *stage) apply(ctx context.Context, manifest string) error {
	s.say("$ kubectl apply -f - <<EOF\n%s\nEOF", strings.TrimSpace(manifest))
	_, err := s.kubectlIn(ctx, manifest, "apply", "-f", "-")
	return err
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}

// until waits for something and returns how long it took.
func (s *stage) until(ctx context.Context, what string, done func() (bool, error)) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := done()
		if err != nil {
			return 0, fmt.Errorf("waiting until %s: %w", what, err)
		}
		if ok {
			return time.Since(start), nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(s.operatorLog())
			return 0, fmt.Errorf("waiting until %s: %w; the operator's log ends with:\n%s", what, context.Cause(ctx), tail(log, 20))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *stage) say(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
}
