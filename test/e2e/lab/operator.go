//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The operator's own namespace and account, as config/rbac has them.
const (
	operatorNamespace = "medfence-system"
	operatorAccount   = "medfence-operator"
)

// An operator is Medfence's, as a program with its own rights and no others, in
// a namespace of its own.
type operator struct {
	cmd  *exec.Cmd
	gone chan struct{}
}

// InstallOperator makes what `kubectl apply -k config/default` would, but for
// the Deployment and the admission policies: the rights of the operator. Without
// admission nothing but the guard stands against other people's policies.
func (l *Lab) InstallOperator(ctx context.Context) error {
	if err := l.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}}); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("making the operator's namespace: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(l.Repository, "config/rbac/*.yaml"))
	if err != nil {
		return fmt.Errorf("listing the operator's rights: %w", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		if err := l.Apply(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// StartOperator starts the operator for a target (cilium, netpol, auto). What it
// says is in DIR/operator.log.
func (l *Lab) StartOperator(ctx context.Context, target string) error {
	if l.operatorSpace == nil {
		space, err := l.fabric.attach(ctx, "operator", operatorAddress)
		if err != nil {
			return err
		}
		l.operatorSpace = space
	}
	kubeconfig, err := l.operatorKubeconfig(ctx)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(l.dir, "operator.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("making a log: %w", err)
	}
	defer func() { _ = log.Close() }()
	o := &operator{gone: make(chan struct{}), cmd: exec.Command(l.Operator, "--target="+target, "--namespace="+operatorNamespace,
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--log-format=text", "--v=1")}
	o.cmd.Env = append(l.environment(), "KUBECONFIG="+kubeconfig, "GOMEMLIMIT=500MiB")
	o.cmd.Stdout, o.cmd.Stderr = log, log
	if err := l.operatorSpace.Start(o.cmd); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	go func() {
		_ = o.cmd.Wait()
		close(o.gone)
	}()
	l.operator = o
	return nil
}

// OperatorRuns reports whether the operator has been started and not ended.
func (l *Lab) OperatorRuns() bool { return l.operator != nil }

// StopOperator stops the operator as a rollout does.
func (l *Lab) StopOperator() { l.endOperator(syscall.SIGTERM) }

// KillOperator ends it as a node's failure does.
func (l *Lab) KillOperator() { l.endOperator(syscall.SIGKILL) }

func (l *Lab) endOperator(signal syscall.Signal) {
	if l.operator != nil {
		l.operator.stop(signal)
		l.operator = nil
	}
}

func (o *operator) stop(signal syscall.Signal) {
	_ = o.cmd.Process.Signal(signal)
	select {
	case <-o.gone:
	case <-time.After(30 * time.Second):
		_ = o.cmd.Process.Kill()
		<-o.gone
	}
}

// operatorKubeconfig writes a kubeconfig with a token of the operator's account.
func (l *Lab) operatorKubeconfig(ctx context.Context) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: operatorAccount}}
	token := &authenticationv1.TokenRequest{}
	if err := l.Client.SubResource("token").Create(ctx, account, token); err != nil {
		return "", fmt.Errorf("asking for the operator's token: %w", err)
	}
	server, err := l.server()
	if err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["lab"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: l.config.CAFile, CertificateAuthorityData: l.config.CAData}
	config.AuthInfos["operator"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: "operator"}
	config.CurrentContext = "lab"
	path := filepath.Join(l.dir, "operator.kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return path, nil
}

// Isolate takes the API server off the network, and brings it back: for agents
// and operator it is down.
func (l *Lab) Isolate(ctx context.Context, down bool) error {
	state := "up"
	if down {
		state = "down"
	}
	lines := []string{"link set eth0 " + state}
	if !down { // the routes went with the link
		lines = append(lines, "route add "+gateway4.String()+"/32 dev eth0", "route add default via "+gateway4.String()+" dev eth0",
			neighbour(gateway4, 0, "eth0"))
	}
	return l.control.IP(ctx, lines...)
}
