package apply

import (
	"slices"
	"strings"
	"testing"
	"time"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/cidrgroup"
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
				ToCIDRSet: api.CIDRRuleSlice{{CIDRGroupSelector: selector(cidrgroup.LabelPrefix+g, slimmetav1.LabelSelectorOpDoesNotExist)}},
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
	l.wire.refuse = func(request string) bool { return strings.HasPrefix(request, "create") }
	l.request.Desired = []object.Object{l.allow("medfence-other"), l.guardOf(map[string][]string{"b": nil, "c": nil})}
	if _, err := l.try(); err == nil {
		t.Fatal("the new allow went through")
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

// A new allow is for somebody who waits for it, and permits nothing that is not
// permitted at the end: it is created while the guard is tightened (0042).
func TestANewAllowDoesNotWaitForAGuardThatTightens(t *testing.T) {
	l := newLab(t)
	l.settle(l.allow("medfence-gateway"), l.guardOf(map[string][]string{"a": nil, "b": nil}))
	met := l.together(2, time.Minute)
	after := []object.Object{l.allow("medfence-other"), l.guardOf(map[string][]string{"b": nil, "c": nil})}
	_, writes := l.apply(after...)
	if got := met(); got != 2 {
		t.Errorf("%d of %q at once, want 2", got, writes)
	}
	slices.Sort(writes[:2])
	l.order(writes, "create ciliumnetworkpolicies medfence-other", "update ciliumclusterwidenetworkpolicies medfence-guard-Z",
		"update ciliumclusterwidenetworkpolicies medfence-guard-Z", "delete ciliumnetworkpolicies medfence-gateway")
	l.rest(after...)
}

// Whichever of the two fails, the other is written, and nothing that must come after
// the guard is: neither an allow that changes, nor the guard's last form, nor a delete.
func TestNothingElseIsWrittenBesideAGuardThatCannotBeTightened(t *testing.T) {
	const guard = "update ciliumclusterwidenetworkpolicies medfence-guard-Z"
	const allow = "create ciliumnetworkpolicies medfence-other"
	for _, failing := range []string{guard, allow} {
		t.Run(failing, func(t *testing.T) {
			l := newLab(t)
			pumps := l.group(l.name("pumps"), "10.20.0.0/24")
			l.request.Groups = l.planned(pumps)
			l.settle(pumps, l.allow("medfence-gateway"), l.allow("medfence-old"), l.guardOf(map[string][]string{"a": nil, "b": nil}))
			l.request.Desired = []object.Object{
				pumps, l.allow("medfence-gateway", l.name("pumps")), l.allow("medfence-other"), l.guardOf(map[string][]string{"b": nil, "c": nil}),
			}
			l.wire.refuse = func(request string) bool {
				return strings.HasPrefix(strings.ReplaceAll(request, l.owner.Zone, "Z"), failing)
			}
			if _, err := l.try(); err == nil || !strings.Contains(err.Error(), "Cilium") {
				t.Errorf("error = %v, want that of the write that failed", err)
			}
			writes := l.wire.take()
			slices.Sort(writes)
			l.order(writes, allow, guard)
			l.wire.refuse = nil
			l.settle(l.request.Desired...)
			l.rest(l.request.Desired...)
		})
	}
}

// What holds back the allows of a namespace holds back the new ones too.
func TestANewAllowWaitsForItsGroups(t *testing.T) {
	l := newLab(t)
	l.settle(l.allow("medfence-gateway"), l.guardOf(map[string][]string{"a": nil, "b": nil}))
	pumps := l.group(l.name("pumps"), "10.20.0.0/24")
	l.request.Groups = l.planned(pumps)
	l.request.Desired = []object.Object{pumps, l.allow("medfence-gateway"), l.allow("medfence-other", l.name("pumps")), l.guardOf(map[string][]string{"b": nil, "c": nil})}
	l.wire.refuse = func(request string) bool { return strings.HasPrefix(request, "create ciliumcidrgroups") }
	if _, err := l.try(); err == nil {
		t.Fatal("the group was written")
	}
	if writes := l.wire.take(); slices.ContainsFunc(writes, func(w string) bool { return strings.Contains(w, "policies") }) {
		t.Errorf("wrote %q although the group failed", writes)
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
	if text := asJSON(live.Object["specs"]); !strings.Contains(text, cidrgroup.LabelPrefix+l.name("pumps")+`-2"`) {
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
