package gather

import (
	"context"
	"fmt"
	"net/netip"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// findHeirs finds the zones to which addresses go that the zone's groups still
// hold. They may leave only when a group of the heir has them, and its name
// depends on the heir's conduits; no conduit need join the two, and no device
// that moves, since its status may tell of it no longer.
func (s *scope) findHeirs(ctx context.Context, name string) error {
	s.heirs = nameSet{}
	if !s.grouped {
		return nil
	}
	groups := &unstructured.UnstructuredList{}
	groups.SetGroupVersionKind(ciliumVersion.WithKind("CiliumCIDRGroupList"))
	ours := client.MatchingLabels{medfencev1alpha1.LabelManagedBy: medfencev1alpha1.ManagedBy, medfencev1alpha1.LabelZone: name}
	if err := s.reader.List(ctx, groups, ours, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the CiliumCIDRGroups of zone %s: %w", name, err)
	}
	var held []netip.Prefix
	for i := range groups.Items {
		texts, _, _ := unstructured.NestedStringSlice(groups.Items[i].Object, "spec", "externalCIDRs")
		held = append(held, parsePrefixes(texts)...)
	}
	var own []netip.Prefix
	if zone := s.zones[name]; zone != nil && zone.DeletionTimestamp.IsZero() {
		own = parsePrefixes(zone.Spec.Members.CIDRs)
	}
	for other, zone := range s.zones {
		if other != name && inherits(held, own, zonePrefixes(zone)) {
			s.heirs.add(other)
		}
	}
	return nil
}

// inherits reports whether some of the held addresses belong to one zone (its)
// rather than to another (own): by the longest prefix.
func inherits(held, own, its []netip.Prefix) bool {
	for _, h := range held {
		for _, p := range its {
			if p.Overlaps(h) && (p.Bits() > h.Bits() || longest(own, h) <= p.Bits()) {
				return true
			}
		}
	}
	return false
}

// longest returns the length of the longest prefix that holds all of another;
// -1 if none does.
func longest(prefixes []netip.Prefix, held netip.Prefix) int {
	out := -1
	for _, p := range prefixes {
		if p.Bits() <= held.Bits() && p.Contains(held.Addr()) {
			out = max(out, p.Bits())
		}
	}
	return out
}

func parsePrefixes(texts []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}
