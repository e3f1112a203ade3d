package gather

import (
	"net/netip"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A meeting finds zones by the prefixes that they share.
type meeting struct {
	zones    []*medfencev1alpha1.DeviceZone
	prefixes [][]netip.Prefix
}

func newMeeting(zones []*medfencev1alpha1.DeviceZone) meeting {
	m := meeting{zones: zones}
	for _, z := range zones {
		m.prefixes = append(m.prefixes, zonePrefixes(z))
	}
	return m
}

// with returns the other zones that have an address in common with a zone.
func (m meeting) with(zone *medfencev1alpha1.DeviceZone) []*medfencev1alpha1.DeviceZone {
	own := zonePrefixes(zone)
	var out []*medfencev1alpha1.DeviceZone
	for i, other := range m.zones {
		if other.Name != zone.Name && prefixesMeet(own, m.prefixes[i]) {
			out = append(out, other)
		}
	}
	return out
}

// prefixesMeet reports whether two lists have an address in common.
func prefixesMeet(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(a, func(p netip.Prefix) bool {
		return slices.ContainsFunc(b, p.Overlaps)
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

// ZonesMeet reports whether two zones have an address in common.
func ZonesMeet(a, b *medfencev1alpha1.DeviceZone) bool {
	return prefixesMeet(zonePrefixes(a), zonePrefixes(b))
}
