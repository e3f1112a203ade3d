package object_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/render/object"
	"github.com/medfence/medfence/internal/snapshot"
)

func TestAWorkloadResolvesTheNamesThatItsZoneLetsIt(t *testing.T) {
	toNames := toPeer("updates", ports(flow.TCP, 443))
	toNames.To[0] = plan.End{Zone: "peer", FQDNs: []string{"updates.vendor.example", "*.cdn.example"}}
	cases := map[string]struct {
		mode     medfencev1alpha1.DNSMode
		conduits []plan.Conduit
		domain   string
		target   snapshot.TargetKind
		closed   bool
		watched  bool
		names    []string
	}{
		"None: nothing":             {mode: medfencev1alpha1.DNSNone, closed: true},
		"unsaid: nothing":           {closed: true},
		"Cluster: every name":       {mode: medfencev1alpha1.DNSCluster},
		"Cluster with name conduit": {mode: medfencev1alpha1.DNSCluster, conduits: []plan.Conduit{toNames}, watched: true},
		"Names without any: those of the cluster": {
			mode: medfencev1alpha1.DNSNames, watched: true, names: []string{"**.cluster.local"},
		},
		"Names: those of the conduits too": {
			mode: medfencev1alpha1.DNSNames, conduits: []plan.Conduit{toNames}, watched: true,
			names: []string{"**.cluster.local", "*.cdn.example", "updates.vendor.example"},
		},
		"Names in a cluster of another domain": {
			mode: medfencev1alpha1.DNSNames, domain: "Hospital.Internal.", watched: true, names: []string{"**.hospital.internal"},
		},
		"on netpol, Names is as Cluster": {
			mode: medfencev1alpha1.DNSNames, conduits: []plan.Conduit{toNames}, target: snapshot.Netpol,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			target := tc.target
			if target == "" {
				target = snapshot.Cilium
			}
			p := planOf(target, tc.conduits...)
			p.DNS = knownDNS()
			p.DNS.Domain = tc.domain
			got, ok := object.NewIndex(p).DNS(&plan.Workload{WorkloadKey: podA, DNS: tc.mode})
			if ok == tc.closed {
				t.Fatalf("open is %t", ok)
			}
			if got.Watched != tc.watched {
				t.Errorf("watched is %t", got.Watched)
			}
			if diff := cmp.Diff(tc.names, got.Names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func knownDNS() snapshot.DNS {
	return snapshot.DNS{
		Namespace: "kube-system",
		Selector:  map[string]string{"k8s-app": "kube-dns"},
		Ports:     []snapshot.DNSPort{{Protocol: flow.UDP, Port: 5353}, {Protocol: flow.TCP, Port: 5353}},
	}
}

func TestAnUnknownDNSIsNotGuessed(t *testing.T) {
	local := netip.MustParseAddr("169.254.20.10")
	cases := map[string]struct {
		change func(*snapshot.DNS)
		pods   bool
		open   bool
	}{
		"all known":                         {func(*snapshot.DNS) {}, true, true},
		"no namespace":                      {func(d *snapshot.DNS) { d.Namespace = "" }, false, false},
		"no selector would be all its pods": {func(d *snapshot.DNS) { d.Selector = nil }, false, false},
		"no ports would be all ports":       {func(d *snapshot.DNS) { d.Ports = nil }, false, false},
		"port 0 is none":                    {func(d *snapshot.DNS) { d.Ports = []snapshot.DNSPort{{Protocol: flow.UDP}} }, false, false},
		"a cache on the node is enough": {
			func(d *snapshot.DNS) { d.Selector, d.NodeLocal = nil, []netip.Addr{local, {}} }, false, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := planOf(snapshot.Cilium)
			p.DNS = knownDNS()
			tc.change(&p.DNS)
			got, open := object.NewIndex(p).DNS(&plan.Workload{WorkloadKey: podA, DNS: medfencev1alpha1.DNSCluster})
			if open != tc.open || (len(got.Pods.Namespaces) > 0) != tc.pods {
				t.Errorf("open is %t with pods %v", open, got.Pods)
			}
		})
	}
}
