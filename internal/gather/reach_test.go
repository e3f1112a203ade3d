package gather_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/gather"
	"github.com/medfence/medfence/internal/gather/gathertest"
	"github.com/medfence/medfence/internal/snapshot"
)

func zoneWith(name string, edit func(*medfencev1alpha1.DeviceZone)) client.Object {
	z := &medfencev1alpha1.DeviceZone{}
	z.Name, z.UID = name, types.UID("uid-"+name)
	z.Spec.Role = medfencev1alpha1.RoleDevice
	if edit != nil {
		edit(z)
	}
	return z
}

func withCIDRs(cidrs ...string) func(*medfencev1alpha1.DeviceZone) {
	return func(z *medfencev1alpha1.DeviceZone) { z.Spec.Members.CIDRs = cidrs }
}

func withNamespaces(names ...string) func(*medfencev1alpha1.DeviceZone) {
	return func(z *medfencev1alpha1.DeviceZone) { z.Spec.Members.Namespaces = names }
}

func selectingTier(tier string) func(*medfencev1alpha1.DeviceZone) {
	return func(z *medfencev1alpha1.DeviceZone) {
		z.Spec.Role = medfencev1alpha1.RoleClinical
		z.Spec.Members.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": tier}}
	}
}

func joining(name, from, to string) client.Object {
	c := &medfencev1alpha1.Conduit{}
	c.Name, c.Spec.From.Zones, c.Spec.To.Zones = name, []string{from}, []string{to}
	return c
}

func deviceOf(zone, was string, addresses ...string) client.Object {
	d := &medfencev1alpha1.MedicalDevice{}
	d.Namespace, d.Name, d.Spec.Zone, d.Spec.Addresses = "inventory", "d", zone, addresses
	if was != "" {
		d.Status.Accepted = &medfencev1alpha1.AcceptedDevice{}
		d.Status.Accepted.Spec.Zone = was
	}
	return d
}

func namespaceWith(name, tier string) client.Object {
	n := gather.NewNamespace()
	n.Name, n.Labels = name, map[string]string{"tier": tier}
	return n
}

func groupOf(zone, name string, cidrs ...any) client.Object {
	return ours("cilium.io/v2", "CiliumCIDRGroup", "uid-"+zone,
		map[string]any{"name": name, "labels": map[string]any{medfencev1alpha1.LabelZone: zone}}, map[string]any{"externalCIDRs": cidrs})
}

func naming(kind, zone, group string) client.Object {
	return ours("cilium.io/v2", kind, "uid-"+zone, map[string]any{"name": "of-" + zone, "namespace": "n"},
		map[string]any{"egress": []any{map[string]any{"toCIDRSet": []any{map[string]any{"cidrGroupRef": group}}}}})
}

// What decides how a zone stands is gathered with it, and nothing else: a pass shall
// not take the longer the larger the hospital is.
func TestWhatDecidesIsGatheredAndNothingElse(t *testing.T) {
	netpol := gather.Settings{Target: snapshot.Netpol, Groups: true}
	cilium := gather.Settings{Target: snapshot.Cilium, Groups: true}
	far := zoneWith("far", withCIDRs("10.99.0.0/16"))
	for name, tc := range map[string]struct {
		settings gather.Settings
		objects  []client.Object
		told     closures
		want     []string // beside the zone that is asked for
		names    bool     // the names of all zones
	}{
		"nobody else": {objects: []client.Object{zoneWith("icu", withCIDRs("10.1.0.0/16"))}},
		"a longer prefix inside": {objects: []client.Object{
			zoneWith("icu", withCIDRs("10.1.0.0/16")), zoneWith("lab", withCIDRs("10.1.7.0/24")), zoneWith("beside", withCIDRs("10.2.0.0/16")),
		}, want: []string{"lab"}},
		"a shorter one around, and who else is in it": {objects: []client.Object{
			zoneWith("icu", withCIDRs("10.1.0.0/16")), zoneWith("site", withCIDRs("10.0.0.0/12")), zoneWith("lab", withCIDRs("10.2.0.0/16")),
		}, want: []string{"lab", "site"}},
		"a prefix that was accepted": {objects: []client.Object{
			zoneWith("icu", withCIDRs("10.1.0.0/16")), zoneWith("lab", func(z *medfencev1alpha1.DeviceZone) {
				z.Status.Accepted = &medfencev1alpha1.AcceptedZone{}
				z.Status.Accepted.Spec.Members.CIDRs = []string{"10.1.7.0/24"}
			}),
		}, want: []string{"lab"}},
		"who lists a namespace of it": {objects: []client.Object{
			zoneWith("icu", withNamespaces("n", "m")), zoneWith("lab", withNamespaces("m")), zoneWith("beside", withNamespaces("k")),
		}, want: []string{"lab"}},
		"who selects a namespace of it": {objects: []client.Object{
			zoneWith("icu", withNamespaces("n")), zoneWith("ehr", selectingTier("a")), zoneWith("pacs", selectingTier("b")), namespaceWith("n", "a"),
		}, want: []string{"ehr"}},
		"of whom it selects a namespace": {objects: []client.Object{
			zoneWith("icu", selectingTier("a")), zoneWith("lab", withNamespaces("n")), zoneWith("beside", withNamespaces("m")), namespaceWith("n", "a"), namespaceWith("m", "b"),
		}, want: []string{"lab"}},
		"whose baseline stands in a namespace of it": {objects: []client.Object{
			zoneWith("icu", withNamespaces("n")), zoneWith("lab", nil), baseline("uid-lab", "n"),
		}, want: []string{"lab"}},
		"whose baseline was just written there": {objects: []client.Object{
			zoneWith("icu", withNamespaces("n")), zoneWith("lab", nil),
		}, told: closures{"uid-lab": {"n"}}, want: []string{"lab"}},
		"in whose namespace its own baseline stands": {objects: []client.Object{
			zoneWith("icu", nil), zoneWith("lab", withNamespaces("n")), baseline("uid-icu", "n"),
		}, want: []string{"lab"}},
		"in whose namespace it was just written": {objects: []client.Object{
			zoneWith("icu", nil), zoneWith("lab", withNamespaces("n")),
		}, told: closures{"uid-icu": {"n"}}, want: []string{"lab"}},
		"the baseline of a zone that is gone": {objects: []client.Object{
			zoneWith("icu", withNamespaces("n")), baseline("uid-gone", "n"),
		}},
		"its conduits' other ends, theirs, and who meets these": {objects: []client.Object{
			zoneWith("icu", nil), zoneWith("ehr", nil), zoneWith("pacs", withCIDRs("10.3.0.0/16")), zoneWith("xray", withCIDRs("10.3.0.0/24")), zoneWith("fourth", nil),
			joining("a", "icu", "ehr"), joining("b", "ehr", "pacs"), joining("c", "pacs", "fourth"),
		}, want: []string{"ehr", "pacs", "xray"}},
		"who has an address of its device": {objects: []client.Object{
			zoneWith("icu", withCIDRs("10.1.0.0/16")), zoneWith("lab", withCIDRs("10.2.0.0/16")), deviceOf("icu", "", "10.2.0.7"),
		}, want: []string{"lab"}},
		"where its device comes from": {objects: []client.Object{
			zoneWith("icu", nil), zoneWith("lab", nil), deviceOf("icu", "lab"),
		}, want: []string{"lab"}},
		"on Cilium, who has an address that its group still holds": {settings: cilium, objects: []client.Object{
			zoneWith("icu", withCIDRs("10.1.0.0/16")), zoneWith("lab", withCIDRs("10.2.0.0/16")), groupOf("icu", "g", "10.1.0.0/16", "10.2.0.7/32"),
		}, want: []string{"lab"}},
		"on Cilium, whose policies still name its group": {settings: cilium, objects: []client.Object{
			zoneWith("icu", nil), zoneWith("lab", nil), zoneWith("ehr", withCIDRs("10.3.0.0/16")), zoneWith("xray", withCIDRs("10.3.0.0/24")), zoneWith("beside", nil),
			groupOf("icu", "g"), naming("CiliumClusterwideNetworkPolicy", "lab", "g"), naming("CiliumNetworkPolicy", "ehr", "g"),
			naming("CiliumNetworkPolicy", "beside", "other"),
		}, want: []string{"ehr", "lab", "xray"}},
		"the same once plain policies take over": {settings: netpol, objects: []client.Object{
			zoneWith("icu", nil), zoneWith("lab", nil), groupOf("icu", "g", "10.99.0.7/32"), naming("CiliumClusterwideNetworkPolicy", "lab", "g"),
		}, want: []string{"lab"}},
		"a conduit to a zone that does not exist": {objects: []client.Object{
			zoneWith("icu", nil), joining("a", "icu", "faar"),
		}, names: true},
		"a device that moves to one that does not exist": {objects: []client.Object{
			zoneWith("icu", nil), deviceOf("faar", "icu"),
		}, names: true},
	} {
		t.Run(name, func(t *testing.T) {
			memory, err := gathertest.New(&snapshot.Snapshot{})
			if err != nil {
				t.Fatal(err)
			}
			memory.Objects = append(slices.Clone(tc.objects), far)
			g := &gather.Gatherer{Reader: memory, Kinds: gathertest.Trusting{}, Settings: tc.settings, Closures: tc.told}
			got, err := g.Zone(t.Context(), "icu", time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			want := append([]string{"icu"}, tc.want...)
			slices.Sort(want)
			if diff := cmp.Diff(want, zoneNames(got.Snapshot)); diff != "" {
				t.Errorf("zones (-want +got):\n%s", diff)
			}
			if there := slices.Contains(got.OtherZones, "far"); there != tc.names || !there && len(got.OtherZones) > 0 {
				t.Errorf("the names of all zones are %q", got.OtherZones)
			}
		})
	}
}
