package flow

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func prefixes(t testing.TB, list string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for word := range strings.FieldsSeq(list) {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func words(list []netip.Prefix) string {
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, p.String())
	}
	return strings.Join(out, " ")
}

func TestPrefixesAreMergedExactly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":                  {"", ""},
		"one":                      {"10.0.0.0/8", "10.0.0.0/8"},
		"the same twice":           {"10.0.0.0/8 10.0.0.0/8", "10.0.0.0/8"},
		"one inside another":       {"10.1.0.0/16 10.0.0.0/8", "10.0.0.0/8"},
		"two halves":               {"10.128.0.0/9 10.0.0.0/9", "10.0.0.0/8"},
		"two neighbours, no pair":  {"10.0.1.0/24 10.0.2.0/24", "10.0.1.0/24 10.0.2.0/24"},
		"four quarters":            {"10.0.3.0/24 10.0.1.0/24 10.0.0.0/24 10.0.2.0/24", "10.0.0.0/22"},
		"a ladder":                 {"10.0.0.0/25 10.0.0.128/26 10.0.0.192/27 10.0.0.224/27", "10.0.0.0/24"},
		"everything from halves":   {"128.0.0.0/1 0.0.0.0/1", "0.0.0.0/0"},
		"everything swallows":      {"0.0.0.0/0 10.0.0.0/8 255.255.255.255/32", "0.0.0.0/0"},
		"host bits are dropped":    {"10.1.2.3/8", "10.0.0.0/8"},
		"the families stay apart":  {"::/0 0.0.0.0/0", "0.0.0.0/0 ::/0"},
		"zero prefixes do not mix": {"::/1 0.0.0.0/1", "0.0.0.0/1 ::/1"},
		"IPv6 halves":              {"2001:db8:8000::/33 2001:db8::/33", "2001:db8::/32"},
		"IPv6 addresses":           {"2001:db8::1/128 2001:db8::/128 2001:db8::2/128", "2001:db8::/127 2001:db8::2/128"},
		"the last addresses":       {"255.255.255.255/32 255.255.255.254/32", "255.255.255.254/31"},
		"sorted by address": {
			"10.0.0.0/24 2001:db8::/64 9.0.0.0/8 2001:db7::/64", "9.0.0.0/8 10.0.0.0/24 2001:db7::/64 2001:db8::/64"},
		"mapped addresses are IPv6": {"::ffff:0.0.0.0/96 10.0.0.0/8", "10.0.0.0/8 ::ffff:0.0.0.0/96"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := words(MergePrefixes(prefixes(t, tc.in))); got != tc.want {
				t.Errorf("MergePrefixes(%s) = %s, want %s", tc.in, got, tc.want)
			}
		})
	}
}

func TestPrefixesAreSubtractedExactly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, minus, want string }{
		"nothing from nothing":    {"", "", ""},
		"something from nothing":  {"", "10.0.0.0/8", ""},
		"nothing from something":  {"10.0.0.0/8", "", "10.0.0.0/8"},
		"itself":                  {"10.0.0.0/8", "10.0.0.0/8", ""},
		"a broader one":           {"10.1.0.0/16", "10.0.0.0/8", ""},
		"a half":                  {"10.0.0.0/8", "10.128.0.0/9", "10.0.0.0/9"},
		"a corner":                {"10.0.0.0/30", "10.0.0.0/32", "10.0.0.1/32 10.0.0.2/31"},
		"a middle":                {"10.0.0.0/29", "10.0.0.2/32", "10.0.0.0/31 10.0.0.3/32 10.0.0.4/30"},
		"two halves":              {"10.0.0.0/8", "10.128.0.0/9 10.0.0.0/9", ""},
		"a stranger":              {"10.0.0.0/8", "11.0.0.0/8 9.0.0.0/8", "10.0.0.0/8"},
		"the other family":        {"10.0.0.0/8", "::/0", "10.0.0.0/8"},
		"everything":              {"10.0.0.0/8 192.0.2.0/24", "0.0.0.0/0", ""},
		"one from several":        {"10.0.0.0/24 10.0.2.0/24", "10.0.0.0/23", "10.0.2.0/24"},
		"overlapping in the from": {"10.0.0.0/8 10.1.0.0/16", "10.1.0.0/16", words(MergePrefixes(prefixes(t, rest)))},
		"the first address":       {"0.0.0.0/30", "0.0.0.0/32", "0.0.0.1/32 0.0.0.2/31"},
		"the last address":        {"255.255.255.252/30", "255.255.255.255/32", "255.255.255.252/31 255.255.255.254/32"},
		"IPv6": {"2001:db8::/126", "2001:db8::1/128",
			"2001:db8::/128 2001:db8::2/127"},
		"the last IPv6 address": {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/128"},
		"both families": {"10.0.0.0/31 2001:db8::/127", "2001:db8::/128 10.0.0.1/32", "10.0.0.0/32 2001:db8::1/128"},
		"host bits":     {"10.0.0.7/29", "10.0.0.3/30", "10.0.0.4/30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := words(SubtractPrefixes(prefixes(t, tc.from), prefixes(t, tc.minus)))
			if got != tc.want {
				t.Errorf("SubtractPrefixes(%s, %s) = %s, want %s", tc.from, tc.minus, got, tc.want)
			}
		})
	}
}

// rest is 10.0.0.0/8 without 10.1.0.0/16.
const rest = "10.0.0.0/16 10.2.0.0/15 10.4.0.0/14 10.8.0.0/13 10.16.0.0/12 10.32.0.0/11 10.64.0.0/10 10.128.0.0/9"

func TestWhatIsNoPrefixIsLeftOut(t *testing.T) {
	t.Parallel()
	broken := []netip.Prefix{{}, netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), 33), netip.PrefixFrom(netip.Addr{}, 8)}
	good := prefixes(t, "10.0.0.0/8")
	if got := MergePrefixes(slices.Concat(broken, good, broken)); !slices.Equal(got, good) {
		t.Errorf("MergePrefixes = %v, want %v", got, good)
	}
	if got := SubtractPrefixes(slices.Concat(good, broken), broken); !slices.Equal(got, good) {
		t.Errorf("SubtractPrefixes = %v, want %v", got, good)
	}
	if got := SubtractPrefixes(broken, good); len(got) != 0 {
		t.Errorf("SubtractPrefixes = %v, want nothing", got)
	}
}

func TestTheListsGivenAreNotModified(t *testing.T) {
	t.Parallel()
	from := prefixes(t, "10.128.0.0/9 10.0.0.0/9 192.0.2.7/24 2001:db8::/32")
	minus := prefixes(t, "192.0.2.128/25 10.0.0.1/32 10.0.0.0/32")
	a, b := slices.Clone(from), slices.Clone(minus)
	MergePrefixes(from)
	SubtractPrefixes(from, minus)
	if !slices.Equal(a, from) || !slices.Equal(b, minus) {
		t.Errorf("they became %s and %s", words(from), words(minus))
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		outer, inner string
		want         bool
	}{
		"itself":           {"10.0.0.0/8", "10.0.0.0/8", true},
		"narrower":         {"10.0.0.0/8", "10.1.0.0/16", true},
		"broader":          {"10.1.0.0/16", "10.0.0.0/8", false},
		"beside":           {"10.0.0.0/9", "10.128.0.0/9", false},
		"everything":       {"0.0.0.0/0", "255.255.255.255/32", true},
		"the other family": {"0.0.0.0/0", "::/0", false},
		"and back":         {"::/0", "10.0.0.0/8", false},
		"IPv6":             {"2001:db8::/32", "2001:db8:ffff::/48", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer, inner := netip.MustParsePrefix(tc.outer), netip.MustParsePrefix(tc.inner)
			if got := Covers(outer, inner); got != tc.want {
				t.Errorf("Covers(%s, %s) = %t", outer, inner, got)
			}
		})
	}
	if Covers(netip.Prefix{}, netip.MustParsePrefix("10.0.0.0/8")) || Covers(netip.MustParsePrefix("0.0.0.0/0"), netip.Prefix{}) {
		t.Error("no prefix covers, or is covered")
	}
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	list := prefixes(t, "10.0.0.0/8 2001:db8::/64")
	for prefix, want := range map[string]bool{
		"10.1.0.0/16": true, "0.0.0.0/0": true, "11.0.0.0/8": false, "::/0": true, "2001:db8:1::/64": false,
	} {
		if got := Overlaps(list, netip.MustParsePrefix(prefix)); got != want {
			t.Errorf("Overlaps(%s) = %t", prefix, got)
		}
	}
	if Overlaps(nil, netip.MustParsePrefix("0.0.0.0/0")) {
		t.Error("nothing overlaps")
	}
}

func TestPrefixesAreOrderedByFamilyAddressAndLength(t *testing.T) {
	t.Parallel()
	want := prefixes(t, "0.0.0.0/0 10.0.0.0/8 10.0.0.0/9 10.0.0.0/32 10.128.0.0/9 ::/0 ::/128 2001:db8::/32")
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, ComparePrefixes)
	if diff := cmp.Diff(words(want), words(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
