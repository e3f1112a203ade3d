package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Config returns an administrator's configuration, not throttled. Each call
// returns a new one, so that a caller may change it.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// UserConfig returns the configuration of a user with a client certificate.
// The user may do what RBAC grants it and its groups, impersonation included.
func (c *Cluster) UserConfig(ctx context.Context, user string, groups ...string) (*rest.Config, error) {
	args := append([]string{"user", "--dir", c.Dir, "--", user}, groups...)
	kubeconfig, err := exec.CommandContext(ctx, c.launcher, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("making a certificate for %s: %w: %s", user, err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", user, err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of %s: %w", user, err)
	}
	return unthrottled(config), nil
}

// ServiceAccountConfig returns the configuration of a service account that
// exists, with a token as a pod would have it.
func (c *Cluster) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	request, err := client.CoreV1().ServiceAccounts(namespace).
		CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("asking for a token of %s/%s: %w", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = request.Status.Token
	return unthrottled(config), nil
}

// unthrottled lifts the client's own limit of five requests a second, which
// tests would wait for.
func unthrottled(config *rest.Config) *rest.Config {
	config.QPS, config.Burst = 1000, 2000
	return config
}
