package flow

import (
	"cmp"
	"net/netip"
	"slices"
)

// ComparePrefixes orders prefixes by family, address and length.
func ComparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// MergePrefixes returns the shortest sorted list of prefixes that covers
// exactly the addresses that the given prefixes cover.
func MergePrefixes(prefixes []netip.Prefix) []netip.Prefix {
	in := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		if p.IsValid() {
			in = append(in, p.Masked())
		}
	}
	slices.SortFunc(in, ComparePrefixes)
	var out []netip.Prefix
	for _, p := range in {
		if n := len(out); n > 0 && Covers(out[n-1], p) {
			continue
		}
		out = append(out, p)
		out = joinSiblings(out)
	}
	return out
}

// joinSiblings replaces the last two prefixes by their parent for as long as
// they are its two halves.
func joinSiblings(list []netip.Prefix) []netip.Prefix {
	for len(list) >= 2 {
		a, b := list[len(list)-2], list[len(list)-1]
		if a.Bits() != b.Bits() || a.Bits() == 0 || a.Addr().BitLen() != b.Addr().BitLen() {
			return list
		}
		parent := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
		if parent.Addr() != a.Addr() || !parent.Contains(b.Addr()) {
			return list
		}
		list = append(list[:len(list)-2], parent)
	}
	return list
}

// Covers reports whether every address of inner is in outer.
func Covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// SubtractPrefixes returns the merged list of prefixes that covers exactly the
// addresses of from that are in none of the prefixes of minus.
func SubtractPrefixes(from, minus []netip.Prefix) []netip.Prefix {
	minus = MergePrefixes(minus)
	var out []netip.Prefix
	for _, p := range MergePrefixes(from) {
		out = appendWithout(out, p, overlapping(minus, p))
	}
	// The parts are merged as they stand: a prefix is halved only where
	// something is taken from it, and whole prefixes were merged before.
	return out
}

// Overlaps reports whether any address is covered by both lists.
func Overlaps(a []netip.Prefix, b netip.Prefix) bool {
	return slices.ContainsFunc(a, b.Overlaps)
}

// overlapping returns the part of a merged list that shares addresses with p.
func overlapping(merged []netip.Prefix, p netip.Prefix) []netip.Prefix {
	before := func(m netip.Prefix, p netip.Prefix) int {
		if m.Overlaps(p) {
			return 0
		}
		return m.Addr().Compare(p.Addr())
	}
	first, found := slices.BinarySearchFunc(merged, p, before)
	if !found {
		return nil
	}
	last := first
	for last < len(merged) && merged[last].Overlaps(p) {
		last++
	}
	return merged[first:last]
}

// appendWithout appends p without minus, a merged list whose prefixes all
// overlap p. It halves p until a half is wholly in or wholly out.
func appendWithout(out []netip.Prefix, p netip.Prefix, minus []netip.Prefix) []netip.Prefix {
	if len(minus) == 0 {
		return append(out, p)
	}
	if Covers(minus[0], p) {
		return out
	}
	low, high := halves(p)
	cut, _ := slices.BinarySearchFunc(minus, high.Addr(), func(m netip.Prefix, a netip.Addr) int {
		return m.Addr().Compare(a)
	})
	out = appendWithout(out, low, minus[:cut])
	return appendWithout(out, high, minus[cut:])
}

// halves splits a prefix that is shorter than its address.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits() + 1
	low = netip.PrefixFrom(p.Addr(), bits)
	bytes := p.Addr().AsSlice()
	bytes[(bits-1)/8] |= 1 << (7 - (bits-1)%8)
	addr, _ := netip.AddrFromSlice(bytes)
	return low, netip.PrefixFrom(addr, bits)
}
