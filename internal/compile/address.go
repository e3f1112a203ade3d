package compile

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/flow"
)

// neverPeers are ranges that no device can have: link-local addresses never
// cross a router, and Cilium treats them as the node's own.
var neverPeers = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fe80::/10"),
}

// notUnicast are ranges in which no device has its address (RFC 1122 section
// 3.2.1.3, RFC 5771, RFC 919 section 7, RFC 4291 section 2).
var notUnicast = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("::/127"),
	netip.MustParsePrefix("ff00::/8"),
}

// A wording is what is wrong with a text, in words for its author.
type wording string

func (w wording) Error() string { return string(w) }

func problemWith(format string, args ...any) error { return wording(sentence(format, args...)) }

// validPrefixes returns the prefixes of a list that can be read, sorted.
func validPrefixes(cidrs []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range cidrs {
		if p, err := parsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, flow.ComparePrefixes)
	return slices.Compact(out)
}

// parsePrefix reads a zone's cidr. The error says what to write instead.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if a, aerr := netip.ParseAddr(text); aerr == nil && a.Zone() == "" {
			return netip.Prefix{}, problemWith("%q is an address, not a prefix; write %s", text, netip.PrefixFrom(a, a.BitLen()))
		}
		return netip.Prefix{}, problemWith("%q is not a prefix; write it as 10.20.0.0/16 or 2001:db8::/32", text)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, problemWith("%q is an IPv4 address in IPv6 form; write the IPv4 prefix", text)
	}
	if p.Masked() != p {
		return netip.Prefix{}, problemWith("%q has host bits set; write %s", text, p.Masked())
	}
	return p, nil
}

// parseAddress reads a device's address: an IP or a prefix.
func parseAddress(text string) (netip.Prefix, error) {
	p, err := hostPrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if flow.Overlaps(notUnicast, p) || flow.Overlaps(neverPeers, p) || p.Bits() == 0 {
		return netip.Prefix{}, problemWith("%q is not an address that a device can have on a hospital network; write the device's own address", text)
	}
	return p, nil
}

func hostPrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return parsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, problemWith("%q is not an IP address; write it as 10.20.3.7 or 2001:db8::7", text)
	}
	if a.Is4In6() {
		return netip.Prefix{}, problemWith("%q is an IPv4 address in IPv6 form; write %s", text, a.Unmap())
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// owned is a prefix that a zone lists.
type owned struct {
	prefix netip.Prefix
	zone   *zone
}

// sortOwners puts outer prefixes before the inner ones that follow them.
func sortOwners(list []owned) {
	slices.SortFunc(list, func(a, b owned) int {
		return cmp.Or(flow.ComparePrefixes(a.prefix, b.prefix), cmp.Compare(a.zone.in.Name, b.zone.in.Name))
	})
}

// inside returns the listed prefixes that are strictly more specific than p.
// The list is sorted by sortOwners, so they follow each other.
func inside(list []owned, p netip.Prefix) []owned {
	first, _ := slices.BinarySearchFunc(list, p, func(o owned, p netip.Prefix) int {
		return flow.ComparePrefixes(o.prefix, p)
	})
	for first < len(list) && list[first].prefix == p {
		first++
	}
	last := first
	for last < len(list) && flow.Covers(p, list[last].prefix) {
		last++
	}
	return list[first:last]
}

// ownerOf returns the zone whose prefix is the longest that covers p, and that
// prefix, or nil.
func (c *compiler) ownerOf(p netip.Prefix) (*zone, netip.Prefix) {
	for bits := p.Bits(); bits >= 0; bits-- {
		outer := netip.PrefixFrom(p.Addr(), bits).Masked()
		i, found := slices.BinarySearchFunc(c.owners, outer, func(o owned, p netip.Prefix) int {
			return flow.ComparePrefixes(o.prefix, p)
		})
		if found {
			return c.owners[i].zone, outer
		}
	}
	return nil, netip.Prefix{}
}

// spaceOf returns the addresses that belong to a zone by the longest prefix,
// the cluster's own ranges included.
func (c *compiler) spaceOf(z *zone) []netip.Prefix {
	var space []netip.Prefix
	for _, p := range z.prefixes {
		var inner []netip.Prefix
		for _, o := range inside(c.owners, p) {
			inner = append(inner, o.prefix)
		}
		space = append(space, flow.SubtractPrefixes([]netip.Prefix{p}, inner)...)
	}
	return flow.MergePrefixes(space)
}

// addressText writes a single address without its length.
func addressText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
