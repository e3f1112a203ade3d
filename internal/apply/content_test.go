package apply

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
)

func TestTheHashCoversWhatIsOurs(t *testing.T) {
	at := key{kindNetworkPolicy, "icu", "medfence-pump"}
	first := content{
		body:        map[string]any{"spec": map[string]any{"a": int64(1)}},
		labels:      map[string]string{"medfence.io/zone": "infusion"},
		annotations: map[string]string{"medfence.io/permits": "nothing"},
	}
	cases := map[string]struct {
		other content
		same  bool
	}{
		"a null field does not count": {content{
			body:        map[string]any{"spec": map[string]any{"a": int64(1), "b": nil}},
			labels:      first.labels,
			annotations: first.annotations,
		}, true},
		"keys of others do not count": {content{
			body:        first.body,
			labels:      map[string]string{"medfence.io/zone": "infusion", "team": "a"},
			annotations: map[string]string{"medfence.io/permits": "nothing", "x/y": "z"},
		}, true},
		"the hash itself does not count": {first.seal(at, at.name), true},
		"the spec counts":                {content{labels: first.labels, annotations: first.annotations}, false},
		"our labels count":               {content{body: first.body, annotations: first.annotations}, false},
		"our annotations count":          {content{body: first.body, labels: first.labels}, false},
		"the name that it stands for counts": {
			first.seal(at, "medfence-pump-2"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if same := tc.other.hash(at) == first.hash(at); same != tc.same {
				t.Errorf("same hash = %v, want %v", same, tc.same)
			}
		})
	}
}

func TestACopyUnderAnotherNameIsNotWhatWeWrote(t *testing.T) {
	k := key{kindNetworkPolicy, "icu", "medfence-pump"}
	c := content{body: map[string]any{"spec": map[string]any{}}}
	for name, tc := range map[string]struct {
		at   key
		want bool
	}{
		"the object itself":         {k, true},
		"a copy elsewhere":          {key{k.kind, "lab", k.name}, false},
		"a copy under another name": {beside(k, "medfence-pump-old"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asWritten(c.seal(k, k.name).onto(blank(tc.at))); got != tc.want {
				t.Errorf("as written = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestOursGoesOntoALiveObject(t *testing.T) {
	live := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"a": int64(1)},
		"specs":  []any{map[string]any{}},
		"status": map[string]any{"ok": true},
	}}
	live.SetResourceVersion("7")
	live.SetLabels(map[string]string{"team": "a", "medfence.io/zone": "x", "medfence.io/old": "y"})
	live.SetAnnotations(map[string]string{"their/note": "b"})
	live.SetFinalizers([]string{"example.com/hold"})
	live.SetOwnerReferences([]metav1.OwnerReference{{Kind: "Application"}})
	before := live.DeepCopy()

	got := content{
		body:   map[string]any{"spec": map[string]any{"a": int64(2)}},
		labels: map[string]string{"medfence.io/zone": "infusion"},
	}.onto(live)

	want := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"a": int64(2)},
		"status": map[string]any{"ok": true},
	}}
	want.SetResourceVersion("7")
	want.SetLabels(map[string]string{"team": "a", "medfence.io/zone": "infusion"})
	want.SetAnnotations(map[string]string{"their/note": "b"})
	if diff := cmp.Diff(want.Object, got.Object); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Object, live.Object); diff != "" {
		t.Errorf("the cache's object was modified:\n%s", diff)
	}
}

func TestTheStageOfWhatIsNoLongerRendered(t *testing.T) {
	cases := map[string]struct {
		key    key
		labels map[string]string
		want   object.Stage
	}{
		"a group is known by its kind":             {key{kindGroup, "", "medfence-guard"}, nil, object.StageGroup},
		"a policy is known by its label":           {key{kindClusterPolicy, "", "x"}, map[string]string{"medfence.io/component": "moat"}, object.StageMoat},
		"without its label, by its name":           {key{kindNetworkPolicy, "icu", "medfence-baseline-infusion"}, nil, object.StageBaseline},
		"with a false label, by its name":          {key{kindClusterPolicy, "", "medfence-guard-infusion"}, map[string]string{"medfence.io/component": "x"}, object.StageGuard},
		"all others are allows":                    {key{kindNetworkPolicy, "icu", "medfence-pump"}, nil, object.StageAllow},
		"a workload that is called group, as well": {key{kindCiliumPolicy, "icu", "medfence-group-a"}, nil, object.StageAllow},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := stageOf(tc.key, tc.labels); got != tc.want {
				t.Errorf("stage = %v, want %v", got, tc.want)
			}
		})
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func TestIntersect(t *testing.T) {
	cases := map[string]struct{ a, b, want []netip.Prefix }{
		"disjoint":              {prefixes("10.0.0.0/24"), prefixes("10.0.1.0/24"), nil},
		"one holds the other":   {prefixes("10.0.0.0/16"), prefixes("10.0.1.0/24"), prefixes("10.0.1.0/24")},
		"the other holds it":    {prefixes("10.0.1.0/24"), prefixes("10.0.0.0/16"), prefixes("10.0.1.0/24")},
		"families do not meet":  {prefixes("0.0.0.0/0"), prefixes("::/0"), nil},
		"several meet several":  {prefixes("10.0.0.0/24", "2001:db8::/64"), prefixes("10.0.0.0/25", "2001:db8::/32"), prefixes("10.0.0.0/25", "2001:db8::/64")},
		"nothing meets nothing": {nil, nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(asStrings(tc.want), asStrings(intersect(tc.a, tc.b))); diff != "" {
				t.Errorf("intersection (-want +got):\n%s", diff)
			}
		})
	}
}

func asStrings(list []netip.Prefix) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func TestAGroupWithOtherAddressesIsACopy(t *testing.T) {
	body := map[string]any{"spec": map[string]any{"externalCIDRs": []any{"10.0.0.0/24", "10.0.0.7", "nonsense"}}}
	got := content{body: body}.withPrefixes(append(cidrgroup.Prefixes(body), prefixes("10.0.1.0/24")...))
	if diff := cmp.Diff([]string{"10.0.0.0/23"}, asStrings(cidrgroup.Prefixes(got.body))); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.0/24"}, asStrings(cidrgroup.Prefixes(body))); diff != "" {
		t.Errorf("the original was modified:\n%s", diff)
	}
	empty := content{}.withPrefixes(nil)
	if diff := cmp.Diff(map[string]any{"spec": map[string]any{"externalCIDRs": []any{}}}, empty.body); diff != "" {
		t.Errorf("a group without addresses (-want +got):\n%s", diff)
	}
}

func TestGroupReferencesAreFoundAndRenamed(t *testing.T) {
	policy := content{body: map[string]any{"specs": []any{
		map[string]any{"egress": []any{map[string]any{"toCIDRSet": []any{
			map[string]any{"cidrGroupRef": "a"}, map[string]any{"cidrGroupRef": "b"}, map[string]any{"cidr": "10.0.0.0/8"},
		}}}},
	}}}
	if diff := cmp.Diff([]string{"a", "b"}, sortedSet(cidrgroup.Named(policy.body))); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	renamed := policy.withRefs(map[string]string{"a": "a-2", "b": "b"})
	if diff := cmp.Diff([]string{"a-2", "b"}, sortedSet(cidrgroup.Named(renamed.body))); diff != "" {
		t.Errorf("renamed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, sortedSet(cidrgroup.Named(policy.body))); diff != "" {
		t.Errorf("the original was modified:\n%s", diff)
	}
}

func TestTheGroupsOfAPlanBearTheirZonesUID(t *testing.T) {
	got := GroupsOf(&plan.Plan{
		Zones:  []plan.Zone{{Name: "infusion", UID: "u1"}, {Name: "imaging", UID: "u2"}},
		Groups: []plan.Group{{Zone: "imaging", Name: "medfence-imaging-1", Prefixes: prefixes("10.0.0.0/24")}},
	})
	want := []Group{{Name: "medfence-imaging-1", Owner: Owner{Zone: "imaging", UID: "u2"}, Prefixes: prefixes("10.0.0.0/24")}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
