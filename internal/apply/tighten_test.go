package apply

import (
	"slices"
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/render/object"
)

// guardOf is a guard with a spec for each word; a spec may name groups.
func (l *lab) guardOf(specs map[string][]string) object.Object {
	guard := &ciliumv2.CiliumClusterwideNetworkPolicy{
		TypeMeta:   typeMeta(kindClusterPolicy),
		ObjectMeta: l.meta("", "medfence-guard-"+l.owner.Zone, "guard"),
	}
	for _, word := range []string{"a", "b", "c"} {
		groups, ok := specs[word]
		if !ok {
			continue
		}
		selector := func(key string, op slimmetav1.LabelSelectorOperator) api.EndpointSelector {
			return api.EndpointSelector{LabelSelector: &slimmetav1.LabelSelector{
				MatchExpressions: []slimmetav1.LabelSelectorRequirement{{Key: key, Operator: op}},
			}}
		}
		rule := &api.Rule{
			EndpointSelector:  selector("k8s:"+word, slimmetav1.LabelSelectorOpExists),
			EnableDefaultDeny: api.DefaultDenyConfig{Ingress: new(false), Egress: new(false)},
			IngressDeny:       []api.IngressDenyRule{{IngressCommonRule: api.IngressCommonRule{FromEntities: api.EntitySlice{api.EntityUnmanaged}}}},
		}
		for _, g := range groups {
			rule.EgressDeny = append(rule.EgressDeny, api.EgressDenyRule{EgressCommonRule: api.EgressCommonRule{
				ToCIDRSet: api.CIDRRuleSlice{{CIDRGroupSelector: selector(groupKey+g, slimmetav1.LabelSelectorOpDoesNotExist)}},
			}})
		}
		guard.Specs = append(guard.Specs, rule)
	}
	return object.Object{Stage: object.StageGuard, KubeObject: guard}
}

func TestAGuardIsTightenedBeforeAnAllowChangesAndRelaxedAfter(t *testing.T) {
	const (
		guard = "update ciliumclusterwidenetworkpolicies medfence-guard-Z"
		allow = "update ciliumnetworkpolicies medfence-gateway"
	)
	atOnce := []string{guard, allow}
	cases := map[string]struct {
		before, after map[string][]string
		want          []string // sorted, where they are made at once
	}{
		"it denies more":           {map[string][]string{"a": nil}, map[string][]string{"a": nil, "b": nil}, []string{guard, allow}},
		"it denies less":           {map[string][]string{"a": nil, "b": nil}, map[string][]string{"a": nil}, atOnce},
		"it denies something else": {map[string][]string{"a": nil, "b": nil}, map[string][]string{"a": nil, "c": nil}, []string{guard, allow, guard}},
		"a rule more of one spec":  {map[string][]string{"a": {"g"}}, map[string][]string{"a": {"g", "h"}}, []string{guard, allow}},
		"a rule less of one spec":  {map[string][]string{"a": {"g", "h"}}, map[string][]string{"a": {"g"}}, atOnce},
		"another rule of one spec": {map[string][]string{"a": {"g"}}, map[string][]string{"a": {"h"}}, []string{guard, allow, guard}},
		"it denies the same":       {map[string][]string{"a": nil}, map[string][]string{"a": nil}, []string{allow}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			pumps := l.group(l.name("pumps"), "10.20.0.0/24")
			rest := []object.Object{pumps, l.closed()}
			l.settle(append(rest, l.allow("medfence-gateway"), l.guardOf(tc.before))...)
			after := append(rest, l.allow("medfence-gateway", l.name("pumps")), l.guardOf(tc.after))
			l.request.Groups = l.planned(pumps)
			_, writes := l.apply(after...)
			if &tc.want[0] == &atOnce[0] {
				slices.Sort(writes)
			}
			l.order(writes, tc.want...)
			l.rest(after...)
		})
	}
}

func TestATightenedGuardHoldsTheSpecsOfBothForms(t *testing.T) {
	l := newLab(t)
	l.settle(l.allow("medfence-gateway"), l.guardOf(map[string][]string{"a": nil, "b": nil}))
	l.wire.cutAt, l.wire.late = 2, false
	l.request.Desired = []object.Object{l.allow("medfence-other"), l.guardOf(map[string][]string{"b": nil, "c": nil})}
	if _, err := l.try(); err == nil {
		t.Fatal("the second write went through")
	}
	live := l.live(atOf(l.guardOf(nil)))
	text := asJSON(live.Object["specs"])
	for _, word := range []string{"k8s:a", "k8s:b", "k8s:c"} {
		if strings.Count(text, word+`"`) != 1 {
			t.Errorf("the spec of %s is there %d times", word, strings.Count(text, word+`"`))
		}
	}
	if live.GetAnnotations()[AnnotationTightened] == "" {
		t.Error("nothing says that it is between two forms")
	}
	l.restart()
	l.settle(l.request.Desired...)
	live = l.live(atOf(l.guardOf(nil)))
	if text := asJSON(live.Object["specs"]); strings.Contains(text, "k8s:a") || live.GetAnnotations()[AnnotationTightened] != "" {
		t.Errorf("at rest it is still between two forms: %s", text)
	}
}

func TestAGuardIsNotWrittenBeforeItsGroupsHoldTheirAddresses(t *testing.T) {
	a, b := newLab(t), newLab(t)
	moved := b.group(b.name("moved"), "10.20.0.0/24")
	guard := a.guardOf(map[string][]string{"a": {b.name("moved")}})
	a.request.Groups = b.planned(moved)
	set, writes := a.apply(guard)
	if len(writes) > 0 || len(set.Waiting) != 1 || set.Tidying {
		t.Errorf("wrote %q, waiting %v: a complement of an empty group denies everyone", writes, set.Waiting)
	}
	if diff := cmp.Diff([]Change{atOf(moved).change("")}, set.Awaited); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}
	b.settle(moved)
	_, writes = a.apply(guard)
	a.order(writes, "create ciliumclusterwidenetworkpolicies medfence-guard-Z")
}

// The zone that owns the group writes it at the same time: whoever comes to the
// guard after that need not wait.
func TestAGroupThatComesDuringAPassIsSeenByIt(t *testing.T) {
	a, b := newLab(t), newLab(t)
	moved := b.group(b.name("moved"), "10.20.0.0/24")
	a.request.Groups = b.planned(moved)
	a.wire.before = func(n int, _ string) {
		if n == 1 {
			b.settle(moved)
			a.sync()
		}
	}
	set, writes := a.apply(a.allow("medfence-gateway", b.name("moved")), a.guardOf(map[string][]string{"a": {b.name("moved")}}))
	a.order(writes, "create ciliumnetworkpolicies medfence-gateway", "create ciliumclusterwidenetworkpolicies medfence-guard-Z")
	if len(set.Waiting) > 0 {
		t.Errorf("waits for %v", set.Waiting)
	}
}

func TestAGuardNamesItsGroupsByTheNamesThatTheyHave(t *testing.T) {
	l := newLab(t)
	pumps := l.group(l.name("pumps"), "10.20.0.0/24")
	theirs := l.group(l.name("pumps"), "0.0.0.0/0")
	theirs.SetAnnotations(nil)
	l.must(shared.admin.Create(t.Context(), theirs.KubeObject))
	l.request.Groups = l.planned(pumps)
	l.settle(pumps, l.guardOf(map[string][]string{"a": {l.name("pumps")}}))
	live := l.live(atOf(l.guardOf(nil)))
	if text := asJSON(live.Object["specs"]); !strings.Contains(text, groupKey+l.name("pumps")+`-2"`) {
		t.Errorf("the guard trusts somebody else's group: %s", text)
	}
}

// A zone goes from Enforce to Observe while addresses of its peer change their
// group: its policy reads the new group already, its guard still stands.
func TestAGroupWaitsForAGuardThatIsToGo(t *testing.T) {
	l, peer := newLab(t), newLab(t)
	old, next := peer.group(peer.name("old"), "10.30.0.1/32"), peer.group(peer.name("new"), "10.30.0.1/32")
	l.request.Groups = peer.planned(old)
	peer.settle(old)
	l.settle(l.allow("medfence-router", peer.name("old")), l.guardOf(map[string][]string{"a": {peer.name("old")}}))

	guard := types.NamespacedName{Name: "medfence-guard-" + l.owner.Zone}
	groups := peer.planned(next)
	l.request.Groups, peer.request.Groups = groups, groups
	peer.request.Readers = func(group string) []types.NamespacedName {
		if group != peer.name("new") {
			return nil
		}
		return []types.NamespacedName{guard, {Namespace: l.namespace, Name: "medfence-router"}}
	}
	peer.apply(next)
	l.apply(l.allow("medfence-router", peer.name("new")), l.guardOf(map[string][]string{"a": {peer.name("old")}}))
	peer.sync()
	set, writes := peer.apply(next)
	want := []Change{atOf(old).change(guard.Name + " does not name " + peer.name("new") + " yet")}
	if diff := cmp.Diff(want, set.Waiting); diff != "" || len(writes) > 0 {
		t.Errorf("writes %q, waiting (-want +got):\n%s", writes, diff)
	}
	awaited := []Change{{Kind: kindClusterPolicy, Name: guard.Name}}
	if diff := cmp.Diff(awaited, set.Awaited); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}

	l.settle(l.allow("medfence-router", peer.name("new")))
	peer.settle(next)
	peer.rest(next)
	if peer.live(atOf(old)) != nil {
		t.Error("the old group is left")
	}
}
