package cidrgroup

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAPolicyNamesGroupsByFieldsAndByLabels(t *testing.T) {
	for name, tc := range map[string]struct {
		policy string
		want   []string
	}{
		"nothing":                {`{}`, nil},
		"a field":                {`{"spec":{"egress":[{"toCIDRSet":[{"cidrGroupRef":"a"},{"cidr":"10.0.0.0/8"}]}]}}`, []string{"a"}},
		"a requirement":          {`{"specs":[{"egressDeny":[{"toCIDRSet":[{"cidrGroupSelector":{"matchExpressions":[{"key":"io.cilium.policy.cidrgroupname/b","operator":"DoesNotExist"}]}}]}]}]}`, []string{"b"}},
		"both, twice":            {`{"x":[{"cidrGroupRef":"a"},{"key":"io.cilium.policy.cidrgroupname/a"},{"key":"io.cilium.policy.cidrgroupname/b"}]}`, []string{"a", "b"}},
		"the label elsewhere":    {`{"metadata":{"annotations":{"why":"io.cilium.policy.cidrgroupname/a"}}}`, nil},
		"another label":          {`{"key":"app","values":["io.cilium.policy.cidrgroupname/a"]}`, nil},
		"a field of other types": {`{"cidrGroupRef":["a"],"key":{"cidrGroupRef":7}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, slices.Sorted(maps.Keys(Named(parse(t, tc.policy))))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFieldIsTakenApartAndPutTogetherAgain(t *testing.T) {
	for _, tc := range []struct {
		name, value, group string
		ok                 bool
	}{
		{"cidrGroupRef", "a", "a", true},
		{"key", LabelPrefix + "a", "a", true},
		{"values", LabelPrefix + "a", "a", false},
		{"key", "app", "", false},
	} {
		group, before, ok := In(tc.name, tc.value)
		if ok != tc.ok || ok && (group != tc.group || before+group != tc.value) {
			t.Errorf("%s: %q is %q and %q (%v)", tc.name, tc.value, before, group, ok)
		}
	}
}

func TestAddressesThatCanBeReadAreRead(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "[]",
		`{"spec":{"externalCIDRs":["10.0.0.0/8","2001:db8::/32","x","10.0.0.1"]}}`: "[10.0.0.0/8 2001:db8::/32]",
		`{"spec":{"externalCIDRs":"10.0.0.0/8"}}`:                                  "[]",
		`{"spec":{"externalCIDRs":["10.0.0.0/8",7]}}`:                              "[]",
		`{"spec":[]}`: "[]",
	} {
		if got := fmt.Sprint(Prefixes(parse(t, text))); got != want {
			t.Errorf("%s has %s, want %s", text, got, want)
		}
	}
}
