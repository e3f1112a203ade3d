package apply

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/medfence/medfence/internal/cidrgroup"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/render/object"
)

// A move is a change of two zones of addresses (a and b) and of a zone whose
// pods read them (c). Groups and policies are given by short names.
type move struct{ before, after layout }

// A layout is what the three zones shall have.
type layout struct {
	a, b map[string][]api.CIDR // the zones' groups
	c    map[string][]string   // the groups that each policy reads
}

type addresses = map[string][]api.CIDR
type reading = map[string][]string

var moves = map[string]move{
	"a group is split": {
		layout{a: addresses{"g": {"10.0.0.1/32", "10.0.0.2/32"}}, c: reading{"r": {"g"}}},
		layout{a: addresses{"g": {"10.0.0.1/32"}, "h": {"10.0.0.2/32"}}, c: reading{"r": {"g", "h"}}},
	},
	"a group is renamed": {
		layout{a: addresses{"g": {"10.0.0.1/32"}}, c: reading{"r": {"g"}}},
		layout{a: addresses{"h": {"10.0.0.1/32"}}, c: reading{"r": {"h"}}},
	},
	"groups are merged": {
		layout{a: addresses{"g": {"10.0.0.1/32"}, "h": {"10.0.0.2/32"}}, c: reading{"r": {"g", "h"}}},
		layout{a: addresses{"g": {"10.0.0.1/32", "10.0.0.2/32"}}, c: reading{"r": {"g"}}},
	},
	"addresses change places": {
		layout{a: addresses{"g": {"10.0.0.1/32"}, "h": {"10.0.0.2/32"}}, c: reading{"r": {"g", "h"}}},
		layout{a: addresses{"g": {"10.0.0.2/32"}, "h": {"10.0.0.1/32"}}, c: reading{"r": {"g", "h"}}},
	},
	"addresses go to another zone": {
		layout{a: addresses{"g": {"10.0.0.0/24", "2001:db8::/64"}}, c: reading{"r": {"g"}}},
		layout{a: addresses{"g": {"10.0.0.0/25"}}, b: addresses{"h": {"10.0.0.128/25", "2001:db8::/64"}}, c: reading{"r": {"g", "h"}}},
	},
	"a zone is released and its addresses fall to a broader one": {
		layout{a: addresses{"g": {"10.0.1.0/24"}}, b: addresses{"h": {"10.0.0.0/24"}}, c: reading{"r": {"g", "h"}}},
		layout{b: addresses{"h": {"10.0.0.0/23"}}, c: reading{"r": {"h"}}},
	},
	"the reader is renamed at the same time": {
		layout{a: addresses{"g": {"10.0.0.1/32"}}, c: reading{"r": {"g"}}},
		layout{a: addresses{"h": {"10.0.0.1/32"}}, c: reading{"s": {"h"}}},
	},
	"another policy of the same pods takes over": {
		layout{a: addresses{"g": {"10.0.0.1/32", "10.0.0.2/32"}}, c: reading{"r": {"g"}, "s": {"g"}}},
		layout{a: addresses{"g": {"10.0.0.1/32"}}, b: addresses{"h": {"10.0.0.2/32"}}, c: reading{"s": {"g", "h"}}},
	},
	"some addresses move and some are revoked": {
		layout{a: addresses{"g": {"10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"}}, c: reading{"r": {"g"}}},
		layout{a: addresses{"g": {"10.0.0.1/32"}, "h": {"10.0.0.2/32"}}, c: reading{"r": {"g", "h"}}},
	},
	"a conduit ends": {
		layout{a: addresses{"g": {"10.0.0.1/32"}}, c: reading{"r": {"g"}}},
		layout{a: addresses{"h": {"10.0.0.1/32"}}},
	},
	"everything is released": {
		layout{a: addresses{"g": {"10.0.0.1/32"}}, b: addresses{"h": {"10.0.0.2/32"}}, c: reading{"r": {"g", "h"}}},
		layout{},
	},
}

// A hospital is the three zones of a move.
type hospital struct {
	a, b, c *lab
	zones   []*lab
}

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{a: newLab(t), b: newLab(t), c: newLab(t)}
	h.zones = []*lab{h.a, h.b, h.c}
	return h
}

// groups renders a zone's groups.
func (h *hospital) groups(l *lab, groups addresses) []object.Object {
	var out []object.Object
	for name, cidrs := range groups {
		out = append(out, l.group(h.full(name), cidrs...))
	}
	return out
}

func (h *hospital) full(group string) string { return h.a.name(group) }

func (h *hospital) policies(reads reading) []object.Object {
	var out []object.Object
	for name, groups := range reads {
		full := make([]string, 0, len(groups))
		for _, g := range groups {
			full = append(full, h.full(g))
		}
		out = append(out, h.c.allow("medfence-"+name, full...))
	}
	return out
}

// plan gives each zone its share of a layout.
func (h *hospital) plan(to layout) {
	h.a.request.Desired = h.groups(h.a, to.a)
	h.b.request.Desired = h.groups(h.b, to.b)
	h.c.request.Desired = h.policies(to.c)
	groups := append(h.a.planned(h.a.request.Desired...), h.b.planned(h.b.request.Desired...)...)
	policies := h.c.request.Desired
	for _, l := range h.zones {
		l.request.Groups = groups
		l.request.Readers = func(group string) []types.NamespacedName {
			var out []types.NamespacedName
			for _, p := range policies {
				if cidrgroup.Named(mustRender(l.T, p).body)[group] {
					out = append(out, types.NamespacedName{Namespace: p.GetNamespace(), Name: p.GetName()})
				}
			}
			return out
		}
	}
}

func mustRender(t *testing.T, o object.Object) content {
	c, err := rendered(o.KubeObject)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settle applies the zones in turn until none writes or waits.
func (h *hospital) settle(turn []*lab) {
	h.a.Helper()
	for range 8 {
		busy := false
		for _, l := range turn {
			set, err := l.try()
			l.must(err)
			busy = busy || len(l.wire.take()) > 0 || len(set.Waiting) > 0
		}
		if !busy {
			return
		}
	}
	h.a.Fatal("the zones do not come to rest")
}

// reached returns the addresses that the pods of zone c reach.
func (h *hospital) reached() []netip.Prefix {
	h.a.Helper()
	var out []netip.Prefix
	for _, name := range []string{"medfence-r", "medfence-s"} {
		u := h.a.live(key{kindCiliumPolicy, h.c.namespace, name})
		if u == nil {
			continue
		}
		for group := range cidrgroup.Named(u.Object) {
			if g := h.a.live(key{kindGroup, "", group}); g != nil {
				out = append(out, cidrgroup.Prefixes(g.Object)...)
			}
		}
	}
	return flow.MergePrefixes(out)
}

// watch judges the state of the cluster around every write: what was reached
// before and shall be after is never cut, and what shall be neither never opens.
func (h *hospital) watch(before, after []netip.Prefix) {
	always, ever := intersect(before, after), slices.Concat(before, after)
	for _, l := range h.zones {
		l.wire.before = func(_ int, request string) { h.judge("before "+request, always, ever) }
	}
}

func (h *hospital) judge(when string, always, ever []netip.Prefix) {
	now := h.reached()
	if cut := flow.SubtractPrefixes(always, now); len(cut) > 0 {
		h.a.Errorf("%s: cut %v", when, cut)
	}
	if opened := flow.SubtractPrefixes(now, ever); len(opened) > 0 {
		h.a.Errorf("%s: opened %v", when, opened)
	}
}

func TestMovingAddressesCutsAndOpensNothingInWhateverOrderZonesAreApplied(t *testing.T) {
	turns := [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	for name, m := range moves {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHospital(t)
			h.plan(m.after)
			h.settle(h.zones)
			after := h.reached()
			for _, turn := range turns {
				h.plan(m.before)
				h.settle(h.zones)
				before := h.reached()

				h.watch(before, after)
				h.plan(m.after)
				h.settle([]*lab{h.zones[turn[0]], h.zones[turn[1]], h.zones[turn[2]]})
				h.judge("at rest", after, after)
				for _, l := range h.zones {
					l.wire.before = nil
					l.rest(l.request.Desired...)
				}
			}
		})
	}
}

func TestAGroupSaysForWhatItWaits(t *testing.T) {
	m := moves["some addresses move and some are revoked"]
	h := newHospital(t)
	h.plan(m.before)
	h.settle(h.zones)
	h.plan(m.after)

	set, err := h.a.try()
	h.a.must(err)
	g := key{kindGroup, "", h.full("g")}
	want := []Change{g.change(fmt.Sprintf("%s/medfence-r does not name %s yet", h.c.namespace, h.full("h")))}
	if diff := cmp.Diff(want, set.Waiting); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if !set.Tidying {
		t.Error("that an address leaves its old group is said to be urgent")
	}
	// What is revoked goes at once; what moves is in both.
	if diff := cmp.Diff([]string{"10.0.0.1/32", "10.0.0.2/32"}, asStrings(cidrgroup.Prefixes(h.a.live(g).Object))); diff != "" {
		t.Errorf("the old group (-want +got):\n%s", diff)
	}

	// Waiting makes no request.
	set, err = h.a.try()
	h.a.must(err)
	if writes := h.a.wire.take(); len(writes) > 0 || len(set.Waiting) != 1 {
		t.Errorf("writes %q, waiting %v", writes, set.Waiting)
	}

	// Somebody else puts an address in: it goes, and what moves with it, since
	// the group can no longer be trusted.
	h.a.patch(g, `{"spec":{"externalCIDRs":["0.0.0.0/0"]}}`)
	set, err = h.a.try()
	h.a.must(err)
	if diff := cmp.Diff([]string{"10.0.0.1/32"}, asStrings(cidrgroup.Prefixes(h.a.live(g).Object))); diff != "" || len(set.Repaired) != 1 {
		t.Errorf("repaired %v, the old group (-want +got):\n%s", set.Repaired, diff)
	}
}

func TestAPolicyWaitsForTheAddressesOfItsNewGroup(t *testing.T) {
	m := moves["a group is renamed"]
	h := newHospital(t)
	h.plan(m.before)
	h.settle(h.zones)
	h.plan(m.after)
	set, err := h.c.try()
	h.c.must(err)
	policy := key{kindCiliumPolicy, h.c.namespace, "medfence-r"}
	want := []Change{policy.change(h.full("h") + " does not hold its new addresses yet")}
	if diff := cmp.Diff(want, set.Waiting); diff != "" || len(h.c.wire.take()) > 0 {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if set.Tidying {
		t.Error("an allow that waits for addresses is not urgent")
	}

	// A widened policy is repaired all the same.
	h.c.patch(policy, `{"spec":{"egress":[{"toEntities":["all"]}]}}`)
	set, err = h.c.try()
	h.c.must(err)
	if len(set.Repaired) != 1 || len(set.Waiting) != 0 {
		t.Errorf("repaired %v, waiting %v", set.Repaired, set.Waiting)
	}
}

// Observe to Enforce, while the zone of the peers has not written them yet.
func TestAZoneIsNotClosedBeforeThePeersOfItsAllowsAreWritten(t *testing.T) {
	l, peer := newLab(t), newLab(t)
	group := peer.group(peer.name("pacs"), "10.30.0.0/24")
	desired := []object.Object{l.allow("medfence-gateway", peer.name("pacs")), l.baseline(), l.closed()}
	l.request.Groups = peer.planned(group)

	set, writes := l.apply(desired...)
	l.order(writes, "create ciliumnetworkpolicies medfence-gateway")
	why := peer.name("pacs") + " does not hold its new addresses yet"
	want := []Change{atOf(l.closed()).change(why), atOf(l.baseline()).change(why)}
	if diff := cmp.Diff(want, set.Waiting); diff != "" || set.Tidying {
		t.Errorf("not urgent %t, waiting (-want +got):\n%s", set.Tidying, diff)
	}

	peer.settle(group)
	l.settle(desired...)
	l.rest(desired...)

	// Once closed, it stays closed: a baseline that somebody deletes waits for nobody.
	l.must(shared.admin.Delete(t.Context(), blank(atOf(group))))
	l.must(shared.admin.Delete(t.Context(), blank(atOf(l.baseline()))))
	set, _ = l.apply(desired...)
	if len(set.Repaired) != 1 || len(set.Waiting) != 0 {
		t.Errorf("repaired %v, waiting %v; want the baseline back at once", set.Repaired, set.Waiting)
	}
}

// A group of 2,000 addresses of which one moves.
func TestALargeGroupMovesOneAddressInThreeWrites(t *testing.T) {
	l := newLab(t)
	g, h := l.name("g"), l.name("h")
	var cidrs []api.CIDR
	for i := range 2000 {
		cidrs = append(cidrs, api.CIDR(fmt.Sprintf("10.%d.%d.%d/32", i/250, i%250, 2*(i%100)+1)))
	}
	before := []object.Object{l.group(g, cidrs...), l.allow("medfence-r", g)}
	after := []object.Object{l.group(g, cidrs[1:]...), l.group(h, cidrs[0]), l.allow("medfence-r", g, h)}
	for _, o := range slices.Concat(before, after) {
		if p, ok := o.KubeObject.(*ciliumv2.CiliumCIDRGroup); ok {
			slices.SortFunc(p.Spec.ExternalCIDRs, func(a, b api.CIDR) int {
				return flow.ComparePrefixes(netip.MustParsePrefix(string(a)), netip.MustParsePrefix(string(b)))
			})
		}
	}
	l.request.Groups = l.planned(before...)
	l.settle(before...)
	l.request.Groups = l.planned(after...)
	_, writes := l.apply(after...)
	l.order(writes,
		"create ciliumcidrgroups medfence-Z-h",
		"update ciliumnetworkpolicies medfence-r",
		"update ciliumcidrgroups medfence-Z-g",
	)
	if strings.Contains(fmt.Sprint(writes), "Z-g Z-g") {
		t.Error("the old group was written twice")
	}
	l.rest(after...)
}
