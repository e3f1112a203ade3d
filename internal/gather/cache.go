package gather

import (
	"maps"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/snapshot"
)

// notEnded leaves pods out of the cache that have ended.
var notEnded = fields.AndSelectors(
	fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
	fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
)

// NewNamespace returns an empty namespace of which only the metadata is read.
func NewNamespace() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	return o
}

// CacheByObject says what the cache keeps of each kind: no more than the
// gatherer reads. Pods and Services are many.
func CacheByObject(settings Settings) map[client.Object]cache.ByObject {
	byObject := map[client.Object]cache.ByObject{
		&corev1.Pod{}:     {Transform: stripPod, Field: notEnded},
		&corev1.Service{}: {Transform: stripService},
		&corev1.Node{}:    {Transform: stripNode},
		NewNamespace():    {Transform: stripNamespace},
		&corev1.ConfigMap{}: {
			Namespaces: map[string]cache.Config{settings.CiliumConfig.Namespace: {
				FieldSelector: fields.OneTermEqualSelector("metadata.name", settings.CiliumConfig.Name),
			}},
		},
	}
	if settings.Identities {
		byObject[NewIdentity()] = cache.ByObject{Transform: stripIdentity}
	}
	if settings.NodeConfigs {
		byObject[&ciliumv2.CiliumNodeConfig{}] = cache.ByObject{
			Namespaces: map[string]cache.Config{settings.CiliumConfig.Namespace: {}},
		}
	}
	return byObject
}

// stripMeta keeps what identifies an object and selects it.
func stripMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:         m.Namespace,
		Name:              m.Name,
		UID:               m.UID,
		ResourceVersion:   m.ResourceVersion,
		DeletionTimestamp: m.DeletionTimestamp,
		Labels:            m.Labels,
	}
}

func stripPod(in any) (any, error) {
	pod, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	out := &corev1.Pod{ObjectMeta: stripMeta(pod.ObjectMeta)}
	if networks := pod.Annotations[snapshot.AnnotationNetworks]; networks != "" {
		out.Annotations = map[string]string{snapshot.AnnotationNetworks: networks}
	}
	out.Spec.HostNetwork = pod.Spec.HostNetwork
	out.Status.Phase = pod.Status.Phase
	var ports []corev1.ContainerPort
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, c := range containers {
			for _, p := range c.Ports {
				if p.Name != "" {
					ports = append(ports, corev1.ContainerPort{Name: p.Name, ContainerPort: p.ContainerPort})
				}
			}
		}
	}
	if len(ports) > 0 {
		out.Spec.Containers = []corev1.Container{{Ports: ports}}
	}
	return out, nil
}

func stripService(in any) (any, error) {
	service, ok := in.(*corev1.Service)
	if !ok {
		return in, nil
	}
	out := &corev1.Service{ObjectMeta: stripMeta(service.ObjectMeta)}
	out.Labels = nil
	out.Spec.Selector = service.Spec.Selector
	out.Spec.Ports = service.Spec.Ports
	out.Spec.Type = service.Spec.Type
	out.Spec.ExternalIPs = service.Spec.ExternalIPs
	out.Spec.ExternalTrafficPolicy = service.Spec.ExternalTrafficPolicy
	return out, nil
}

func stripNode(in any) (any, error) {
	node, ok := in.(*corev1.Node)
	if !ok {
		return in, nil
	}
	out := &corev1.Node{ObjectMeta: stripMeta(node.ObjectMeta)}
	out.Labels = nil
	out.Spec.PodCIDR, out.Spec.PodCIDRs = node.Spec.PodCIDR, node.Spec.PodCIDRs
	out.Status.Addresses = node.Status.Addresses
	return out, nil
}

func stripNamespace(in any) (any, error) {
	namespace, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil
	}
	return &metav1.PartialObjectMetadata{
		TypeMeta:   namespace.TypeMeta,
		ObjectMeta: stripMeta(namespace.ObjectMeta),
	}, nil
}

// SamePod reports whether two versions of a pod are equal to the gatherer.
func SamePod(a, b *corev1.Pod) bool {
	if snapshot.Ended(a) != snapshot.Ended(b) {
		return false
	}
	x, y := snapshot.FromPod(a), snapshot.FromPod(b)
	return x.HostNetwork == y.HostNetwork && x.Networks == y.Networks &&
		maps.Equal(x.Labels, y.Labels) && maps.Equal(x.Ports, y.Ports)
}
