package gather

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/snapshot"
)

// cluster reads the cluster's own network: what no zone may hold, and what its
// policies can enforce.
func (g *Gatherer) cluster(ctx context.Context, out *snapshot.Snapshot) error {
	out.Cluster.Protected = distinct(slices.Clone(g.Settings.Protected))
	config, err := g.ciliumConfig(ctx)
	if err != nil {
		return err
	}
	if err := g.target(config, out); err != nil {
		return err
	}
	if err := g.voids(ctx, config, out); err != nil {
		return err
	}
	if err := g.crowd(ctx, config, out); err != nil {
		return err
	}
	if err := g.ranges(ctx, config, out); err != nil {
		return err
	}
	out.Cluster.DNS, err = g.dns(ctx)
	if len(out.Cluster.DNS.Selector) == 0 && len(out.Cluster.DNS.NodeLocal) == 0 {
		out.Cluster.Notes = append(out.Cluster.Notes, snapshot.Note{
			Reason: medfencev1alpha1.ReasonDNSUnknown,
			Message: fmt.Sprintf("the Service %s of the cluster's DNS does not exist, so no pod of an enforced zone resolves names; name the right one to the operator with --dns-service",
				g.Settings.DNSService),
		})
	}
	return err
}

// ranges collects the pod, service and node ranges.
func (g *Gatherer) ranges(ctx context.Context, config map[string]string, out *snapshot.Snapshot) error {
	pods, err := configPrefixes(config)
	if err != nil {
		return g.unreadable(err)
	}
	pods = slices.Concat(pods, g.Settings.ClusterCIDRs)
	addresses, fromNodes, err := g.nodes(ctx)
	if err != nil {
		return err
	}
	pods = append(pods, fromNodes...)
	services, err := g.serviceRanges(ctx)
	if err != nil {
		return err
	}
	out.Cluster.RangesUnknown = len(pods) == 0
	out.Cluster.Ranges = flow.MergePrefixes(slices.Concat(pods, addresses, services))
	return nil
}

// nodes returns the addresses of the nodes and the pod ranges assigned to them.
func (g *Gatherer) nodes(ctx context.Context) (addresses, pods []netip.Prefix, err error) {
	var list corev1.NodeList
	if err := g.Reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("listing nodes: %w", err)
	}
	for i := range list.Items {
		own, assigned := snapshot.FromNode(&list.Items[i])
		addresses, pods = append(addresses, own...), append(pods, assigned...)
	}
	return addresses, pods, nil
}

// SameNode reports whether two versions of a node are equal to the gatherer.
func SameNode(a, b *corev1.Node) bool {
	return a.Spec.PodCIDR == b.Spec.PodCIDR && slices.Equal(a.Spec.PodCIDRs, b.Spec.PodCIDRs) &&
		slices.Equal(a.Status.Addresses, b.Status.Addresses)
}

func (g *Gatherer) serviceRanges(ctx context.Context) ([]netip.Prefix, error) {
	if !g.Settings.ServiceCIDRs {
		return nil, nil
	}
	var list networkingv1.ServiceCIDRList
	if err := g.Reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing service ranges: %w", err)
	}
	var out []netip.Prefix
	for i := range list.Items {
		for _, text := range list.Items[i].Spec.CIDRs {
			if p, err := netip.ParsePrefix(text); err == nil {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// dnsPort is where resolvers ask, in every resolv.conf (RFC 1035, section 4.2).
const dnsPort = 53

// dns resolves the cluster's DNS Service to its pods and their ports.
func (g *Gatherer) dns(ctx context.Context) (snapshot.DNS, error) {
	out := snapshot.DNS{
		Namespace: g.Settings.DNSService.Namespace,
		NodeLocal: g.Settings.NodeLocalDNS,
		Domain:    g.Settings.ClusterDomain,
	}
	service := &corev1.Service{}
	err := g.Reader.Get(ctx, g.Settings.DNSService, service, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("getting the DNS service: %w", err)
	}
	out.Selector = service.Spec.Selector
	for _, port := range snapshot.FromService(service).Ports {
		if port.Port != dnsPort {
			continue // kube-dns serves its metrics beside it
		}
		numbers, err := g.targetPorts(ctx, service, port)
		if err != nil {
			return out, err
		}
		for _, n := range numbers {
			out.Ports = append(out.Ports, snapshot.DNSPort{Protocol: port.Protocol, Port: uint16(n)})
		}
	}
	out.Ports = dnsPorts(out.Ports)
	return out, nil
}

// dnsPorts sorts ports and drops repetitions.
func dnsPorts(ports []snapshot.DNSPort) []snapshot.DNSPort {
	slices.SortFunc(ports, func(a, b snapshot.DNSPort) int {
		if a.Protocol != b.Protocol {
			return strings.Compare(string(a.Protocol), string(b.Protocol))
		}
		return int(a.Port) - int(b.Port)
	})
	return slices.Compact(ports)
}

// targetPorts resolves a port of a service to the ports of its pods. A named
// one can differ from pod to pod.
func (g *Gatherer) targetPorts(ctx context.Context, s *corev1.Service, p snapshot.ServicePort) ([]int32, error) {
	if p.TargetName == "" {
		return []int32{p.TargetPort}, nil
	}
	pods, err := g.podsOf(ctx, s.Namespace)
	if err != nil {
		return nil, err
	}
	var out []int32
	for i := range pods {
		pod := snapshot.FromPod(&pods[i])
		if snapshot.Ended(&pods[i]) || !selects(s.Spec.Selector, pod.Labels) {
			continue
		}
		if n, ok := pod.Ports[p.TargetName]; ok {
			out = append(out, n)
		}
	}
	return out, nil
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}
