package apply

import (
	"slices"
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/render/object"
)

// A group goes, and its readers are of a zone that does not write meanwhile.
// Somebody adds an address that one of the readers shall have from another group,
// and the other one shall not have at all.
func TestAddressesThatSomebodyAddsToAGroupThatGoesDoNotStay(t *testing.T) {
	m := move{
		layout{a: addresses{"g": {"10.0.0.1/32"}}, b: addresses{"h": {"10.0.0.2/32"}}, c: reading{"r": {"g"}, "s": {"g"}}},
		layout{a: addresses{"k": {"10.0.0.1/32"}}, b: addresses{"h": {"10.0.0.2/32"}}, c: reading{"r": {"k", "h"}, "s": {"k"}}},
	}
	h := newHospital(t)
	h.plan(m.before)
	h.settle(h.zones)
	h.plan(m.after)
	set, err := h.a.try()
	h.a.must(err)
	g := key{kindGroup, "", h.full("g")}
	if len(set.Waiting) != 1 || set.Waiting[0].Name != g.name || !set.Tidying {
		t.Fatalf("waiting %v (only to be tidied up: %t), want %s", set.Waiting, set.Tidying, g)
	}

	h.a.patch(g, `{"spec":{"externalCIDRs":["10.0.0.1/32","10.0.0.2/32"]}}`)
	_, err = h.a.try()
	h.a.must(err)
	if live := h.a.live(g); live != nil {
		t.Errorf("the group still holds %v", cidrgroup.Prefixes(live.Object))
	}
	h.settle(h.zones)
	for _, l := range h.zones {
		l.rest(l.request.Desired...)
	}
}

// moatOf is a moat that denies by groups.
func (l *lab) moatOf(groups ...string) object.Object {
	out := l.clusterPolicy("moat", object.StageMoat)
	policy, ok := out.KubeObject.(*ciliumv2.CiliumClusterwideNetworkPolicy)
	if !ok {
		l.Fatalf("a moat is a %T", out.KubeObject)
	}
	var set api.CIDRRuleSlice
	for _, g := range groups {
		set = append(set, api.CIDRRule{CIDRGroupRef: api.CIDRGroupRef(g)})
	}
	rule := api.IngressDenyRule{IngressCommonRule: api.IngressCommonRule{FromCIDRSet: set}}
	if len(groups) == 0 {
		rule.FromEntities = api.EntitySlice{api.EntityUnmanaged}
	}
	policy.Spec.IngressDeny = []api.IngressDenyRule{rule}
	return out
}

// Addresses go from one enforced zone to another, whose moat is not there yet:
// they stay behind the old one, whoever changed its group, and nothing else does.
func TestAMoatKeepsItsAddressesThoughSomebodyChangedTheirGroup(t *testing.T) {
	for name, tc := range map[string]struct {
		rest []api.CIDR // of the group, in the end
		want []string   // while the other moat is not there
	}{
		"the group goes":  {nil, []string{"10.0.0.1/32"}},
		"the group stays": {[]api.CIDR{"10.0.0.4/32"}, []string{"10.0.0.1/32", "10.0.0.4/32"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, c := newLab(t), newLab(t), newLab(t)
			from, to, other := a.group(a.name("g"), append(tc.rest, "10.0.0.1/32")...), b.group(b.name("h"), "10.0.0.1/32"), c.group(c.name("p"), "10.0.0.3/32")
			wards := []Ward{
				{Owner: a.owner, Enforced: true, Guarded: true}, {Owner: b.owner, Enforced: true, Guarded: true}, {Owner: c.owner, Enforced: true, Guarded: true},
			}
			plan := func(groups ...Group) {
				for _, l := range []*lab{a, b, c} {
					l.request.Groups, l.request.Wards = groups, wards
				}
			}
			plan(append(a.planned(from), c.planned(other)...)...)
			c.settle(other, c.moatOf(c.name("p")))
			a.settle(from, a.moatOf(a.name("g")))

			left := []object.Object{a.moatOf()}
			if tc.rest != nil {
				left = []object.Object{a.group(a.name("g"), tc.rest...), a.moatOf(a.name("g"))}
			}
			plan(slices.Concat(a.planned(left...), b.planned(to), c.planned(other))...)
			a.patch(atOf(from), `{"spec":{"externalCIDRs":["10.0.0.1/32","10.0.0.3/32","192.0.2.0/24"]}}`)
			a.apply(left...)
			live := a.live(atOf(from))
			if live == nil {
				t.Fatal("nothing denies the address that moves")
			}
			if diff := cmp.Diff(tc.want, asStrings(cidrgroup.Prefixes(live.Object))); diff != "" {
				t.Errorf("the old group (-want +got):\n%s", diff)
			}

			b.settle(to, b.moatOf(b.name("h")))
			a.settle(left...)
			a.rest(left...)
			live = a.live(atOf(from))
			if there := live != nil; there != (tc.rest != nil) || there && len(cidrgroup.Prefixes(live.Object)) != len(tc.rest) {
				t.Errorf("the old group is %v", live)
			}
		})
	}
}

// Ours is overwritten where it is, whatever somebody says that it is: written
// beside, the altered one would be in force until nobody names it.
func TestWhatSomebodyRenamesIsOverwrittenWhereItIs(t *testing.T) {
	const opened = `,"spec":{"externalCIDRs":["0.0.0.0/0"]}}`
	for name, tc := range map[string]struct {
		beside bool // an object of somebody else
		patch  string
	}{
		"it loses its annotations":                             {false, `{"metadata":{"annotations":null}` + opened},
		"it says that it stands for another":                   {false, `{"metadata":{"annotations":{"medfence.io/stands-for":"OTHER"}}` + opened},
		"it says that it stands for nothing of ours":           {false, `{"metadata":{"annotations":{"medfence.io/stands-for":"nothing"}}` + opened},
		"one beside theirs is opened":                          {true, `{"metadata":{}` + opened},
		"one beside theirs loses its annotations":              {true, `{"metadata":{"annotations":null}` + opened},
		"one beside theirs loses its annotations and labels":   {true, `{"metadata":{"annotations":null,"labels":null}` + opened},
		"one beside theirs says that it stands for another":    {true, `{"metadata":{"annotations":{"medfence.io/stands-for":"OTHER"}}` + opened},
		"one beside theirs says that it is another zone's":     {true, `{"metadata":{"annotations":{"medfence.io/zone-uid":"another"}}` + opened},
		"one beside theirs says that it stands for nothing":    {true, `{"metadata":{"annotations":{"medfence.io/stands-for":""}}` + opened},
		"one beside theirs is opened and made to look written": {true, `{"metadata":{"annotations":{"medfence.io/intent":"0123456789abcdef"}}` + opened},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			desired := []object.Object{l.group(l.name("pumps"), "10.20.0.0/24"), l.group(l.name("all"), "10.30.0.0/24"), l.allow("medfence-gateway", l.name("pumps"))}
			l.request.Groups = l.planned(desired...)
			ours := atOf(desired[0])
			if tc.beside {
				l.foreign(desired[0])
				ours.name += "-2"
			}
			l.settle(desired...)
			before := l.state()

			l.patch(ours, strings.ReplaceAll(tc.patch, "OTHER", l.name("all")))
			set, writes := l.apply(desired...)
			if len(writes) != 1 || len(set.Repaired) != 1 || set.Repaired[0].Name != ours.name {
				t.Errorf("writes %q, repaired %v; want %s alone", writes, set.Repaired, ours)
			}
			if diff := cmp.Diff(before, l.state()); diff != "" {
				t.Errorf("not restored (-want +got):\n%s", diff)
			}
			l.rest(desired...)
		})
	}
}

// A suffix that is the name of another rendered object: whatever is said of
// whom, both are there in the end, once.
func TestTwoThatShareANameAreRepairedBoth(t *testing.T) {
	for name, patch := range map[string]string{
		"it is opened":             `{"spec":{"ingress":[{}]}}`,
		"it loses its annotations": `{"metadata":{"annotations":null},"spec":{"ingress":[{}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			first, second := l.netpol("medfence-gateway", 104), l.netpol("medfence-gateway-2", 443)
			l.foreign(first)
			l.settle(first)
			l.settle(first, second)
			l.patch(atOf(second), patch)
			l.settle(first, second)
			l.rest(first, second)
			stands := map[string]int{}
			for _, ref := range l.request.Recorded {
				u := l.live(key{ref.Kind, ref.Namespace, ref.Name})
				if u == nil || tampered(u) {
					t.Fatalf("%s is not as it was written", ref.Name)
				}
				stands[standsFor(u)]++
			}
			if diff := cmp.Diff(map[string]int{"medfence-gateway": 1, "medfence-gateway-2": 1}, stands); diff != "" {
				t.Errorf("how often each is there (-want +got):\n%s", diff)
			}
		})
	}
}

func TestANameTellsBesideWhichItWasFound(t *testing.T) {
	for name, want := range map[string]string{
		"medfence-x": "medfence-x", "medfence-x-2": "medfence-x", "medfence-x-9": "medfence-x", "medfence-x-2-2": "medfence-x-2",
		"medfence-x-1": "medfence-x-1", "medfence-x-10": "medfence-x-10", "medfence-x-a": "medfence-x-a", "medfence-x-": "medfence-x-",
		"-2": "", "": "", "2": "2",
	} {
		if got := withoutSuffix(name); got != want {
			t.Errorf("%q is beside %q, want %q", name, got, want)
		}
	}
}
