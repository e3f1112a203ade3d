package gather

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// meetings find the zones that have something in common.
type meetings struct {
	prefixes   map[string][]netip.Prefix
	namespaces map[string][]string // by zone
	holders    map[string][]string // by namespace
}

func (s *scope) newMeetings(ctx context.Context) (*meetings, error) {
	m := &meetings{prefixes: map[string][]netip.Prefix{}, namespaces: map[string][]string{}, holders: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(s.zones)) {
		zone := s.zones[name]
		m.prefixes[name] = zonePrefixes(zone)
		namespaces, err := s.namespacesOf(ctx, zone)
		if err != nil {
			return nil, err
		}
		m.namespaces[name] = namespaces
		for _, n := range namespaces {
			m.holders[n] = append(m.holders[n], name)
		}
	}
	return m, nil
}

// with returns the zones that have an address or a namespace in common with one.
func (m *meetings) with(zone string) []string {
	out := m.over(m.prefixes[zone])
	for _, n := range m.namespaces[zone] {
		out = append(out, m.holders[n]...)
	}
	return out
}

// around returns the zones that have an address of a device.
func (m *meetings) around(devices []medfencev1alpha1.MedicalDevice) []string {
	var addresses []netip.Prefix
	for i := range devices {
		addresses = append(addresses, deviceAddresses(&devices[i])...)
	}
	return m.over(addresses)
}

// over returns the zones that have an address in common with prefixes.
func (m *meetings) over(prefixes []netip.Prefix) []string {
	var out []string
	if len(prefixes) == 0 {
		return nil
	}
	for zone, own := range m.prefixes {
		if prefixesMeet(prefixes, own) {
			out = append(out, zone)
		}
	}
	return out
}

// prefixesMeet reports whether two lists have an address in common.
func prefixesMeet(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(b, func(p netip.Prefix) bool {
		return slices.ContainsFunc(a, p.Overlaps)
	})
}

// zonePrefixes returns the prefixes that a zone may have.
func zonePrefixes(z *medfencev1alpha1.DeviceZone) []netip.Prefix {
	var out []netip.Prefix
	for _, spec := range zoneSpecs(z) {
		for _, text := range spec.Members.CIDRs {
			if p, err := netip.ParsePrefix(text); err == nil {
				out = append(out, p)
			}
		}
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

// ZonesMeet reports whether two zones have an address in common.
func ZonesMeet(a, b *medfencev1alpha1.DeviceZone) bool {
	return prefixesMeet(zonePrefixes(a), zonePrefixes(b))
}
