package gather

import (
	"context"
	"fmt"
	"net/netip"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/medfence/medfence/internal/cidrgroup"
)

// findMoving finds the zones that the zone's groups concern whatever conduits join
// by now. Its heirs are those to which addresses go that its groups still hold: they
// may leave only when a group of the heir has them, and its name depends on the
// heir's conduits; no conduit need join the two, and no device that moves, since its
// status may tell of it no longer. Its namers are those whose policies still name
// one of its groups: addresses may have to stay for them.
func (s *scope) findMoving(ctx context.Context, name string, groups bool) error {
	s.heirs, s.namers = nameSet{}, nameSet{}
	if !groups {
		return nil
	}
	list, err := s.listOurs(ctx, ciliumVersion.WithKind("CiliumCIDRGroup"), indexGroupZone, name)
	if err != nil {
		return err
	}
	var held []netip.Prefix
	for i := range list {
		held = append(held, cidrgroup.Prefixes(list[i].Object)...)
		if err := s.findNamers(ctx, list[i].GetName()); err != nil {
			return err
		}
	}
	if !s.grouped {
		return nil
	}
	return s.findHeirs(ctx, name, held)
}

func (s *scope) findHeirs(ctx context.Context, name string, held []netip.Prefix) error {
	zone, err := s.zone(ctx, name)
	if err != nil {
		return err
	}
	var own []netip.Prefix
	if zone != nil && zone.DeletionTimestamp.IsZero() {
		own = parsePrefixes(zone.Spec.Members.CIDRs)
	}
	others, err := zonesOver(ctx, s.reader, held)
	for _, found := range others {
		if other := s.know(found); other.Name != name && inherits(held, own, zonePrefixes(other)) {
			s.heirs.add(other.Name)
		}
	}
	return err
}

// findNamers finds the zones whose policies name a group.
func (s *scope) findNamers(ctx context.Context, group string) error {
	var uids []string
	for _, kind := range namingKinds {
		list, err := s.listOurs(ctx, kind, indexNamed, group)
		if err != nil {
			return err
		}
		for i := range list {
			uids = append(uids, ownerOf(&list[i]))
		}
	}
	zones, err := s.zonesOf(ctx, uids)
	for _, zone := range zones {
		s.namers.add(s.know(zone).Name)
	}
	return err
}

// listOurs returns the objects of ours that an index has under a value.
func (s *scope) listOurs(ctx context.Context, kind schema.GroupVersionKind, index, value string) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err := s.reader.List(ctx, list, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy)
	if meta.IsNoMatchError(err) && !s.grouped {
		return nil, nil // the kind is gone, and with it all that there was
	}
	if err != nil {
		return nil, fmt.Errorf("listing the %s objects of %s %q: %w", kind.Kind, index, value, err)
	}
	return list.Items, nil
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
