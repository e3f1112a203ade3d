package gather

import "testing"

func TestAddressesGoToTheZoneWithTheLongestPrefix(t *testing.T) {
	type list = []string
	for name, tc := range map[string]struct {
		held, own, its list
		want           bool
	}{
		"nothing is held":                     {nil, nil, list{"10.20.0.0/20"}, false},
		"the zone keeps what it holds":        {list{"10.20.1.11/32"}, list{"10.20.0.0/20"}, list{"10.0.0.0/8"}, false},
		"the zone is deleted":                 {list{"10.20.1.11/32"}, nil, list{"10.0.0.0/8"}, true},
		"the other zone is elsewhere":         {list{"10.20.1.11/32"}, nil, list{"10.22.0.0/24"}, false},
		"an address falls to a wider prefix":  {list{"10.20.1.12/32"}, list{"10.22.0.0/24"}, list{"10.20.0.0/20"}, true},
		"an address is taken out of a prefix": {list{"10.20.0.0/20"}, list{"10.20.0.0/20"}, list{"10.20.1.12/32"}, true},
		"both have the same prefix":           {list{"10.20.1.11/32"}, list{"10.20.1.0/24"}, list{"10.20.1.0/24"}, true},
		"the other zone is narrower, beside":  {list{"10.20.1.0/24"}, list{"10.20.0.0/20"}, list{"10.20.2.0/24"}, false},
		"the other family":                    {list{"2001:db8::/64"}, nil, list{"10.0.0.0/8"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := inherits(parsePrefixes(tc.held), parsePrefixes(tc.own), parsePrefixes(tc.its)); got != tc.want {
				t.Errorf("inherits(%v, %v, %v) = %v", tc.held, tc.own, tc.its, got)
			}
		})
	}
}
