package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// release and namespace are those of docs/install.md.
const (
	release   = "medfence"
	namespace = "medfence-system"
)

// install brings what a cluster with Cilium has, and Medfence: with Helm the
// whole chart, otherwise the CRDs and the operator's rights.
func install(ctx context.Context, s *stage) error {
	crds, err := ciliumCRDs(ctx)
	if err != nil {
		return err
	}
	steps := [][]string{
		{"apply", "--server-side", "-f", crds},
		{"create", "namespace", namespace},
		{"label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"},
		{"apply", "--server-side", "-f", "hack/demo/cluster.yaml"},
	}
	if s.helm == "" {
		steps = append(steps, []string{"apply", "--server-side", "-k", "config/crd"}, []string{"apply", "--server-side", "-k", "config/rbac"})
	}
	for _, args := range steps {
		if err := s.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	if s.helm != "" {
		if err := s.installChart(ctx); err != nil {
			return err
		}
	}
	if err := s.kubectl(ctx, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"); err != nil {
		return err
	}
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	s.say("The operator runs as the service account %s/medfence-operator.", namespace)
	return nil
}

// installChart installs charts/medfence, and shows what Helm says. The pods stay
// Pending, for want of nodes; their operator runs beside the cluster.
func (s *stage) installChart(ctx context.Context) error {
	args := []string{"install", release, "charts/medfence", "--namespace", namespace}
	s.say("$ helm %s", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, s.helm, append(args, "--kubeconfig", s.cluster.Kubeconfig)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("installing the chart: %w\n%s", err, out)
	}
	s.say("%s\n", indent(string(out)))
	if _, err := s.firstPod(ctx, namespace, "app.kubernetes.io/component=operator"); err != nil {
		return err
	}
	return s.show(ctx, "get", "deployments,pods", "-n", namespace)
}

// ciliumCRDs returns the folder of Cilium's own CRDs in its Go module.
func ciliumCRDs(ctx context.Context) (string, error) {
	dir, err := moduleDir(ctx, "github.com/cilium/cilium")
	return filepath.Join(dir, "pkg/k8s/apis/cilium.io/client/crds/v2"), err
}
