package gather

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// randomPrefix returns prefixes that often have an address in common: of few bits, or
// with few addresses, and of three families as they are written.
func randomPrefix(d *rand.Rand) netip.Prefix {
	var raw [16]byte
	switch d.IntN(3) {
	case 0:
		raw[0], raw[1], raw[2], raw[3] = 10, byte(d.IntN(3)), byte(d.IntN(4)<<6), byte(d.IntN(256))
		p, _ := netip.AddrFrom4([4]byte(raw[:4])).Prefix(d.IntN(33))
		return p
	case 1:
		raw[10], raw[11], raw[12], raw[13] = 0xff, 0xff, 10, byte(d.IntN(3))
	default:
		raw[0], raw[1], raw[4+d.IntN(4)], raw[15] = 0x20, 1, byte(d.IntN(4)), byte(d.IntN(4))
	}
	p, _ := netip.AddrFrom16(raw).Prefix(d.IntN(129))
	return p
}

func listing(p netip.Prefix) *medfencev1alpha1.DeviceZone {
	z := &medfencev1alpha1.DeviceZone{}
	z.Spec.Members.CIDRs = []string{p.String()}
	return z
}

// Whoever has an address in common with a prefix is found by one of its lookups.
func TestWhoHasAnAddressInCommonIsFound(t *testing.T) {
	d := rand.New(rand.NewPCG(7, 7))
	common := 0
	for range 200_000 {
		p, q := randomPrefix(d), randomPrefix(d)
		keys := zoneAddresses(listing(p))
		found := slices.ContainsFunc(prefixLookups(q), func(l string) bool { return slices.Contains(keys, l) })
		if p.Overlaps(q) {
			common++
			if !found {
				t.Fatalf("%s is not found by %s: it is under %q, and %q are looked up", p, q, keys, prefixLookups(q))
			}
		}
	}
	if common < 10_000 {
		t.Errorf("only %d pairs had an address in common", common)
	}
}

func TestALookupDoesNotFindEverybody(t *testing.T) {
	for _, tc := range []struct {
		listed, asked string
		found         bool
	}{
		{"10.20.0.0/16", "10.20.1.0/24", true},
		{"10.20.1.0/24", "10.20.0.0/16", true},
		{"10.20.1.0/24", "10.20.1.7/32", true},
		{"0.0.0.0/0", "10.20.1.7/32", true},
		{"10.20.1.7/32", "0.0.0.0/0", true},
		{"10.20.1.0/24", "10.20.2.0/24", false},
		{"10.20.0.0/16", "10.21.0.0/16", false},
		{"10.20.1.8/32", "10.20.1.7/32", false},
		{"2001:db8:1::/48", "2001:db8:2::/48", false},
		{"2001:db8:1::/48", "10.20.0.0/16", false},
		{"::/0", "10.20.0.0/16", false},
		{"::/0", "2001:db8::/32", true},
		// The others of a level are found as well, and left out by who compares.
		{"10.20.0.0/17", "10.20.128.0/17", true},
	} {
		keys := prefixKeys(netip.MustParsePrefix(tc.listed))
		lookups := prefixLookups(netip.MustParsePrefix(tc.asked))
		if got := slices.ContainsFunc(lookups, func(l string) bool { return slices.Contains(keys, l) }); got != tc.found {
			t.Errorf("%s under %q, asked for %s by %q: found is %v", tc.listed, keys, tc.asked, lookups, got)
		}
		if most := 10; len(lookups) > most {
			t.Errorf("%s takes %d lookups, more than %d", tc.asked, len(lookups), most)
		}
	}
}

// A zone is found by the addresses of both specs that may be in force, and by none
// that cannot be read.
func TestAZoneIsFoundByBothOfItsSpecs(t *testing.T) {
	z := listing(netip.MustParsePrefix("10.1.0.0/16"))
	z.Spec.Members.CIDRs = append(z.Spec.Members.CIDRs, "ten", "10.2.3.4", "10.0.0.0/33")
	z.Status.Accepted = &medfencev1alpha1.AcceptedZone{}
	z.Status.Accepted.Spec.Members.CIDRs = []string{"10.3.0.0/16", "10.1.0.0/16"}
	want := []string{"at 10.1.0.0/16", "at 10.3.0.0/16", "below 0.0.0.0/0", "below 10.0.0.0/8"}
	if got := zoneAddresses(z); !slices.Equal(got, want) {
		t.Errorf("found under %q, want %q", got, want)
	}
}
