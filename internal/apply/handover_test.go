package apply

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/plan"
)

// closing is a cluster-wide policy with a spec for each list of namespaces.
func closing(operator string, lists ...[]any) map[string]any {
	var specs []any
	for _, names := range lists {
		specs = append(specs, map[string]any{"endpointSelector": map[string]any{"matchExpressions": []any{
			map[string]any{"key": "k8s:app", "operator": "Exists"},
			map[string]any{"key": namespaceKey, "operator": operator, "values": names},
		}}})
	}
	if len(specs) == 1 {
		return map[string]any{"spec": specs[0]}
	}
	return map[string]any{"specs": specs}
}

func TestWhichNamespacesAPolicyStopsClosing(t *testing.T) {
	type list = []any
	for name, tc := range map[string]struct {
		from, to map[string]any
		want     []string
	}{
		"none":                   {closing("In", list{"a", "b"}), closing("In", list{"b", "a"}), nil},
		"one of two":             {closing("In", list{"a", "b"}), closing("In", list{"b"}), []string{"a"}},
		"those of several specs": {closing("In", list{"a"}, list{"c", "b"}), closing("In", list{"b"}), []string{"a", "c"}},
		"all, when it goes":      {closing("In", list{"b", "a"}), nil, []string{"a", "b"}},
		"a moat closes none":     {closing("NotIn", list{"a"}), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, leaving(tc.from, tc.to)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestABaselineKeepsWhatAnotherZoneIsToClose(t *testing.T) {
	body := closing("In", []any{"b"})
	got := content{body: body}.withNamespaces([]string{"c", "a"})
	if diff := cmp.Diff(closing("In", []any{"a", "b", "c"}), got.body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(closing("In", []any{"b"}), body); diff != "" {
		t.Errorf("the rendered one was changed (-was +is):\n%s", diff)
	}
}

func TestOnlyEnforcedZonesCloseAnything(t *testing.T) {
	p := &plan.Plan{Target: targetWithGuards, Zones: []plan.Zone{
		{Name: "enforced", UID: "1", Enforce: true, Namespaces: []plan.Namespace{{Name: "a"}, {Name: "b", Held: true}}},
		{Name: "observed", UID: "2", Namespaces: []plan.Namespace{{Name: "c"}}},
		{Name: "released", UID: "3", Enforce: true, Released: true, Namespaces: []plan.Namespace{{Name: "d"}}},
	}}
	want := []Ward{
		{Owner: Owner{"enforced", "1"}, Namespaces: []string{"a", "b"}, Enforced: true, Guarded: true},
		{Owner: Owner{"observed", "2"}},
		{Owner: Owner{"released", "3"}},
	}
	if diff := cmp.Diff(want, WardsOf(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Target = "netpol"
	if slices.ContainsFunc(WardsOf(p), func(w Ward) bool { return w.Guarded }) {
		t.Error("NetworkPolicies have no guards")
	}
	r := &run{req: Request{Wards: want}}
	if r.ward("2") != &want[1] || r.ward("4") != nil {
		t.Error("zones are found by their UIDs")
	}
}
