package object_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

// linksOf returns "to peer" for each link and each zone on its other side.
func linksOf(ix *object.Index, key plan.WorkloadKey) []string {
	var out []string
	for _, l := range ix.Links(key) {
		for _, e := range l.Peers {
			out = append(out, string(l.Direction)+" "+e.Zone+" "+l.Conduit.Name)
		}
	}
	return out
}

func TestAConduitLinksTheWorkloadsOfItsSides(t *testing.T) {
	keys := func(k ...plan.WorkloadKey) []plan.WorkloadKey { return k }
	device := plan.End{Zone: "device", Workloads: keys(podA)}
	cases := map[string]struct {
		change func(*plan.Conduit)
		target snapshot.TargetKind
		podA   []string
		peer   []string
	}{
		"both sides": {
			change: func(*plan.Conduit) {},
			podA:   []string{"to peer c"}, peer: []string{"from device c"},
		},
		"not before it begins": {change: func(c *plan.Conduit) { c.State = plan.Scheduled }},
		"not after it expired": {change: func(c *plan.Conduit) { c.State = plan.Expired }},
		"not while it was never accepted": {
			change: func(c *plan.Conduit) { c.Standing = plan.Absent },
		},
		"nor without services": {change: func(c *plan.Conduit) { c.Services = nil }},
		"nor without members on the other side": {
			change: func(c *plan.Conduit) { c.To[0].Workloads = nil },
		},
		"nor where the other side is unknown": {
			change: func(c *plan.Conduit) {
				c.To[0] = plan.End{Zone: "peer", Workloads: keys(plan.WorkloadKey{Zone: "gone"}), Groups: []string{"gone"}}
			},
		},
		"nor where its group has no addresses": {
			change: func(c *plan.Conduit) { c.To[0] = plan.End{Zone: "peer", Groups: []string{"medfence-peer-empty"}} },
		},
		"addresses are a side of their own": {
			change: func(c *plan.Conduit) { c.To[0] = plan.End{Zone: "peer", Groups: []string{"medfence-peer-1"}} },
			podA:   []string{"to peer c"},
		},
		"a zone to itself, alone on both sides": {
			change: func(c *plan.Conduit) { c.To = []plan.End{device} },
			podA:   []string{"from device c", "to device c"},
		},
		"but not a zone to itself among others": {
			change: func(c *plan.Conduit) { c.To = append(c.To, device) },
			podA:   []string{"to peer c"}, peer: []string{"from device c"},
		},
		"nor two peers: nobody restricts them": {
			change: func(c *plan.Conduit) {
				c.From = append(c.From, plan.End{Zone: "other", Workloads: keys(other)})
			},
			podA: []string{"to peer c"}, peer: []string{"from device c"},
		},
		"names are for Cilium": {
			change: func(c *plan.Conduit) { c.To[0] = plan.End{Zone: "peer", FQDNs: []string{"a.example"}} },
			podA:   []string{"to peer c"},
		},
		"and nothing to a NetworkPolicy": {
			change: func(c *plan.Conduit) { c.To[0] = plan.End{Zone: "peer", FQDNs: []string{"a.example"}} },
			target: snapshot.Netpol,
		},
		"as are entities": {
			change: func(c *plan.Conduit) {
				c.To[0] = plan.End{Zone: "peer", Entities: []medfencev1alpha1.Entity{medfencev1alpha1.EntityNodes}}
			},
			target: snapshot.Netpol,
		},
		"a name never begins a flow": {
			change: func(c *plan.Conduit) {
				c.From, c.To = []plan.End{{Zone: "peer", FQDNs: []string{"a.example"}}}, c.From
			},
		},
		"a name that is all wildcards is nobody": {
			change: func(c *plan.Conduit) { c.To[0] = plan.End{Zone: "peer", FQDNs: []string{"*", "**.", "*.*"}} },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := toPeer("c", ports(flow.TCP, 1))
			tc.change(&c)
			target := tc.target
			if target == "" {
				target = snapshot.Cilium
			}
			ix := object.NewIndex(planOf(target, c))
			if diff := cmp.Diff(tc.podA, linksOf(ix, podA), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("device (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.peer, linksOf(ix, peer), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("peer (-want +got):\n%s", diff)
			}
			if got := linksOf(ix, podB); len(got) > 0 {
				t.Errorf("a pod in no conduit: %v", got)
			}
		})
	}
}

func TestAServiceThatTheTargetCannotExpressLinksNobody(t *testing.T) {
	cases := map[string]struct {
		service        flow.Service
		netpol, cilium bool
	}{
		"ports":                           {ports(flow.TCP, 104), true, true},
		"SCTP":                            {ports(flow.SCTP, 104), true, true},
		"no ports, which would be all":    {ports(flow.TCP), false, false},
		"port 0, which would be all":      {ports(flow.TCP, 0), false, false},
		"an unknown protocol":             {ports("GRE", 1), false, false},
		"no protocol":                     {ports("", 1), false, false},
		"ICMP":                            {flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{8}}, false, true},
		"ICMP type 0, which would be all": {flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{0}}, false, false},
		"ICMP type 0 among others":        {flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{0, 8}}, false, true},
		"ICMP without types":              {flow.Service{Protocol: flow.ICMP}, false, false},
		"ICMP with requests":              {flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{8}, HTTP: []flow.HTTPRule{{}}}, false, false},
		"HTTP":                            {flow.Service{Protocol: flow.TCP, Ports: ports("", 80).Ports, HTTP: []flow.HTTPRule{{Method: "GET"}}}, false, true},
		"HTTP over UDP":                   {flow.Service{Protocol: flow.UDP, Ports: ports("", 80).Ports, HTTP: []flow.HTTPRule{{Method: "GET"}}}, false, false},
		"HTTP with a broken path alone":   {flow.Service{Protocol: flow.TCP, Ports: ports("", 80).Ports, HTTP: []flow.HTTPRule{{Path: "(["}}}, false, false},
		"HTTP with a broken path of two":  {flow.Service{Protocol: flow.TCP, Ports: ports("", 80).Ports, HTTP: []flow.HTTPRule{{Path: "(["}, {Path: "/a"}}}, false, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for target, want := range map[snapshot.TargetKind]bool{snapshot.Netpol: tc.netpol, snapshot.Cilium: tc.cilium} {
				ix := object.NewIndex(planOf(target, toPeer("c", tc.service)))
				if got := len(ix.Links(podA)) > 0; got != want {
					t.Errorf("%s: got %t, want %t", target, got, want)
				}
			}
		})
	}
}

func TestPort0IsCutOffARange(t *testing.T) {
	s := flow.Service{Protocol: flow.TCP, Ports: flow.PortSet{{Port: 0, End: 9}}}
	ix := object.NewIndex(planOf(snapshot.Cilium, toPeer("c", s)))
	want := []object.Port{{Protocol: flow.TCP, Range: flow.PortRange{Port: 1, End: 9}}}
	if diff := cmp.Diff(want, object.Rules(ix.Links(podA), object.Egress)[0].Ports); diff != "" {
		t.Error(diff)
	}
	if s.Ports[0].Port != 0 {
		t.Error("the plan was modified")
	}
}

func TestOnlyLivingZonesAndNamespacesThatExistAreWrittenTo(t *testing.T) {
	p := planOf(snapshot.Netpol)
	p.Zones[0].Namespaces = []plan.Namespace{{Name: "icu", Exists: true}}
	p.Zones = append(p.Zones, plan.Zone{Name: "gone", Released: true})
	workloads := func() int {
		ix := object.NewIndex(p)
		return len(ix.Workloads(ix.Zone("device")))
	}
	if got := workloads(); got != 2 {
		t.Errorf("an open namespace: %d workloads, want 2", got)
	}
	p.Zones[0].Namespaces[0].Terminating = true
	if got := workloads(); got != 2 {
		t.Errorf("a namespace that is being deleted, with pods that take their time: %d workloads, want 2", got)
	}
	p.Zones[0].Namespaces[0] = plan.Namespace{Name: "icu"}
	if got := workloads(); got != 0 {
		t.Errorf("a namespace that is not there: %d workloads", got)
	}
	ix := object.NewIndex(p)
	if ix.Zone("gone") != nil || ix.Zone("unknown") != nil {
		t.Error("a released or unknown zone is rendered")
	}
	if diff := cmp.Diff([]string{"device", "gone", "other", "peer"}, ix.ZoneNames()); diff != "" {
		t.Error(diff)
	}
}

func TestAnICMPTypeIsRenderedInTheFamiliesThatKnowIt(t *testing.T) {
	for icmpType, want := range map[uint8][2]bool{
		5: {true, false}, 8: {true, false}, 13: {true, false}, 43: {true, false}, // IPv4 alone
		128: {false, true}, 129: {false, true}, 135: {false, true}, 160: {false, true}, // IPv6 alone
		3: {true, true}, 4: {true, true}, // errors, by one number or another, in both
		1: {true, true}, 2: {true, true}, 100: {true, true}, 255: {true, true},
	} {
		if v4, v6 := object.ICMPFamilies(icmpType); v4 != want[0] || v6 != want[1] {
			t.Errorf("type %d: IPv4 %t, IPv6 %t, want %v", icmpType, v4, v6, want)
		}
	}
	for icmpType := range 256 {
		if v4, v6 := object.ICMPFamilies(uint8(icmpType)); !v4 && !v6 {
			t.Errorf("type %d is rendered in no family", icmpType)
		}
	}
}
