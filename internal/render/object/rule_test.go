package object_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

// The plan of these tests: pods a and b of a Device zone, pods and addresses of
// peers.
var (
	podA  = plan.WorkloadKey{Zone: "device", Namespace: "icu", Selector: "app=a"}
	podB  = plan.WorkloadKey{Zone: "device", Namespace: "icu", Selector: "app=b"}
	peer  = plan.WorkloadKey{Zone: "peer", Namespace: "ehr"}
	other = plan.WorkloadKey{Zone: "other", Namespace: "lab"}
)

func planOf(target snapshot.TargetKind, conduits ...plan.Conduit) *plan.Plan {
	p := &plan.Plan{
		Target: target,
		Zones: []plan.Zone{
			{Name: "device", Role: medfencev1alpha1.RoleDevice}, {Name: "other", Role: medfencev1alpha1.RoleCorporate},
			{Name: "peer", Role: medfencev1alpha1.RoleClinical},
		},
		Groups: []plan.Group{
			{Zone: "peer", Name: "medfence-peer-1", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}},
			{Zone: "peer", Name: "medfence-peer-empty"},
		},
		Conduits: conduits,
	}
	for _, key := range []plan.WorkloadKey{podA, podB, peer, other} {
		p.Workloads = append(p.Workloads, plan.Workload{WorkloadKey: key})
	}
	return p
}

func ports(protocol flow.Protocol, list ...uint16) flow.Service {
	s := flow.Service{Protocol: protocol}
	for _, port := range list {
		s.Ports = append(s.Ports, flow.PortRange{Port: port, End: port})
	}
	return s
}

func toPeer(name string, services ...flow.Service) plan.Conduit {
	return plan.Conduit{
		Name: name, Standing: plan.Current, State: plan.Active, Services: services,
		From: []plan.End{{Zone: "device", Workloads: []plan.WorkloadKey{podA}}},
		To:   []plan.End{{Zone: "peer", Workloads: []plan.WorkloadKey{peer}}},
	}
}

func toOther(services ...flow.Service) plan.Conduit {
	c := toPeer("b", services...)
	c.To = []plan.End{{Zone: "other", Workloads: []plan.WorkloadKey{other}}}
	return c
}

func tcp(list ...uint16) []object.Port {
	var out []object.Port
	for _, port := range list {
		out = append(out, object.Port{Protocol: flow.TCP, Range: flow.PortRange{Port: port, End: port}})
	}
	return out
}

func rule(workloads []plan.WorkloadKey, access object.Access) object.Rule {
	return object.Rule{Peers: object.Peers{Workloads: workloads}, Access: access}
}

func TestRulesAreMergedExactly(t *testing.T) {
	get := []flow.HTTPRule{{Method: "GET"}}
	withHTTP := func(s flow.Service, rules []flow.HTTPRule) flow.Service {
		s.HTTP = rules
		return s
	}
	cases := map[string]struct {
		conduits []plan.Conduit
		want     []object.Rule
	}{
		"equal peers: their ports are joined": {
			conduits: []plan.Conduit{toPeer("a", ports(flow.TCP, 104)), toPeer("b", ports(flow.TCP, 11112))},
			want:     []object.Rule{rule([]plan.WorkloadKey{peer}, object.Access{Ports: tcp(104, 11112)})},
		},
		"equal ports: their peers are joined": {
			conduits: []plan.Conduit{toPeer("a", ports(flow.TCP, 104)), toOther(ports(flow.TCP, 104))},
			want:     []object.Rule{rule([]plan.WorkloadKey{peer, other}, object.Access{Ports: tcp(104)})},
		},
		"different peers and ports: they stay apart": {
			conduits: []plan.Conduit{toPeer("a", ports(flow.TCP, 104)), toOther(ports(flow.TCP, 105))},
			want: []object.Rule{
				rule([]plan.WorkloadKey{other}, object.Access{Ports: tcp(105)}),
				rule([]plan.WorkloadKey{peer}, object.Access{Ports: tcp(104)}),
			},
		},
		"joining peers makes rules equal that were not: they are joined too": {
			conduits: []plan.Conduit{
				toPeer("a", ports(flow.TCP, 1)), toOther(ports(flow.TCP, 1)),
				{
					Name: "c", Standing: plan.Current, State: plan.Active, Services: []flow.Service{ports(flow.UDP, 7)},
					From: []plan.End{{Zone: "device", Workloads: []plan.WorkloadKey{podA}}},
					To:   []plan.End{{Zone: "peer", Workloads: []plan.WorkloadKey{peer}}, {Zone: "other", Workloads: []plan.WorkloadKey{other}}},
				},
			},
			want: []object.Rule{rule([]plan.WorkloadKey{peer, other}, object.Access{
				Ports: append(tcp(1), object.Port{Protocol: flow.UDP, Range: flow.PortRange{Port: 7, End: 7}}),
			})},
		},
		"one number of two protocols is two ports": {
			conduits: []plan.Conduit{toPeer("a", ports(flow.TCP, 53)), toOther(ports(flow.UDP, 53))},
			want: []object.Rule{
				rule([]plan.WorkloadKey{other}, object.Access{
					Ports: []object.Port{{Protocol: flow.UDP, Range: flow.PortRange{Port: 53, End: 53}}},
				}),
				rule([]plan.WorkloadKey{peer}, object.Access{Ports: tcp(53)}),
			},
		},
		"HTTP is not joined with plain ports": {
			conduits: []plan.Conduit{toPeer("a", ports(flow.TCP, 80)), toPeer("b", withHTTP(ports(flow.TCP, 443), get))},
			want: []object.Rule{
				rule([]plan.WorkloadKey{peer}, object.Access{Ports: tcp(80)}),
				rule([]plan.WorkloadKey{peer}, object.Access{Ports: tcp(443), HTTP: get}),
			},
		},
		"ICMP is not joined with ports": {
			conduits: []plan.Conduit{toPeer("a", ports(flow.TCP, 80), flow.Service{Protocol: flow.ICMP, ICMPTypes: []uint8{8, 5, 8, 0}})},
			want: []object.Rule{
				rule([]plan.WorkloadKey{peer}, object.Access{Ports: tcp(80)}),
				rule([]plan.WorkloadKey{peer}, object.Access{ICMPTypes: []uint8{5, 8}}),
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				ix := object.NewIndex(planOf(snapshot.Cilium, tc.conduits...))
				got := object.Rules(ix.Links(podA), object.Egress)
				if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				slices.Reverse(tc.conduits) // no difference
			}
		})
	}
}

func TestPeersOfDifferentKindsAreTakenApart(t *testing.T) {
	in := object.Rule{
		Peers: object.Peers{
			Workloads: []plan.WorkloadKey{peer}, Groups: []string{"g"}, FQDNs: []string{"a.example"},
			Entities: []medfencev1alpha1.Entity{medfencev1alpha1.EntityNodes},
		},
		Access: object.Access{Ports: tcp(443)},
	}
	want := []object.Rule{
		{Peers: object.Peers{Workloads: in.Workloads}, Access: in.Access},
		{Peers: object.Peers{Groups: in.Groups}, Access: in.Access},
		{Peers: object.Peers{FQDNs: in.FQDNs}, Access: in.Access},
		{Peers: object.Peers{Entities: in.Entities}, Access: in.Access},
	}
	if diff := cmp.Diff(want, object.Apart([]object.Rule{in}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
