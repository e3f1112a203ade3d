package flow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAPortSetIsTheExactUnion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ranges []PortRange
		want   PortSet
	}{
		"nothing":               {nil, nil},
		"one port":              {[]PortRange{{104, 104}}, PortSet{{104, 104}}},
		"sorted":                {[]PortRange{{9, 9}, {1, 2}}, PortSet{{1, 2}, {9, 9}}},
		"the same twice":        {[]PortRange{{5, 6}, {5, 6}}, PortSet{{5, 6}}},
		"overlapping":           {[]PortRange{{1, 5}, {4, 9}}, PortSet{{1, 9}}},
		"adjacent":              {[]PortRange{{1, 5}, {6, 9}}, PortSet{{1, 9}}},
		"one apart":             {[]PortRange{{1, 5}, {7, 9}}, PortSet{{1, 5}, {7, 9}}},
		"inside another":        {[]PortRange{{1, 9}, {3, 4}, {10, 10}}, PortSet{{1, 10}}},
		"same begin":            {[]PortRange{{1, 9}, {1, 4}}, PortSet{{1, 9}}},
		"all":                   {[]PortRange{{0, MaxPort}, {1, 1}}, PortSet{{0, MaxPort}}},
		"both ends":             {[]PortRange{{MaxPort, MaxPort}, {0, 0}}, PortSet{{0, 0}, {MaxPort, MaxPort}}},
		"two at the upper end":  {[]PortRange{{MaxPort - 1, MaxPort}, {MaxPort, MaxPort}}, PortSet{{MaxPort - 1, MaxPort}}},
		"an inverted range":     {[]PortRange{{9, 1}, {5, 5}}, PortSet{{5, 5}}},
		"only inverted ranges":  {[]PortRange{{9, 1}}, nil},
		"a chain of neighbours": {[]PortRange{{3, 3}, {1, 1}, {2, 2}, {5, 5}, {4, 4}}, PortSet{{1, 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := slices.Clone(tc.ranges)
			if diff := cmp.Diff(tc.want, NewPortSet(tc.ranges...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !slices.Equal(given, tc.ranges) {
				t.Errorf("the ranges given were changed to %v", tc.ranges)
			}
		})
	}
}

func TestTheComplementIsAllOtherPorts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ set, want PortSet }{
		"of nothing":          {nil, PortSet{{0, MaxPort}}},
		"of everything":       {PortSet{{0, MaxPort}}, nil},
		"of one port":         {PortSet{{104, 104}}, PortSet{{0, 103}, {105, MaxPort}}},
		"of the lowest port":  {PortSet{{0, 0}}, PortSet{{1, MaxPort}}},
		"of the highest port": {PortSet{{MaxPort, MaxPort}}, PortSet{{0, MaxPort - 1}}},
		"of both":             {PortSet{{0, 0}, {MaxPort, MaxPort}}, PortSet{{1, MaxPort - 1}}},
		"of all but one":      {PortSet{{0, 7}, {9, MaxPort}}, PortSet{{8, 8}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.set.Complement()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.set, tc.want.Complement()); diff != "" {
				t.Errorf("back again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnionChangesNeitherSet(t *testing.T) {
	t.Parallel()
	a, b := PortSet{{1, 5}, {10, 20}}, PortSet{{5, 9}}
	got := a.Union(b)
	if diff := cmp.Diff(PortSet{{1, 20}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got[0] = PortRange{}
	if a[0] != (PortRange{1, 5}) || a[1] != (PortRange{10, 20}) || b[0] != (PortRange{5, 9}) {
		t.Errorf("the sets became %v and %v", a, b)
	}
}

func TestRangesAndSetsAreWrittenShort(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]PortSet{
		"": nil, "104": {{104, 104}}, "1-2": {{1, 2}}, "1-2,5,7-65535": {{1, 2}, {5, 5}, {7, MaxPort}},
	} {
		if got := s.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

// ports is a set of ports as a table: the obvious model of a PortSet.
type ports [MaxPort + 1]bool

func modelOf(ranges []PortRange) *ports {
	var m ports
	for _, r := range ranges {
		for p := int(r.Port); p <= int(r.End); p++ {
			m[p] = true
		}
	}
	return &m
}

func checkPorts(t *testing.T, what string, got PortSet, want *ports) {
	t.Helper()
	if *modelOf(got) != *want {
		t.Fatalf("%s: %v is not exact", what, got)
	}
	for i, r := range got {
		if r.End < r.Port || i > 0 && int(r.Port) <= int(got[i-1].End)+1 {
			t.Fatalf("%s: %v is not sorted, disjoint and minimal", what, got)
		}
	}
}

// checkPortSets asserts every law of two sets made of arbitrary ranges.
func checkPortSets(t *testing.T, a, b []PortRange) {
	t.Helper()
	x, y := NewPortSet(a...), NewPortSet(b...)
	checkPorts(t, "set", x, modelOf(a))
	checkPorts(t, "union", x.Union(y), modelOf(slices.Concat(a, b)))
	var rest ports
	for p, in := range modelOf(a) {
		rest[p] = !in
		if x.Contains(uint16(p)) != in {
			t.Fatalf("%v.Contains(%d) = %t", x, p, !in)
		}
	}
	checkPorts(t, "complement", x.Complement(), &rest)
	for law, pair := range map[string][2]PortSet{
		"idempotent":            {x, NewPortSet(x...)},
		"commutative":           {x.Union(y), y.Union(x)},
		"twice complemented":    {x, x.Complement().Complement()},
		"whole with complement": {{{0, MaxPort}}, x.Union(x.Complement())},
		"union with itself":     {x, x.Union(x)},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Fatalf("%s: %v and %v", law, pair[0], pair[1])
		}
	}
}

func TestPortSetsAgreeWithATable(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 11))
	draw := func() []PortRange {
		out := make([]PortRange, random.IntN(12))
		low, width := random.IntN(MaxPort), 1+random.IntN(40)
		for i := range out {
			from := min(low+random.IntN(width), MaxPort)
			out[i] = PortRange{uint16(from), uint16(min(from+random.IntN(8)-1, MaxPort))}
		}
		return out
	}
	for range 150 {
		checkPortSets(t, draw(), draw())
	}
	checkPortSets(t, nil, nil)
	checkPortSets(t, []PortRange{{0, MaxPort}}, []PortRange{{MaxPort, 0}})
}

func FuzzPortSet(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 255, 255, 255, 255}, []byte{})
	f.Add([]byte{0, 1, 0, 5, 0, 6, 0, 9}, []byte{0, 10, 0, 10})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		checkPortSets(t, rangesOf(a), rangesOf(b))
	})
}

// rangesOf reads four bytes for each range.
func rangesOf(bytes []byte) []PortRange {
	var out []PortRange
	for chunk := range slices.Chunk(bytes, 4) {
		if len(chunk) == 4 && len(out) < 64 {
			out = append(out, PortRange{uint16(chunk[0])<<8 | uint16(chunk[1]), uint16(chunk[2])<<8 | uint16(chunk[3])})
		}
	}
	return out
}
