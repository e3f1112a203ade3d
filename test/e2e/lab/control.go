//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/medfence/medfence/test/controlplane"
	"github.com/medfence/medfence/test/e2e/netns"
)

// controlAddress is where the API server answers. Operator is beside it.
var (
	controlAddress  = netip.MustParseAddr("192.0.2.1")
	operatorAddress = netip.MustParseAddr("192.0.2.2")
)

// startControlPlane starts the embedded one in a namespace of its own.
func (l *Lab) startControlPlane(ctx context.Context) (err error) {
	if l.control, err = l.fabric.attach(ctx, "control", controlAddress); err != nil {
		return err
	}
	err = l.control.Do(func() (err error) { // the programs stay where they are started
		l.cluster, err = controlplane.Start(ctx, controlplane.Options{Address: controlAddress.String(), Log: l.Log})
		return err
	})
	if err != nil {
		return fmt.Errorf("starting the control plane: %w", err)
	}
	l.config = l.cluster.Config()
	l.config.Dial = dialIn(l.control)
	if l.Client, err = client.NewWithWatch(l.config, client.Options{}); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := l.writeKubeconfig(); err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(l.config, envtest.CRDInstallOptions{
		Paths: []string{
			filepath.Join(l.Repository, "config/crd/bases"),
			filepath.Join(l.Cilium, "crds/v2"), filepath.Join(l.Cilium, "crds/v2alpha1"),
		},
		ErrorIfPathMissing: true,
	})
	if err != nil {
		return fmt.Errorf("installing the CRDs: %w", err)
	}
	l.say("the control plane is ready")
	return nil
}

// dialIn dials from inside a namespace. The addresses are literal: nothing is
// looked up.
func dialIn(space *netns.Space) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = space.Do(func() (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
}

func (l *Lab) agentKubeconfig() string { return filepath.Join(l.dir, "agent.kubeconfig") }

// server is the API server's address for everybody in the lab.
func (l *Lab) server() (string, error) {
	here, err := url.Parse(l.cluster.Server)
	if err != nil {
		return "", fmt.Errorf("reading the address of the API server: %w", err)
	}
	return "https://" + net.JoinHostPort(controlAddress.String(), here.Port()), nil
}

// writeKubeconfig writes the administrator's for those outside of the control
// plane's namespace.
func (l *Lab) writeKubeconfig() error {
	content, err := os.ReadFile(l.cluster.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	server, err := l.server()
	if err != nil {
		return err
	}
	out := strings.ReplaceAll(string(content), l.cluster.Server, server)
	if err := os.WriteFile(l.agentKubeconfig(), []byte(out), 0o600); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}

// registerNode writes the Node object that a kubelet would write.
func (l *Lab) registerNode(ctx context.Context, n *Node) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: n.Name, Labels: map[string]string{"kubernetes.io/hostname": n.Name, "kubernetes.io/os": "linux"},
	}}
	for _, p := range n.PodRanges {
		node.Spec.PodCIDRs = append(node.Spec.PodCIDRs, p.String())
	}
	node.Spec.PodCIDR = node.Spec.PodCIDRs[0]
	if err := l.Client.Create(ctx, node); err != nil {
		return fmt.Errorf("registering %s: %w", n.Name, err)
	}
	var addresses []corev1.NodeAddress
	for _, a := range n.Addresses {
		addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.String()})
	}
	// A strategic merge keeps one address of each type: two are of one type here.
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"addresses": addresses, "conditions": []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
	}})
	if err != nil {
		return fmt.Errorf("writing a status: %w", err)
	}
	if err := l.Client.Status().Patch(ctx, node, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("writing the addresses of %s: %w", n.Name, err)
	}
	// A cluster's nodes are not tainted for long.
	if err := l.Client.Patch(ctx, node, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"taints":null}}`))); err != nil {
		return fmt.Errorf("untainting %s: %w", n.Name, err)
	}
	return nil
}

// Config is an administrator's configuration for this process.
func (l *Lab) Config() *rest.Config { return rest.CopyConfig(l.config) }
