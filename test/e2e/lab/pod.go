//go:build linux

package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/test/e2e/netns"
)

// A Pod is a Pod object, and the namespace that stands for its containers.
type Pod struct {
	Object    *corev1.Pod
	Node      *Node
	Space     *netns.Space
	Addresses []netip.Addr
}

// cniConfig is what a kubelet would read from /etc/cni/net.d.
const cniConfig = `{"cniVersion":"0.3.1","name":"cilium","type":"cilium-cni","log-file":"%s"}`

// cniAddress is what the plugin says of an address: "10.244.1.7/32".
type cniAddress struct{ Address string }

// RunPod makes a pod object on a node and does for it what a kubelet does: a
// namespace, a network by the CNI plugin, and the addresses in its status.
func (l *Lab) RunPod(ctx context.Context, n *Node, namespace, name string, labels map[string]string) (*Pod, error) {
	object := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			NodeName:   n.Name,
			Containers: []corev1.Container{{Name: "main", Image: "example.org/none"}},
		},
	}
	if err := l.until(ctx, "the API server takes pod "+namespace+"/"+name, func() error { // its account is made by a controller
		return l.Client.Create(ctx, object)
	}); err != nil {
		return nil, err
	}
	space, err := netns.New(ctx, "pod-"+namespace+"-"+name)
	if err != nil {
		return nil, err
	}
	p := &Pod{Object: object, Node: n, Space: space}
	l.mu.Lock()
	l.pods = append(l.pods, p)
	l.mu.Unlock()
	out, err := l.cni(ctx, p, "ADD")
	if err != nil {
		return nil, err
	}
	var result struct{ IPs []cniAddress }
	if err := json.Unmarshal(out, &result); err != nil {
		return nil, fmt.Errorf("reading what the CNI plugin says: %w\n%s", err, out)
	}
	// IPv4 first, as most clusters have it.
	slices.SortFunc(result.IPs, func(a, b cniAddress) int {
		return cmp.Compare(strings.Count(a.Address, ":"), strings.Count(b.Address, ":"))
	})
	patch := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, HostIP: n.Addresses[0].String()}}
	for _, ip := range result.IPs {
		prefix, err := netip.ParsePrefix(ip.Address)
		if err != nil {
			return nil, fmt.Errorf("reading what the CNI plugin says: %w", err)
		}
		p.Addresses = append(p.Addresses, prefix.Addr())
		patch.Status.PodIPs = append(patch.Status.PodIPs, corev1.PodIP{IP: prefix.Addr().String()})
	}
	patch.Status.PodIP = patch.Status.PodIPs[0].IP
	body, err := json.Marshal(map[string]any{"status": patch.Status})
	if err != nil {
		return nil, fmt.Errorf("writing a status: %w", err)
	}
	if err := l.Client.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, body)); err != nil {
		return nil, fmt.Errorf("writing the addresses of %s/%s: %w", namespace, name, err)
	}
	return p, nil
}

// StopPod takes a pod down, object, network and all.
func (l *Lab) StopPod(ctx context.Context, p *Pod) error {
	if _, err := l.cni(ctx, p, "DEL"); err != nil {
		return err
	}
	if err := l.Client.Delete(ctx, p.Object, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting a pod: %w", err)
	}
	l.mu.Lock()
	for i, other := range l.pods {
		if other == p {
			l.pods = append(l.pods[:i], l.pods[i+1:]...)
			break
		}
	}
	l.mu.Unlock()
	return p.Space.Delete(ctx)
}

// cni runs the plugin where a kubelet would: in the node, beside its agent.
func (l *Lab) cni(ctx context.Context, p *Pod, command string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "nsenter", "--net="+p.Node.Space.Path(),
		fmt.Sprintf("--mount=/proc/%d/ns/mnt", p.Node.agent.cmd.Process.Pid), filepath.Join(l.Cilium, "cilium-cni"))
	cmd.Stdin = strings.NewReader(fmt.Sprintf(cniConfig, filepath.Join(p.Node.agent.dir, "cni.log")))
	cmd.Env = append(l.environment(), "CNI_COMMAND="+command, "CNI_CONTAINERID="+string(p.Object.UID), "CNI_IFNAME=eth0",
		"CNI_NETNS="+p.Space.Path(), "CNI_PATH="+l.Cilium,
		fmt.Sprintf("CNI_ARGS=K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_UID=%s", p.Object.Namespace, p.Object.Name, p.Object.UID))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the CNI plugin, %s of %s/%s: %w\n%s%s", command, p.Object.Namespace, p.Object.Name, err, &stdout, &stderr)
	}
	return stdout.Bytes(), nil
}
