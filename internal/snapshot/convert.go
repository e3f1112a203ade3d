package snapshot

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
)

// AnnotationNetworks names a pod's secondary interfaces (Kubernetes Network
// Custom Resource Definition De-facto Standard, section 4.1.1).
const AnnotationNetworks = "k8s.v1.cni.cncf.io/networks"

// FromZone returns what the compiler reads of a DeviceZone.
func FromZone(z *medfencev1alpha1.DeviceZone) Zone {
	return Zone{
		Name: z.Name, UID: string(z.UID), Generation: z.Generation, Created: z.CreationTimestamp.Time,
		Deleting: !z.DeletionTimestamp.IsZero(), Labels: z.Labels, Spec: z.Spec,
		Accepted: z.Status.Accepted, Closed: z.Status.Namespaces,
	}
}

// FromDevice returns what the compiler reads of a MedicalDevice.
func FromDevice(d *medfencev1alpha1.MedicalDevice) Device {
	return Device{
		Namespace: d.Namespace, Name: d.Name, UID: string(d.UID), Generation: d.Generation, Created: d.CreationTimestamp.Time,
		Deleting: !d.DeletionTimestamp.IsZero(), Labels: d.Labels, Spec: d.Spec, Accepted: d.Status.Accepted,
	}
}

// FromConduit returns what the compiler reads of a Conduit.
func FromConduit(c *medfencev1alpha1.Conduit) Conduit {
	return Conduit{
		Name: c.Name, UID: string(c.UID), Generation: c.Generation, Created: c.CreationTimestamp.Time,
		Deleting: !c.DeletionTimestamp.IsZero(), Labels: c.Labels, Spec: c.Spec, Accepted: c.Status.Accepted, Ended: c.Status.Ended,
	}
}

// FromNamespace returns what the compiler reads of a Namespace.
func FromNamespace(n metav1.Object) Namespace {
	return Namespace{Name: n.GetName(), Labels: n.GetLabels(), Terminating: n.GetDeletionTimestamp() != nil}
}

// Ended reports whether a pod has ended: it sends and receives nothing more.
func Ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// FromPod returns what the compiler reads of a Pod.
func FromPod(p *corev1.Pod) Pod {
	out := Pod{
		Namespace: p.Namespace, Name: p.Name, Labels: p.Labels, HostNetwork: p.Spec.HostNetwork,
		Networks: p.Annotations[AnnotationNetworks],
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		for _, port := range c.Ports {
			if port.Name == "" {
				continue
			}
			if out.Ports == nil {
				out.Ports = map[string]int32{}
			}
			out.Ports[port.Name] = port.ContainerPort
		}
	}
	return out
}

// FromService returns what the compiler reads of a Service.
func FromService(s *corev1.Service) Service {
	out := Service{Namespace: s.Namespace, Name: s.Name, Selector: maps.Clone(s.Spec.Selector)}
	outward := s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer || len(s.Spec.ExternalIPs) > 0
	out.HidesSource = outward && s.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal
	for _, p := range s.Spec.Ports {
		port := ServicePort{Protocol: flow.Protocol(p.Protocol), Port: p.Port, TargetPort: p.TargetPort.IntVal}
		if p.Protocol == "" {
			port.Protocol = flow.TCP
		}
		switch {
		case p.TargetPort.Type == intstr.String:
			port.TargetPort, port.TargetName = 0, p.TargetPort.StrVal
		case p.TargetPort.IntVal == 0:
			port.TargetPort = p.Port
		}
		out.Ports = append(out.Ports, port)
	}
	return out
}

// FromNode returns a node's own addresses and the pod ranges assigned to it.
func FromNode(n *corev1.Node) (addresses, pods []netip.Prefix) {
	for _, text := range append([]string{n.Spec.PodCIDR}, n.Spec.PodCIDRs...) {
		if p, err := netip.ParsePrefix(text); err == nil {
			pods = append(pods, p.Masked())
		}
	}
	for _, a := range n.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil && ip.Zone() == "" {
			addresses = append(addresses, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		}
	}
	return addresses, pods
}
