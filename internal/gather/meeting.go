package gather

import (
	"context"
	"net/netip"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
)

// meeting returns the zones that have an address or a namespace in common with a
// zone, which need not exist, or an address of its devices.
func (s *scope) meeting(ctx context.Context, name string, devices []medfencev1alpha1.MedicalDevice) ([]string, error) {
	zone, err := s.zone(ctx, name)
	if err != nil {
		return nil, err
	}
	var own []netip.Prefix
	var out []string
	if zone != nil {
		own = zonePrefixes(zone)
		if out, err = s.sharing(ctx, zone); err != nil {
			return nil, err
		}
	}
	over, err := zonesOver(ctx, s.reader, flow.MergePrefixes(slices.Concat(own, addressesOf(devices))))
	for _, other := range over {
		out = append(out, s.know(other).Name)
	}
	return out, err
}

// sharing returns the zones that have a namespace in common with a zone.
func (s *scope) sharing(ctx context.Context, zone *medfencev1alpha1.DeviceZone) ([]string, error) {
	namespaces, err := s.namespacesOf(ctx, zone)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range namespaces {
		holders, err := s.holdersOf(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, holders...)
	}
	return out, nil
}

// holdersOf returns the zones to which a namespace may belong: the reverse of
// namespacesOf.
func (s *scope) holdersOf(ctx context.Context, namespace string) ([]string, error) {
	if names, known := s.holders[namespace]; known {
		return names, nil
	}
	found, err := zonesBy(ctx, s.reader, IndexZoneNamespace, namespace)
	if err != nil {
		return nil, err
	}
	for _, more := range []func(context.Context, string) ([]*medfencev1alpha1.DeviceZone, error){s.closing, s.selecting} {
		zones, err := more(ctx, namespace)
		if err != nil {
			return nil, err
		}
		found = append(found, zones...)
	}
	names := make([]string, 0, len(found))
	for _, zone := range found {
		names = append(names, s.know(zone).Name)
	}
	s.holders[namespace] = distinct(names)
	return s.holders[namespace], nil
}

// selecting returns the zones that select a namespace by its labels.
func (s *scope) selecting(ctx context.Context, namespace string) ([]*medfencev1alpha1.DeviceZone, error) {
	return ZonesSelecting(ctx, s.reader, namespace)
}

// ZonesSelecting returns the zones that select a namespace by its labels, now or by
// what was accepted last; none if the namespace is gone. They belong to the cache.
func ZonesSelecting(ctx context.Context, reader client.Reader, namespace string) ([]*medfencev1alpha1.DeviceZone, error) {
	zones, err := zonesBy(ctx, reader, IndexZoneTrait, TraitSelector)
	if err != nil || len(zones) == 0 {
		return nil, err
	}
	have := NewNamespace()
	err = reader.Get(ctx, client.ObjectKey{Name: namespace}, have, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return slices.DeleteFunc(zones, func(z *medfencev1alpha1.DeviceZone) bool { return !wants(z, have.Labels) }), err
}

// wants reports whether a zone selects namespaces with such labels.
func wants(zone *medfencev1alpha1.DeviceZone, have map[string]string) bool {
	return slices.ContainsFunc(zoneSpecs(zone), func(spec *medfencev1alpha1.DeviceZoneSpec) bool {
		if spec.Members.NamespaceSelector == nil {
			return false
		}
		selector, err := metav1.LabelSelectorAsSelector(spec.Members.NamespaceSelector)
		return err == nil && selector.Matches(labels.Set(have)) // an error is a problem of the zone, which the compiler reports
	})
}

// addressesOf returns the addresses that devices may have.
func addressesOf(devices []medfencev1alpha1.MedicalDevice) []netip.Prefix {
	var out []netip.Prefix
	for i := range devices {
		out = append(out, deviceAddresses(&devices[i])...)
	}
	return out
}

// deviceAddresses returns the addresses that a device may have, as prefixes.
func deviceAddresses(d *medfencev1alpha1.MedicalDevice) []netip.Prefix {
	texts := d.Spec.Addresses
	if d.Status.Accepted != nil {
		texts = slices.Concat(texts, d.Status.Accepted.Spec.Addresses)
	}
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		} else if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}
