package flow

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// A space is a prefix cut into 2^depth equal leaves. A set of its addresses is
// a bitmap of leaves, which is the model that the lists are compared with.
type space struct {
	base  netip.Prefix
	depth int
}

// spaces lie at both ends and in the middle of both families, and at the top,
// where prefixes are short.
func spaces(depth int) []space {
	var out []space
	for _, base := range []string{
		"0.0.0.0/0", "0.0.0.0/%d", "192.0.2.64/%d", "255.255.255.255/%d",
		"::/0", "::/%d", "2001:db8::ff00/%d", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/%d",
	} {
		if addr, bits, _ := strings.Cut(base, "/"); bits != "0" {
			base = fmt.Sprintf("%s/%d", addr, netip.MustParseAddr(addr).BitLen()-depth)
		}
		out = append(out, space{base: netip.MustParsePrefix(base).Masked(), depth: depth})
	}
	return out
}

// block returns the i-th of the 2^level equal parts of the space.
func (s space) block(level, i int) netip.Prefix {
	bits := s.base.Bits() + level
	addr := s.base.Addr().As16()
	if s.base.Addr().Is4() {
		bits += 96
	}
	high, low := binary.BigEndian.Uint64(addr[:8]), binary.BigEndian.Uint64(addr[8:])
	if shift := 128 - bits; shift >= 64 {
		high |= uint64(i) << (shift - 64)
	} else {
		low |= uint64(i) << shift
		high |= uint64(i) >> (64 - shift)
	}
	binary.BigEndian.PutUint64(addr[:8], high)
	binary.BigEndian.PutUint64(addr[8:], low)
	at := netip.AddrFrom16(addr)
	if s.base.Addr().Is4() {
		at = at.Unmap()
	}
	return netip.PrefixFrom(at, s.base.Bits()+level)
}

// cover returns the one shortest sorted list for a set: a whole block where all
// its leaves are in, otherwise the lists of its halves.
func (s space) cover(set uint64) []netip.Prefix { return s.coverOf(set, 0, 0) }

func (s space) coverOf(set uint64, level, i int) []netip.Prefix {
	width := 1 << (s.depth - level)
	part := set >> (i * width)
	if width < 64 {
		part &= 1<<width - 1
	}
	full := ^uint64(0) >> (64 - width)
	switch part {
	case 0:
		return nil
	case full:
		return []netip.Prefix{s.block(level, i)}
	}
	return append(s.coverOf(set, level+1, 2*i), s.coverOf(set, level+1, 2*i+1)...)
}

// members returns the set of leaves whose first address is in the list.
func (s space) members(list []netip.Prefix) uint64 {
	var set uint64
	for i := range 1 << s.depth {
		leaf := s.block(s.depth, i)
		if slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(leaf.Addr()) }) {
			set |= 1 << i
		}
	}
	return set
}

func TestTheModelCutsASpaceIntoItsBlocks(t *testing.T) {
	t.Parallel()
	s := space{base: netip.MustParsePrefix("192.0.2.64/29"), depth: 3}
	if got := words(s.cover(0b1110_0111)); got != "192.0.2.64/31 192.0.2.66/32 192.0.2.69/32 192.0.2.70/31" {
		t.Errorf("cover = %s", got)
	}
	top := space{base: netip.MustParsePrefix("::/0"), depth: 3}
	if got := words(top.cover(0b1000_0001)); got != "::/3 e000::/3" {
		t.Errorf("cover = %s", got)
	}
}

func TestEveryListOfASmallSpaceMergesToItsShortestForm(t *testing.T) {
	t.Parallel()
	const depth = 3
	for _, s := range []space{spaces(depth)[0], spaces(depth)[7]} {
		var all []netip.Prefix
		for level := range depth + 1 {
			for i := range 1 << level {
				all = append(all, s.block(level, i))
			}
		}
		for chosen := range 1 << len(all) {
			var list []netip.Prefix
			for i, p := range all {
				if chosen>>i&1 == 1 {
					list = append(list, p)
				}
			}
			if got, want := MergePrefixes(list), s.cover(s.members(list)); !slices.Equal(got, want) {
				t.Fatalf("MergePrefixes(%s) = %s, want %s", words(list), words(got), words(want))
			}
		}
	}
}

func TestEveryTwoSetsOfASmallSpaceSubtractExactly(t *testing.T) {
	t.Parallel()
	const depth = 3
	// One space at an end of each family; the random lists visit all.
	for _, s := range []space{spaces(depth)[3], spaces(depth)[4]} {
		var lists [1 << (1 << depth)][]netip.Prefix
		for set := range lists {
			lists[set] = s.cover(uint64(set))
		}
		for a, from := range lists {
			for b, minus := range lists {
				if got, want := SubtractPrefixes(from, minus), lists[a&^b]; !slices.Equal(got, want) {
					t.Fatalf("SubtractPrefixes(%s, %s) = %s, want %s", words(from), words(minus), words(got), words(want))
				}
			}
		}
	}
}

// checkPrefixes asserts the laws of arbitrary lists, by the sets of one space
// and by algebra.
func checkPrefixes(t *testing.T, s space, a, b []netip.Prefix) {
	t.Helper()
	merged, rest := MergePrefixes(a), SubtractPrefixes(a, b)
	common := SubtractPrefixes(a, rest)
	for what, pair := range map[string][2]uint64{
		"merge":        {s.members(merged), s.members(a)},
		"subtract":     {s.members(rest), s.members(a) &^ s.members(b)},
		"intersection": {s.members(common), s.members(a) & s.members(b)},
	} {
		if pair[0] != pair[1] {
			t.Fatalf("%s of %s and %s: %b, want %b", what, words(a), words(b), pair[0], pair[1])
		}
	}
	backwards := slices.Clone(a)
	slices.Reverse(backwards)
	for law, pair := range map[string][2][]netip.Prefix{
		"merge is idempotent":             {merged, MergePrefixes(merged)},
		"merge ignores order":             {merged, MergePrefixes(backwards)},
		"merge ignores repetition":        {merged, MergePrefixes(slices.Concat(a, a))},
		"nothing to subtract":             {merged, SubtractPrefixes(a, nil)},
		"everything subtracted":           {nil, SubtractPrefixes(a, a)},
		"subtract is idempotent":          {rest, SubtractPrefixes(rest, b)},
		"the result is merged":            {rest, MergePrefixes(rest)},
		"rest and common are the whole":   {merged, MergePrefixes(slices.Concat(rest, common))},
		"rest and common are disjoint":    {rest, SubtractPrefixes(rest, common)},
		"the intersection is symmetrical": {common, SubtractPrefixes(b, SubtractPrefixes(b, a))},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Fatalf("%s: %s and %s\nfrom %s\nand %s", law, words(pair[0]), words(pair[1]), words(a), words(b))
		}
	}
	checkCanonical(t, merged)
	checkCanonical(t, rest)
}

// checkCanonical asserts that a list is sorted, masked, disjoint and minimal.
func checkCanonical(t *testing.T, list []netip.Prefix) {
	t.Helper()
	for i, p := range list {
		if p != p.Masked() || !p.IsValid() {
			t.Fatalf("%s is not masked", p)
		}
		if i == 0 {
			continue
		}
		before := list[i-1]
		if ComparePrefixes(before, p) >= 0 || before.Overlaps(p) {
			t.Fatalf("%s and %s are not sorted and disjoint", before, p)
		}
		if p.Bits() == before.Bits() && p.Bits() > 0 && p.Addr().BitLen() == before.Addr().BitLen() {
			parent := netip.PrefixFrom(p.Addr(), p.Bits()-1)
			if parent.Contains(before.Addr()) {
				t.Fatalf("%s and %s are two halves", before, p)
			}
		}
	}
}

func TestRandomListsObeyTheLaws(t *testing.T) {
	t.Parallel()
	const depth = 6
	random := rand.New(rand.NewPCG(3, 5))
	all := spaces(depth)
	for range 1000 {
		s := all[random.IntN(len(all))]
		draw := func() []netip.Prefix {
			list := make([]netip.Prefix, random.IntN(12))
			for i := range list {
				// One in eight is of another space, often of the other family.
				from := s
				if random.IntN(8) == 0 {
					from = all[random.IntN(len(all))]
				}
				level := random.IntN(depth + 1)
				list[i] = from.block(level, random.IntN(1<<level))
			}
			return list
		}
		checkPrefixes(t, s, draw(), draw())
	}
}

func FuzzPrefixes(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 1}, []byte{6, 63})
	f.Add(uint8(7), []byte{1, 0, 1, 1, 2, 3}, []byte{})
	f.Fuzz(func(t *testing.T, where uint8, a, b []byte) {
		const depth = 6
		all := spaces(depth)
		s := all[int(where)%len(all)]
		// Two bytes make a prefix: the space and the level, then the block.
		read := func(bytes []byte) []netip.Prefix {
			var list []netip.Prefix
			for pair := range slices.Chunk(bytes, 2) {
				if len(pair) < 2 || len(list) > 64 {
					continue
				}
				from, level := s, int(pair[0])%(depth+1)
				if pair[0] >= 224 {
					from = all[int(pair[0])%len(all)]
				}
				list = append(list, from.block(level, int(pair[1])%(1<<level)))
			}
			return list
		}
		checkPrefixes(t, s, read(a), read(b))
	})
}

// crowd returns n addresses of 10.0.0.0/8 or 2001:db8::/32, scattered.
func crowd(n int) []netip.Prefix {
	random := rand.New(rand.NewPCG(13, 17))
	list := make([]netip.Prefix, 0, n)
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())})
		if i%2 == 1 {
			var bytes [16]byte
			copy(bytes[:], []byte{0x20, 0x01, 0x0d, 0xb8})
			binary.BigEndian.PutUint64(bytes[8:], random.Uint64())
			addr = netip.AddrFrom16(bytes)
		}
		list = append(list, netip.PrefixFrom(addr, addr.BitLen()-random.IntN(4)))
	}
	return list
}

func TestACrowdOfPrefixesIsSubtractedAndComesBack(t *testing.T) {
	t.Parallel()
	from, minus := prefixes(t, "10.0.0.0/8 2001:db8::/32"), crowd(1000)
	rest := SubtractPrefixes(from, minus)
	checkCanonical(t, rest)
	if back := SubtractPrefixes(from, rest); !slices.Equal(back, MergePrefixes(minus)) {
		t.Error("what was subtracted does not come back")
	}
}

func BenchmarkSubtractTenThousand(b *testing.B) {
	from, minus := prefixes(b, "10.0.0.0/8 2001:db8::/32"), crowd(10_000)
	for b.Loop() {
		SubtractPrefixes(from, minus)
	}
}

func BenchmarkSubtractFromTenThousand(b *testing.B) {
	from, minus := crowd(10_000), prefixes(b, "10.0.0.0/9 2001:db8::/64")
	for b.Loop() {
		SubtractPrefixes(from, minus)
	}
}

func BenchmarkMergeTenThousand(b *testing.B) {
	list := crowd(10_000)
	for b.Loop() {
		MergePrefixes(list)
	}
}
