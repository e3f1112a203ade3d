package gather

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Zones are found by their addresses level by level: of 8 bits each in IPv4 and of
// 16 in IPv6. A prefix stands at the level of its length, rounded down, and below
// all shorter ones. So who has an address in common with a prefix stands at a level
// above it or at its own, or somewhere below it, and a handful of lookups find all
// of them, and few others.
const (
	keyAt    = "at "
	keyBelow = "below "
)

// levelStep returns how many bits a level has.
func levelStep(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 8
	}
	return 16
}

// levels returns the prefixes of the levels above a prefix, its own first.
func levels(p netip.Prefix) []netip.Prefix {
	step := levelStep(p)
	var out []netip.Prefix
	for bits := p.Bits() - p.Bits()%step; bits >= 0; bits -= step {
		out = append(out, netip.PrefixFrom(p.Addr(), bits).Masked())
	}
	return out
}

// prefixKeys returns the values under which a prefix is found.
func prefixKeys(p netip.Prefix) []string {
	var out []string
	for i, level := range levels(p) {
		key := keyBelow
		if i == 0 {
			key = keyAt
		}
		out = append(out, key+level.String())
	}
	return out
}

// prefixLookups returns the values under which all are found that have an address
// in common with a prefix; some others are as well.
func prefixLookups(p netip.Prefix) []string {
	var out []string
	for i, level := range levels(p) {
		if i == 0 {
			out = append(out, keyBelow+level.String())
		}
		out = append(out, keyAt+level.String())
	}
	return out
}

// zoneAddresses returns the values of a zone in the index of addresses.
func zoneAddresses(z *medfencev1alpha1.DeviceZone) []string {
	var keys []string
	for _, p := range zonePrefixes(z) {
		keys = append(keys, prefixKeys(p)...)
	}
	return distinct(keys)
}

// ZonesMeeting returns the zones that have an address in common with a zone, itself
// among them if it is in the cache. They belong to the cache.
func ZonesMeeting(ctx context.Context, reader client.Reader, zone *medfencev1alpha1.DeviceZone) ([]*medfencev1alpha1.DeviceZone, error) {
	return zonesOver(ctx, reader, zonePrefixes(zone))
}

// zonesOver returns the zones that have an address in common with prefixes, each
// once.
func zonesOver(ctx context.Context, reader client.Reader, prefixes []netip.Prefix) ([]*medfencev1alpha1.DeviceZone, error) {
	var lookups []string
	for _, p := range prefixes {
		lookups = append(lookups, prefixLookups(p)...)
	}
	var out []*medfencev1alpha1.DeviceZone
	seen := nameSet{}
	for _, value := range distinct(lookups) {
		found, err := zonesBy(ctx, reader, indexZonePrefix, value)
		if err != nil {
			return nil, err
		}
		for _, zone := range found {
			if !seen[zone.Name] && prefixesMeet(prefixes, zonePrefixes(zone)) {
				out = append(out, zone)
			}
			seen.add(zone.Name)
		}
	}
	return out, nil
}

// zonesBy returns the zones that an index has under a value.
func zonesBy(ctx context.Context, reader client.Reader, index, value string) ([]*medfencev1alpha1.DeviceZone, error) {
	var list medfencev1alpha1.DeviceZoneList
	if err := reader.List(ctx, &list, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the zones of %s %q: %w", index, value, err)
	}
	out := make([]*medfencev1alpha1.DeviceZone, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
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
